"""What the steps of the expenses' workflows do; see `ecommerce.services` for the two kinds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Sum

from example_project.expenses.models import Booking, ClaimStatus, ExpenseClaim
from example_project.simulation import gateways
from example_project.simulation.gateways import GatewayDeclinedError
from example_project.simulation.models import Gateway

#: In whose months the books are kept.
OFFICE = ZoneInfo("Europe/Berlin")
#: No claim may be higher, whoever approves it.
POLICY_LIMIT_CENTS = 500_000
#: From 0, nothing, to 100.
SUSPICIOUS_SCORE = 50


class PolicyViolationError(Exception):
    """The company does not pay such a thing."""


class AccountRefusedError(Exception):
    """The bank knows no such account."""


class PayoutUnconfirmedError(Exception):
    """The bank took the order, and did not confirm that the money has arrived."""


@dataclass(frozen=True, slots=True)
class ClaimFacts:
    """What a claim says: read once, so that nobody changes it while it is decided."""

    number: str
    claimant: str
    department: str
    purpose: str
    amount_cents: int
    account: str


@dataclass(frozen=True, slots=True)
class DepartmentMonth:
    """A department, and a month of it: `begins_at` is in it, `ends_at` is not."""

    department: str
    begins_at: datetime
    ends_at: datetime


def load_facts(claim_id: int) -> ClaimFacts:
    claim = ExpenseClaim.objects.get(pk=claim_id)
    return ClaimFacts(
        number=claim.number,
        claimant=claim.claimant,
        department=claim.department,
        purpose=claim.purpose,
        amount_cents=claim.amount_cents,
        account=claim.account,
    )


# --- checks ---


def check_policy(amount_cents: int) -> None:
    if amount_cents > POLICY_LIMIT_CENTS:
        raise PolicyViolationError(f"More than {format_euros(POLICY_LIMIT_CENTS)} is never paid.")


def score_fraud(number: str) -> int:
    """Return how suspicious a claim is, from 0 to 100."""
    try:
        gateways.perform(Gateway.FRAUD, "score", number)
    except GatewayDeclinedError:
        return 90
    return 5


def read_receipt(claim_id: int) -> int:
    """Return what is printed on a claim's receipt, in cents."""
    claim = ExpenseClaim.objects.get(pk=claim_id)
    gateways.perform(Gateway.DOCUMENTS, "read", claim.number)
    return claim.receipt_cents


# --- the end of a claim ---


def reject(claim_id: int, reason: str) -> None:
    ExpenseClaim.objects.filter(pk=claim_id).update(status=ClaimStatus.REJECTED, reason=reason)


def book(claim_id: int, booked_at: datetime) -> int:
    """Enter a claim in the books; return the booking's id."""
    claim = ExpenseClaim.objects.get(pk=claim_id)
    ExpenseClaim.objects.filter(pk=claim_id).update(status=ClaimStatus.BOOKED)
    booking = Booking.objects.create(
        claim=claim,
        department=claim.department,
        amount_cents=claim.amount_cents,
        booked_at=booked_at,
    )
    return booking.pk


def reverse_booking(booking_id: int) -> None:
    """Book the opposite, in the same month."""
    booking = Booking.objects.get(pk=booking_id)
    ExpenseClaim.objects.filter(pk=booking.claim_id).update(status=ClaimStatus.UNPAID)
    Booking.objects.create(
        claim_id=booking.claim_id,
        department=booking.department,
        amount_cents=-booking.amount_cents,
        booked_at=booking.booked_at,
    )


def mark_paid(claim_id: int) -> None:
    ExpenseClaim.objects.filter(pk=claim_id).update(status=ClaimStatus.PAID)


# --- the bank ---


def order_transfer(number: str, amount_cents: int) -> str:
    """Have the bank send money to a claimant; return the transfer's id."""
    try:
        return gateways.perform(Gateway.BANK, "transfer", number, amount_cents=amount_cents)
    except GatewayDeclinedError as error:
        raise AccountRefusedError(str(error)) from error


def recall_transfer(transfer_id: str) -> None:
    transfer = gateways.load_entry(transfer_id)
    gateways.perform(
        Gateway.BANK, "recall", transfer.reference, amount_cents=-transfer.amount_cents
    )


# --- the report ---


def find_month_before(instant: datetime) -> tuple[datetime, datetime]:
    """Return where the office's month before the one of `instant` begins and ends."""
    local = instant.astimezone(OFFICE)
    ends_at = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (ends_at - timedelta(days=1)).replace(day=1), ends_at


def list_departments(begins_at: datetime, ends_at: datetime) -> list[str]:
    """Return the departments with expenses in the month, by name."""
    bookings = Booking.objects.filter(booked_at__gte=begins_at, booked_at__lt=ends_at)
    return sorted(set(bookings.values_list("department", flat=True)))


def sum_expenses(month: DepartmentMonth) -> int:
    """Return what a department spent in its month, in cents."""
    bookings = Booking.objects.filter(
        department=month.department,
        booked_at__gte=month.begins_at,
        booked_at__lt=month.ends_at,
    )
    return bookings.aggregate(sum=Sum("amount_cents"))["sum"] or 0


def send_report(to: str, total_cents: int) -> str:
    """Send a department, or the company, what was spent."""
    return gateways.perform(Gateway.MAIL, "report", to, amount_cents=total_cents)


def format_euros(cents: int) -> str:
    return f"€ {cents // 100:,}.{cents % 100:02}"
