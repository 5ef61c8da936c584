from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Account(models.Model):
    """A bank account. Its balance is the sum of its postings."""

    number = models.CharField(max_length=40, unique=True)
    owner = models.CharField(max_length=100)
    balance_cents = models.BigIntegerField(default=0)
    is_open = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(balance_cents__gte=0), name="finance_account_balance_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} ({self.owner})"


class Posting(models.Model):
    """A movement of money; never changed, only reversed by another."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="postings")
    amount_cents = models.BigIntegerField()
    text = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.amount_cents} on {self.account_id}: {self.text}"


class Application(models.Model):
    """Somebody who would like an account."""

    applicant = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    account = models.OneToOneField(Account, on_delete=models.PROTECT, null=True, blank=True)

    def __str__(self) -> str:
        return self.applicant
