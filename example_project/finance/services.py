"""What the steps of the bank's workflows do; see `ecommerce.services` for the two kinds."""

from __future__ import annotations

from django.db.models import F

from example_project.finance.models import Account, Application, Posting
from example_project.simulation import gateways
from example_project.simulation.gateways import GatewayDeclinedError
from example_project.simulation.models import Gateway


class AccountClosedError(Exception):
    """There is no open account of this number."""


class InsufficientFundsError(Exception):
    """The account does not hold that much."""


class IdentityRejectedError(Exception):
    """The document does not show the applicant."""


class CreditRefusedError(Exception):
    """The applicant has debts."""


class ApplicationRejectedError(Exception):
    """A reviewer said no."""


def debit(number: str, amount_cents: int, text: str) -> int:
    """Take money from an account; return the posting's id."""
    account = _load_open_account(number)
    enough = Account.objects.filter(pk=account.pk, balance_cents__gte=amount_cents)
    if not enough.update(balance_cents=F("balance_cents") - amount_cents):
        raise InsufficientFundsError(number)
    return Posting.objects.create(account=account, amount_cents=-amount_cents, text=text).pk


def credit(number: str, amount_cents: int, text: str) -> int:
    """Give money to an account; return the posting's id."""
    account = _load_open_account(number)
    Account.objects.filter(pk=account.pk).update(balance_cents=F("balance_cents") + amount_cents)
    return Posting.objects.create(account=account, amount_cents=amount_cents, text=text).pk


def reverse_posting(posting_id: int) -> None:
    """Post the opposite."""
    posting = Posting.objects.get(pk=posting_id)
    account = Account.objects.filter(pk=posting.account_id)
    account.update(balance_cents=F("balance_cents") - posting.amount_cents)
    Posting.objects.create(
        account_id=posting.account_id, amount_cents=-posting.amount_cents, text="reversed"
    )


def upload_document(application_id: int) -> str:
    return gateways.perform(Gateway.DOCUMENTS, "upload", reference_of(application_id))


def delete_document(document_id: str) -> None:
    reference = gateways.load_entry(document_id).reference
    gateways.perform(Gateway.DOCUMENTS, "delete", reference)


def verify_identity(application_id: int) -> None:
    try:
        gateways.perform(Gateway.IDENTITY, "verify", reference_of(application_id))
    except GatewayDeclinedError as error:
        raise IdentityRejectedError(str(error)) from error


def check_credit(application_id: int) -> None:
    try:
        gateways.perform(Gateway.CREDIT, "check", reference_of(application_id))
    except GatewayDeclinedError as error:
        raise CreditRefusedError(str(error)) from error


def open_account(application_id: int) -> str:
    """Open an account for the applicant; return its number."""
    application = Application.objects.get(pk=application_id)
    account = Account.objects.create(number=f"A{application_id:06}", owner=application.applicant)
    Application.objects.filter(pk=application_id).update(account=account)
    return account.number


def close_account(number: str) -> None:
    Account.objects.filter(number=number).update(is_open=False)


def issue_card(application_id: int) -> str:
    return gateways.perform(Gateway.CARDS, "issue", reference_of(application_id))


def send_welcome(application_id: int) -> None:
    gateways.perform(Gateway.MAIL, "send", reference_of(application_id))


def reference_of(application_id: int) -> str:
    """Return what the other systems know an application by."""
    return f"application-{application_id}"


def _load_open_account(number: str) -> Account:
    account = Account.objects.filter(number=number, is_open=True).first()
    if account is None:
        raise AccountClosedError(number)
    return account
