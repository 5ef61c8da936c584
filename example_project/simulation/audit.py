"""Compare the books of one start: what the outside world did, and what our own tables say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import F, Sum

from example_project.ecommerce.models import Order, OrderStatus, Product
from example_project.expenses.models import Booking, ClaimStatus, ExpenseClaim
from example_project.finance.models import Account, Application
from example_project.finance.services import reference_of
from example_project.simulation.models import LedgerEntry
from example_project.simulation.stage import OPENING_CENTS, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must be so, and whether it is."""

    claim: str
    holds: bool
    figures: str


def audit(stage: Stage) -> Iterator[Check]:
    """Check what holds once every execution of the stage has ended."""
    yield from _audit_orders(stage)
    yield _audit_stock(stage)
    yield from _audit_money(stage)
    yield from _audit_onboarding(stage)
    yield from _audit_expenses(stage)


def _audit_orders(stage: Stage) -> Iterator[Check]:
    charges = _count("charge", prefix=f"{stage.label}-order-")
    refunds = _count("refund", prefix=f"{stage.label}-order-")
    parcels = _count("ship", prefix=f"{stage.label}-order-")
    shipped = set(_numbers(stage, OrderStatus.SHIPPED))
    yield Check(
        claim="No card was charged twice",
        holds=max(charges.values(), default=0) <= 1,
        figures=f"{charges.total()} charges for {len(charges)} orders",
    )
    yield Check(
        claim="Who was charged got a parcel, or the money back, once",
        holds=charges == refunds + Counter(shipped),
        figures=f"{len(shipped)} shipped, {refunds.total()} refunded",
    )
    yield Check(
        claim="One parcel per order that was shipped",
        holds=parcels == Counter(shipped),
        figures=f"{parcels.total()} parcels",
    )


def _audit_stock(stage: Stage) -> Check:
    sold = Order.objects.filter(product=stage.product, status=OrderStatus.SHIPPED)
    gone = sold.aggregate(sum=Sum("quantity"))["sum"] or 0
    left = Product.objects.get(pk=stage.product.pk).stock
    return Check(
        claim="Every piece is on the shelf or sold",
        holds=left + gone == stage.opening_stock,
        figures=f"{left} left + {gone} sold = {stage.opening_stock}",
    )


def _audit_money(stage: Stage) -> Iterator[Check]:
    accounts = Account.objects.filter(number__startswith=f"{stage.label}-")
    total = accounts.aggregate(sum=Sum("balance_cents"))["sum"] or 0
    opening = OPENING_CENTS * len(stage.accounts)
    yield Check(
        claim="No cent was made or lost",
        holds=total == opening,
        figures=f"{total / 100:.2f} of {opening / 100:.2f}",
    )
    wrong = accounts.annotate(posted=Sum("postings__amount_cents", default=0)).exclude(
        posted=F("balance_cents")
    )
    yield Check(
        claim="Every balance is the sum of its postings",
        holds=not wrong.exists(),
        figures=f"{accounts.count()} accounts",
    )


def _audit_onboarding(stage: Stage) -> Iterator[Check]:
    applications = Application.objects.filter(applicant__startswith=f"{stage.label}-")
    references = {reference_of(pk) for pk in applications.values_list("pk", flat=True)}
    customers = applications.filter(account__is_open=True).values_list("pk", flat=True)
    taken = {reference_of(pk) for pk in customers}
    kept = _count("upload", references) - _count("delete", references)
    yield Check(
        claim="Documents are kept of customers only",
        holds=kept == Counter(taken),
        figures=f"{kept.total()} of {len(references)} applicants",
    )
    cards = _count("issue", references)
    yield Check(
        claim="One card per new customer",
        holds=cards == Counter(taken),
        figures=f"{cards.total()} cards, {len(taken)} open accounts",
    )


def _audit_expenses(stage: Stage) -> Iterator[Check]:
    claims = ExpenseClaim.objects.filter(account__startswith=f"{stage.label}-")
    paid = claims.filter(status=ClaimStatus.PAID)
    numbers = [claim.number for claim in claims]
    transfers, recalls = _count("transfer", numbers), _count("recall", numbers)
    yield Check(
        claim="Who got a claim paid got one transfer; others none, or it was recalled",
        holds=transfers == recalls + Counter(claim.number for claim in paid),
        figures=f"{transfers.total()} transfers, {recalls.total()} recalled",
    )
    booked = Booking.objects.filter(claim__in=claims).aggregate(sum=Sum("amount_cents"))
    claimed = paid.aggregate(sum=Sum("amount_cents"))
    yield Check(
        claim="The books hold what was paid",
        holds=booked["sum"] == claimed["sum"],
        figures=f"{(booked['sum'] or 0) / 100:.2f}",
    )


def _count(operation: str, references: Iterable[str] = (), *, prefix: str = "") -> Counter[str]:
    """Return how often the outside world did something, by reference."""
    entries = LedgerEntry.objects.filter(operation=operation)
    if prefix:
        entries = entries.filter(reference__startswith=prefix)
    else:
        entries = entries.filter(reference__in=references)
    return Counter(entries.values_list("reference", flat=True))


def _numbers(stage: Stage, status: OrderStatus) -> Iterable[str]:
    orders = Order.objects.filter(product=stage.product, status=status)
    return orders.values_list("number", flat=True)
