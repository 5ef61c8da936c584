"""Stores with one fault each, of the kinds that other engines have had: to prove the checker.

Without a crash every one of them does what it should.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import transaction

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.signal import Signal
from durable_django.domain.status import CheckpointKind, CheckpointStatus, Interrupt
from durable_django.domain.wait import Suspension, Wait
from durable_django.models import (
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)
from durable_django.stores.orm.store import OrmCheckpointStore


class CheckpointAfterCommit(OrmCheckpointStore):
    """An atomic step's checkpoint is not in the transaction of its action."""

    def run_atomic(
        self, claim: Claim, checkpoint: Checkpoint, action: Callable[[], Checkpoint]
    ) -> Checkpoint | Interrupt:
        with transaction.atomic():
            done = action()
        self.record_outcome(claim, done)
        return done


class SignalConsumedBeforeCheckpoint(OrmCheckpointStore):
    """A signal is taken out of the mailbox before the wait records that it has it."""

    def deliver_signal(
        self, claim: Claim, checkpoint: Checkpoint, signal: Signal
    ) -> Interrupt | None:
        WorkflowSignal.objects.filter(pk=signal.id).update(status="delivered")
        self.record_outcome(claim, checkpoint)
        WorkflowTimer.objects.filter(
            execution_id=claim.execution_id, key=checkpoint.key, status="pending"
        ).update(status="cancelled")
        return None


class TimerArmedAnew(OrmCheckpointStore):
    """Recovery starts the timers it finds from the beginning."""

    def claim_due(self, *args: Any) -> list[Claim]:
        claims = super().claim_due(*args)
        for claim in claims:
            if claim.execution.recoveries:
                self._arm_anew(claim)
        return claims

    def _arm_anew(self, claim: Claim) -> None:
        for key, timer in claim.timers.items():
            fire_at = claim.now + timedelta(hours=1)
            claim.timers[key] = replace(timer, fire_at=fire_at)
            WorkflowTimer.objects.filter(execution_id=claim.execution_id, key=key).update(
                fire_at=fire_at
            )


class UndoRecordedBeforeItRuns(OrmCheckpointStore):
    """The record that a step is undone comes first, and then the undo."""

    def record_intent(
        self, claim: Claim, checkpoint: Checkpoint, *, must_survive: bool = False
    ) -> Interrupt | None:
        if checkpoint.kind is not CheckpointKind.UNDO:
            return super().record_intent(claim, checkpoint, must_survive=must_survive)
        done = replace(checkpoint, status=CheckpointStatus.COMPLETED, output="null")
        self.record_outcome(claim, done)
        return None

    def record_undo(self, claim: Claim, undo: Checkpoint, undone: Checkpoint) -> None:
        StepCheckpoint.objects.filter(execution_id=claim.execution_id, key=undone.key).update(
            status="compensated"
        )


class SuspensionInTwo(OrmCheckpointStore):
    """An execution is let go of in one statement, and given its alarm in the next."""

    def suspend(self, claim: Claim, wait: Wait) -> Interrupt | Suspension:
        WorkflowExecution.objects.filter(pk=claim.execution_id).update(wake_at=None, order_at=None)
        return super().suspend(claim, wait)


class ClaimWithoutLease(OrmCheckpointStore):
    """A claim takes the execution out of the scan, and trusts the claimant to bring it back."""

    def claim_due(self, *args: Any) -> list[Claim]:
        claims = super().claim_due(*args)
        held = [claim.execution_id for claim in claims]
        WorkflowExecution.objects.filter(pk__in=held).update(wake_at=None, order_at=None)
        return claims


class NoIntent(OrmCheckpointStore):
    """Nothing is written before an action runs."""

    def record_intent(
        self, claim: Claim, checkpoint: Checkpoint, *, must_survive: bool = False
    ) -> Interrupt | None:
        return None


class FenceAskedFor(OrmCheckpointStore):
    """A slice writes under whatever fence the execution has, and not under its own."""

    def record_outcome(self, claim: Claim, checkpoint: Checkpoint) -> None:
        claim.fence = self.load_execution(claim.execution_id).fence
        super().record_outcome(claim, checkpoint)
