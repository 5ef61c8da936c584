"""What the pages that act tell of an execution's steps: kept, undone, done again. No payloads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from durable_django.conf import settings
from durable_django.control.items import count_items_of
from durable_django.control.wording import CALL_WORDS
from durable_django.domain.status import CheckpointKind, CheckpointStatus, TimerStatus
from durable_django.models import StepCheckpoint, WorkflowExecution, WorkflowTimer
from durable_django.stores.orm.children import without_items

_FIELDS = (
    "key",
    "kind",
    "status",
    "position",
    "branch_position",
    "compensation",
    "is_final",
    "retry_at",
    "attempt",
)
#: They did something outside, which is undone or stays.
_HAVE_EFFECTS = frozenset({CheckpointKind.STEP, CheckpointKind.CHILD, CheckpointKind.MAP})
_PUT_OFF = (CheckpointStatus.FAILED.value, CheckpointStatus.INTENT.value)
#: More than these are not offered to be fired one by one.
MAX_PENDING = 200


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
    branch_position: int = 0
    #: How many items of a map were completed and can be undone.
    to_undo: int = 0

    @property
    def is_step(self) -> bool:
        """Whether it did something outside, unlike a sleep or a wait."""
        return self.kind in _HAVE_EFFECTS

    @property
    def word(self) -> str:
        """What kind of call it is; empty for a step."""
        return str(CALL_WORDS[self.kind])

    @property
    def has_undo(self) -> bool:
        """Whether it, or an item of it, can be undone."""
        if self.kind is CheckpointKind.MAP:
            return self.to_undo > 0
        return bool(self.compensation)

    @property
    def group(self) -> str:
        """The outermost group that it stands in; empty in the body."""
        return self.key.partition("/")[0] if self.branch_position else ""

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
    """Return the durable calls, in the order of the body; items of maps stand in their maps."""
    rows = (
        without_items(StepCheckpoint.objects.using(settings().database))
        .filter(execution_id=execution.pk)
        .exclude(kind=CheckpointKind.UNDO.value)
        .order_by("position", "key", "attempt")
        .values(*_FIELDS)
    )
    latest = {row["key"]: row for row in rows}
    steps = [
        StepFact(
            **row | {"kind": CheckpointKind(row["kind"]), "status": CheckpointStatus(row["status"])}
        )
        for row in latest.values()
    ]
    counts = count_items_of(execution.pk, [s.key for s in steps if s.kind is CheckpointKind.MAP])
    return [replace(s, to_undo=counts[s.key].to_undo) if s.key in counts else s for s in steps]


def list_pending(execution: WorkflowExecution) -> list[Pending]:
    """Return the execution's timers and attempts that are put off, by their time; the first ones."""
    timers = (
        WorkflowTimer.objects.using(settings().database)
        .filter(execution_id=execution.pk, status=TimerStatus.PENDING.value)
        .values_list("key", "fire_at")
    )
    attempts = (
        StepCheckpoint.objects.using(settings().database)
        .filter(
            execution_id=execution.pk,
            # A failed attempt that is tried again, or a poll that checks again.
            status__in=_PUT_OFF,
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
    return sorted(pending, key=lambda one: (one.due_at, one.key))[:MAX_PENDING]


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
    waits = {(status, False) for status in _PUT_OFF}
    return {key: at for key, at in put_off.items() if last[key] in waits}
