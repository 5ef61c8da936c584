"""An execution's durable calls as they were made.

What the timeline, the graph and the explanation have in common. Nothing here reads a database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.status import (
    HELD_STATUSES,
    CheckpointKind,
    CheckpointStatus,
    WaitKind,
)
from durable_django.domain.timer import Timer

#: An undo's key is this and the key of what it undoes.
UNDO_PREFIX = "~undo/"
#: Their rows are written when they are over; of the others when they begin.
_WRITTEN_AT_THE_END = frozenset(
    {CheckpointKind.SLEEP, CheckpointKind.SIGNAL, CheckpointKind.EVENT, CheckpointKind.GROUP}
)
#: Begun and not ended, they wait for something outside; no worker is at them.
WAITS_OUTSIDE = frozenset({CheckpointKind.CHILD, CheckpointKind.TASK})
#: Begun and not ended, a worker may be at them, or they wait for their next turn.
_TAKES_TURNS = frozenset({CheckpointKind.MAP, CheckpointKind.POLL})
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One durable call of the body: its attempts, and those of its undo."""

    key: str
    name: str
    kind: CheckpointKind
    position: int
    #: Oldest first; never empty.
    attempts: tuple[Checkpoint, ...]
    #: The attempts of its undo, oldest first.
    undos: tuple[Checkpoint, ...] = ()

    @property
    def last(self) -> Checkpoint:
        """The latest attempt."""
        return self.attempts[-1]

    @property
    def is_to_undo(self) -> bool:
        """Whether it was completed, has an undo and was not undone; a map's items are."""
        is_map = self.kind is CheckpointKind.MAP
        return (
            not is_map
            and self.last.status is CheckpointStatus.COMPLETED
            and bool(self.last.compensation)
        )


def group_calls(checkpoints: Iterable[Checkpoint]) -> list[Call]:
    """Return the calls in the order in which they were first made.

    An undo is part of the call it undoes; one whose call is not given stands for itself.
    """
    rows: dict[str, list[Checkpoint]] = {}
    undos: dict[str, list[Checkpoint]] = {}
    for row in sorted(checkpoints, key=lambda row: row.attempt):
        table = undos if row.kind is CheckpointKind.UNDO else rows
        table.setdefault(row.key, []).append(row)
    calls = [
        _to_call(attempts, undos.pop(f"{UNDO_PREFIX}{key}", ())) for key, attempts in rows.items()
    ]
    calls += [_to_call(attempts, ()) for attempts in undos.values()]
    return sorted(calls, key=lambda call: (*order_of(call.attempts[0]), call.key))


def order_of(row: Checkpoint) -> tuple[datetime, int, int]:
    """Return what puts attempts of the body in the order in which it came to them."""
    # A sleep's row begins when its timer was due and a wait's when it was over: the body came to
    # both after everything that had ended by the time they did.
    is_late = row.kind in _WRITTEN_AT_THE_END
    first, second = (
        (row.completed_at, row.started_at) if is_late else (row.started_at, row.completed_at)
    )
    return first or second or _NEVER, row.position, row.attempt


def undone_key(row: Checkpoint) -> str:
    """Return the key of the call that the row's undo undoes; empty if it is none of an undo."""
    return row.key.removeprefix(UNDO_PREFIX) if row.kind is CheckpointKind.UNDO else ""


def list_in_order(checkpoints: Iterable[Checkpoint]) -> list[Checkpoint]:
    """Return all attempts in the order in which they were made."""
    return sorted(checkpoints, key=order_of)


def find_last_end(execution: Execution, checkpoints: Iterable[Checkpoint]) -> datetime:
    """Return since when nothing was recorded: what comes now began then, or a little later.

    That is the end of the last attempt; before any, the first claim, or the start. After a
    person retried it, what was recorded before does not count: then it is the row's last change.
    """
    ends = [row.completed_at for row in checkpoints if row.completed_at is not None]
    current = [row for row in checkpoints if row.epoch == execution.epoch]
    if execution.epoch and not current and not execution.forked_from:
        return execution.updated_at
    return max([execution.started_at or execution.created_at, *ends])


def is_held(execution: Execution) -> bool:
    """Say whether a worker holds the execution, or held it when it was lost."""
    return execution.status in HELD_STATUSES and execution.waiting_kind is WaitKind.NOTHING


def is_running(execution: Execution, now: datetime) -> bool:
    """Say whether a worker holds the execution and its lease has not run out."""
    return is_held(execution) and execution.wake_at is not None and execution.wake_at > now


def find_open(calls: Iterable[Call]) -> Checkpoint | None:
    """Return the attempt, of a call or an undo, that was begun and that a worker may be at."""
    rows = (row for call in calls for row in (call.attempts[-1:] + call.undos[-1:]))
    found = [row for row in rows if is_open(row) and row.kind not in WAITS_OUTSIDE]
    return max(found, key=_how_current, default=None)


def is_open(row: Checkpoint) -> bool:
    """Say whether the attempt was begun and its end is not recorded."""
    return row.status is CheckpointStatus.INTENT


def _how_current(row: Checkpoint) -> tuple[bool, datetime]:
    # What takes turns may have been begun long ago, and is not what runs if anything else does.
    return row.kind not in _TAKES_TURNS, row.started_at or _NEVER


def find_unclaimed_timers(calls: Iterable[Call], timers: Iterable[Timer]) -> list[Timer]:
    """Return the timers whose calls have no checkpoint: still to fire, or cancelled unfired."""
    known = {call.key for call in calls}
    return [timer for timer in timers if timer.key not in known]


def _to_call(attempts: Sequence[Checkpoint], undos: Sequence[Checkpoint]) -> Call:
    last = attempts[-1]
    return Call(
        key=last.key,
        name=last.name,
        kind=last.kind,
        position=last.position,
        attempts=tuple(attempts),
        undos=tuple(undos),
    )
