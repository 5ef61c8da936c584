"""Talk to the pretend outside world, which does each thing once per idempotency key.

As a good payment provider does: asked again with the same key, it gives the first answer again.
"""

from __future__ import annotations

import os
import time

from django.db.models import F, Q
from django.utils import timezone

from durable_django import current_step
from example_project.simulation.models import (
    FaultKind,
    FaultSwitch,
    Gateway,
    GatewayCall,
    LedgerEntry,
)


class GatewayDownError(Exception):
    """The system gave no answer, and did nothing; trying again may help."""


class GatewayDeclinedError(Exception):
    """The system understood, and says no; trying again does not help."""


def perform(gateway: Gateway, operation: str, reference: str, *, amount_cents: int = 0) -> str:
    """Have a gateway do something, for the step that is running; return its receipt.

    Raises:
        GatewayDownError: A fault switch says that it fails now.
        GatewayDeclinedError: A fault switch says that it declines.
        DurableCallError: No step is running.
    """
    step = current_step()
    call = GatewayCall.objects.create(
        gateway=gateway,
        operation=operation,
        reference=reference,
        idempotency_key=step.idempotency_key,
        attempt=step.attempt,
        pid=os.getpid(),
    )
    outcome = "broken off"
    try:
        _fail_or_decline(gateway, operation, reference)
        entry, is_new = LedgerEntry.objects.get_or_create(
            idempotency_key=step.idempotency_key,
            defaults={
                "gateway": gateway,
                "operation": operation,
                "reference": reference,
                "amount_cents": amount_cents,
                "pid": call.pid,
            },
        )
        # After the effect: a worker that dies now leaves nobody who knows that it happened.
        _dawdle(gateway, reference)
        outcome = "done" if is_new else "done before"
    except (GatewayDownError, GatewayDeclinedError) as error:
        outcome = str(error)
        raise
    finally:
        GatewayCall.objects.filter(pk=call.pk).update(
            ended_at=timezone.now(), outcome=outcome[:100]
        )
    return f"{operation}/{entry.reference}"


def load_entry(receipt: str) -> LedgerEntry:
    """Return what `perform` did first under a receipt it returned."""
    operation, _, reference = receipt.partition("/")
    return LedgerEntry.objects.filter(operation=operation, reference=reference).earliest("pk")


def _fail_or_decline(gateway: Gateway, operation: str, reference: str) -> None:
    if _take_fault(gateway, FaultKind.FAIL, reference):
        raise GatewayDownError(f"{gateway.label}: no answer to {operation} {reference}")
    if _take_fault(gateway, FaultKind.DECLINE, reference):
        raise GatewayDeclinedError(f"{gateway.label}: {operation} {reference} declined")


def _dawdle(gateway: Gateway, reference: str) -> None:
    fault = _take_fault(gateway, FaultKind.SLOW, reference)
    if fault is not None:
        time.sleep(fault.seconds)


def _take_fault(gateway: Gateway, kind: FaultKind, reference: str) -> FaultSwitch | None:
    """Return a switch that is on, and count it down."""
    switches = FaultSwitch.objects.filter(gateway=gateway, kind=kind)
    for switch in switches.filter(Q(reference="") | Q(reference=reference)).order_by("pk"):
        if switch.remaining is None:
            return switch
        # Counted in the update itself: two workers must not both take the last one.
        still_on = FaultSwitch.objects.filter(pk=switch.pk, remaining__gt=0)
        if still_on.update(remaining=F("remaining") - 1):
            return switch
    return None
