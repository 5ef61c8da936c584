"""The memory of the pretend outside world: what was asked of it, what it did, how it misbehaves.

In tables, because a worker that is killed forgets everything else.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class Gateway(models.TextChoices):
    """The systems this project pretends to talk to."""

    PAYMENT = "payment"
    SHIPPING = "shipping"
    DOCUMENTS = "documents", "document store"
    IDENTITY = "identity", "identity provider"
    CREDIT = "credit", "credit bureau"
    CARDS = "cards", "card issuer"
    FRAUD = "fraud", "fraud scoring"
    BANK = "bank", "the company's bank"
    MAIL = "mail"


class FaultKind(models.TextChoices):
    """How a gateway may misbehave."""

    FAIL = "fail", "fails before it does anything"
    DECLINE = "decline", "says no, for business reasons"
    SLOW = "slow", "does it at once and answers late"


class FaultSwitch(models.Model):
    """Makes a gateway misbehave, from the next call on."""

    gateway = models.CharField(max_length=20, choices=Gateway.choices)
    kind = models.CharField(max_length=20, choices=FaultKind.choices)
    reference = models.CharField(
        max_length=100, blank=True, default="", help_text="Only calls about this; empty: all calls."
    )
    remaining = models.PositiveIntegerField(
        null=True, blank=True, help_text="How many calls more; empty: until the switch is deleted."
    )
    seconds = models.FloatField(default=0, help_text="How late a slow answer is.")

    class Meta:
        verbose_name_plural = "fault switches"

    def __str__(self) -> str:
        return f"{self.gateway} {self.kind} {self.reference or 'always'}"


class LedgerEntry(models.Model):
    """An effect in the outside world: money taken, a parcel sent. There is no deleting it."""

    gateway = models.CharField(max_length=20, choices=Gateway.choices)
    operation = models.CharField(max_length=40)
    reference = models.CharField(max_length=100)
    amount_cents = models.BigIntegerField(default=0)
    # What makes an effect happen once, however often it is asked for.
    idempotency_key = models.CharField(max_length=64, unique=True)
    pid = models.PositiveIntegerField(help_text="The worker process that asked first.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "ledger"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["reference"], name="simulation_ledger_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.operation} {self.reference}"


class GatewayCall(models.Model):
    """A request to a gateway, also one that was refused, repeated or never answered."""

    gateway = models.CharField(max_length=20, choices=Gateway.choices)
    operation = models.CharField(max_length=40)
    reference = models.CharField(max_length=100)
    idempotency_key = models.CharField(max_length=64)
    attempt = models.PositiveIntegerField()
    pid = models.PositiveIntegerField()
    began_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="Empty while it runs, and for ever if its worker died."
    )
    outcome = models.CharField(max_length=100, blank=True, default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["reference"], name="simulation_call_by_reference"),
        ]

    def __str__(self) -> str:
        return f"{self.gateway} {self.operation} {self.reference}"
