"""Set the stage for one start of the demo: products, accounts, and their opening figures.

Every start has its own, told apart by a label, so that the figures of one can be checked whatever
the starts before it left in the database.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from django.contrib.auth import get_user_model

from example_project.ecommerce.models import Product
from example_project.finance.models import Account, Posting
from example_project.simulation.people import make_people

OPENING_CENTS = 100_000
ACCOUNTS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What one start of the demo plays with."""

    #: Begins every order number, account number and name of this start.
    label: str
    product: Product
    #: Of the product.
    opening_stock: int
    accounts: list[Account]
    #: An account that nobody can pay into any more.
    closed_account: Account


def set_stage(*, stock: int = 100) -> Stage:
    """Make the rows of a new start, with `stock` pieces to sell."""
    make_people()
    label = secrets.token_hex(2)
    product = Product.objects.create(
        sku=f"{label}-lamp", name="Desk lamp", price_cents=4_900, stock=stock
    )
    accounts = [_open_account(f"{label}-{index}") for index in range(1, ACCOUNTS + 1)]
    closed = Account.objects.create(number=f"{label}-closed", owner="Nobody", is_open=False)
    return Stage(
        label=label,
        product=product,
        opening_stock=stock,
        accounts=accounts,
        closed_account=closed,
    )


def make_superuser() -> tuple[str, str]:
    """Make the admin's user, or give it a new password; return name and password."""
    password = secrets.token_urlsafe(6)
    user, _ = get_user_model().objects.get_or_create(
        username="admin", defaults={"is_staff": True, "is_superuser": True}
    )
    user.set_password(password)
    user.save(update_fields=["password"])
    return user.get_username(), password


def _open_account(number: str) -> Account:
    account = Account.objects.create(number=number, owner="Ada", balance_cents=OPENING_CENTS)
    Posting.objects.create(account=account, amount_cents=OPENING_CENTS, text="opening")
    return account
