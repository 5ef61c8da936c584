"""What the pages that act tell of an execution's steps: kept, undone, done again. No payloads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from durable_django.conf import settings
from durable_django.domain.status import CheckpointKind, CheckpointStatus, TimerStatus
from durable_django.models import StepCheckpoint, WorkflowExecution, WorkflowTimer

_FIELDS = ("key", "kind", "status", "position", "compensation", "is_final", "retry_at", "attempt")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFact:
    """The latest attempt of one durable call."""

    key: str
    kind: CheckpointKind
    status: CheckpointStatus
    position: int
    compensation: str
    is_final: bool
    retry_at: datetime | None
    attempt: int

    @property
    def is_step(self) -> bool:
        """Whether it did something outside, unlike a sleep or a wait."""
        return self.kind is CheckpointKind.STEP

    @property
    def is_done(self) -> bool:
        """Whether it was completed and not undone."""
        return self.status is CheckpointStatus.COMPLETED

    @property
    def is_undone(self) -> bool:
        """Whether it was completed and undone."""
        return self.status is CheckpointStatus.COMPENSATED

    @property
    def is_settled(self) -> bool:
        """Whether its outcome is known and holds: a fork after it keeps it."""
        return self.is_done or (self.status is CheckpointStatus.FAILED and self.is_final)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Something that a person may have happen now instead of at its time."""

    key: str
    due_at: datetime
    #: A sleep, a wait's timeout, or a step's next attempt.
    is_attempt: bool = False


def list_steps(execution: WorkflowExecution) -> list[StepFact]:
    """Return the durable calls of the body, in its order."""
    rows = (
        StepCheckpoint.objects.using(settings().database)
        .filter(execution_id=execution.pk)
        .exclude(kind=CheckpointKind.UNDO.value)
        .order_by("position", "key", "attempt")
        .values(*_FIELDS)
    )
    latest = {row["key"]: row for row in rows}
    return [
        StepFact(
            **row | {"kind": CheckpointKind(row["kind"]), "status": CheckpointStatus(row["status"])}
        )
        for row in latest.values()
    ]


def list_pending(execution: WorkflowExecution) -> list[Pending]:
    """Return the execution's timers and attempts that are not due yet, by their time."""
    timers = (
        WorkflowTimer.objects.using(settings().database)
        .filter(execution_id=execution.pk, status=TimerStatus.PENDING.value)
        .values_list("key", "fire_at")
    )
    attempts = (
        StepCheckpoint.objects.using(settings().database)
        .filter(
            execution_id=execution.pk,
            status=CheckpointStatus.FAILED.value,
            is_final=False,
            retry_at__isnull=False,
        )
        .order_by("attempt")
        .values_list("key", "retry_at", "attempt")
    )
    # Only the latest attempt of a call is followed by another.
    put_off = {key: retry_at for key, retry_at, _ in attempts if retry_at is not None}
    waiting = _still_to_come(execution, put_off)
    pending = [Pending(key=key, due_at=due_at) for key, due_at in timers]
    pending += [Pending(key=k, due_at=at, is_attempt=True) for k, at in waiting.items()]
    return sorted(pending, key=lambda one: (one.due_at, one.key))


def newest_first(steps: Iterable[StepFact]) -> list[StepFact]:
    """Return the steps in the order in which they are undone."""
    return sorted(steps, key=lambda step: step.position, reverse=True)


def _still_to_come(
    execution: WorkflowExecution, put_off: dict[str, datetime]
) -> dict[str, datetime]:
    later = (
        StepCheckpoint.objects.using(settings().database)
        .filter(execution_id=execution.pk, key__in=list(put_off))
        .order_by("attempt")
        .values_list("key", "status", "is_final")
    )
    last = {key: (status, is_final) for key, status, is_final in later}
    return {k: at for k, at in put_off.items() if last[k] == (CheckpointStatus.FAILED.value, False)}
