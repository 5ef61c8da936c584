from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class ClaimStatus(models.TextChoices):
    SUBMITTED = "submitted"
    REJECTED = "rejected"
    #: Booked, and under way to the claimant's bank.
    BOOKED = "booked"
    PAID = "paid"
    #: Approved, but the money did not arrive; the booking is reversed.
    UNPAID = "unpaid"


class ExpenseClaim(models.Model):
    """What an employee paid for the company, and would like to have back."""

    #: A username.
    claimant = models.CharField(max_length=150)
    department = models.CharField(max_length=40)
    purpose = models.CharField(max_length=100)
    amount_cents = models.PositiveIntegerField()
    receipt_cents = models.PositiveIntegerField(help_text="What is printed on the receipt.")
    account = models.CharField(max_length=40, help_text="Where the money goes.")
    status = models.CharField(
        max_length=20, choices=ClaimStatus.choices, default=ClaimStatus.SUBMITTED
    )
    #: Why it was rejected.
    reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(amount_cents__gte=1), name="expenses_claim_of_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.purpose}"

    @property
    def number(self) -> str:
        """What people and other systems know it by."""
        return f"EXP-{self.pk}"


class Booking(models.Model):
    """An expense in the company's books; never changed, only reversed by another."""

    claim = models.ForeignKey(ExpenseClaim, on_delete=models.PROTECT, related_name="bookings")
    department = models.CharField(max_length=40)
    amount_cents = models.IntegerField()
    booked_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["booked_at", "department"], name="expenses_booking_by_month"),
        ]

    def __str__(self) -> str:
        return f"{self.claim.number} {self.amount_cents}"
