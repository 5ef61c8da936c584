"""What the rows of one timeline are made with: what came before what, and what is going on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from durable_django.control.calls import Call, is_running, list_in_order
from durable_django.control.timeline.values import Record
from durable_django.control.waiting import list_current_waits
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.signal import Signal, event_name_of, wait_kind_of
from durable_django.domain.status import CheckpointKind, CheckpointStatus, SignalStatus, WaitKind


@dataclass(slots=True)
class Known:
    """The record of an execution, with what follows from all of it."""

    record: Record
    calls: list[Call]
    #: What was made before each attempt, by key and attempt.
    before: dict[tuple[str, int], Checkpoint | None] = field(init=False)
    #: The latest attempt of each call and undo, by key.
    latest: dict[str, Checkpoint] = field(init=False)
    #: What each wait consumed, by key and attempt.
    consumed: dict[tuple[str, int], Signal] = field(init=False)
    is_running: bool = field(init=False)
    #: The keys of the calls whose next attempt the execution waits for.
    retrying: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        rows = list_in_order(self.record.checkpoints)
        self.before = dict(_pair_with_former(rows))
        self.latest = {row.key: row for row in sorted(rows, key=lambda row: row.attempt)}
        self.consumed = _match_signals(rows, self.record)
        execution, now = self.record.execution, self.record.now
        self.is_running = is_running(execution, now)
        waits = list_current_waits(execution, self.calls, self.record.timers)
        self.retrying = frozenset(one.key for one in waits if one.kind is WaitKind.RETRY)

    @property
    def is_alive(self) -> bool:
        """Whether the execution has not ended."""
        return not self.record.execution.is_terminal

    def ready_at(self, row: Checkpoint) -> datetime | None:
        """Return from when on the attempt could have begun; None if that is not known."""
        execution = self.record.execution
        before = self.before[row.key, row.attempt]
        if before is None or self.is_reused(before):
            return execution.created_at
        if before.epoch < row.epoch:
            return None  # it had ended, until a person retried it
        if before.key == row.key and before.retry_at is not None:
            return before.retry_at
        return before.completed_at

    def is_reused(self, row: Checkpoint) -> bool:
        """Say whether a fork took the outcome over."""
        execution = self.record.execution
        ended = row.completed_at
        return (
            execution.forked_from is not None and ended is not None and ended < execution.created_at
        )

    def end_of_open(self, row: Checkpoint) -> datetime:
        """Return how far an attempt is known to have come whose end is not recorded."""
        execution = self.record.execution
        if self.is_running:
            return self.record.now
        last = execution.finished_at or min(execution.updated_at, self.record.now)
        return max(last, row.started_at or last)

    def error_of(self, row: Checkpoint) -> str:
        """Return what may be shown of why the attempt failed."""
        return self.record.describe_error(str(ErrorRecord.from_text(row.error or "")))


def _pair_with_former(
    rows: list[Checkpoint],
) -> Iterator[tuple[tuple[str, int], Checkpoint | None]]:
    """Pair each attempt with what was made before it, in its branch or before its group."""
    last: dict[str, Checkpoint] = {}
    for row in rows:
        sequences = list(_sequences_of(row))
        found = (last[one] for one in sequences if one in last)
        yield (row.key, row.attempt), next(found, None)
        last[sequences[0]] = row


def _sequences_of(row: Checkpoint) -> Iterator[str]:
    """Yield the sequences that an attempt follows, its own first, and the body last.

    The calls of a body follow each other, and so do the attempts of a call that is a branch.
    """
    if row.branch_position and row.kind is not CheckpointKind.UNDO:
        parts = row.key.split("/")
        # `group/call` and `group/branch/group/call` are branches; `group/branch/call` stands in one.
        depth = len(parts) - (1 if len(parts) % 2 else 0)
        for count in range(depth, 0, -2):
            yield "/".join(parts[:count])
    yield ""


def _match_signals(rows: list[Checkpoint], record: Record) -> dict[tuple[str, int], Signal]:
    """Pair the waits that got a signal with what they got: both are first in, first out."""
    delivered: dict[tuple[CheckpointKind, str], list[Signal]] = {}
    for signal in sorted(record.signals, key=lambda signal: signal.position):
        if signal.status is SignalStatus.DELIVERED:
            is_event = wait_kind_of(signal.name) is WaitKind.EVENT
            kind = CheckpointKind.EVENT if is_event else CheckpointKind.SIGNAL
            name = event_name_of(signal.name) if is_event else signal.name
            delivered.setdefault((kind, name), []).append(signal)
    return {
        (row.key, row.attempt): delivered[row.kind, row.name].pop(0)
        for row in rows
        if row.status is CheckpointStatus.COMPLETED and delivered.get((row.kind, row.name))
    }
