"""Executions and signals come in; executions that ended go out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.identifiers import new_id
from durable_django.domain.signal import Signal, wait_kind_of
from durable_django.domain.status import (
    TERMINAL_STATUSES,
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    OnConflict,
    WaitKind,
)
from durable_django.exceptions import ExecutionKeyConflictError, InvalidTransitionError
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.memory.key_conflicts import KeyConflicts, takes_over
from durable_django.stores.memory.tables import Record

_SIGNALLABLE = tuple(
    status
    for status in ExecutionStatus
    if not status.is_terminal and status is not ExecutionStatus.COMPENSATING
)


class Starting(KeyConflicts):
    """`insert_executions`, `insert_fork`, `add_signal`, `delete_finished`, `count_finished`."""

    def insert_executions(self, new: Sequence[NewExecution]) -> list[tuple[Execution, bool]]:
        with self._lock:
            now = self.now()
            for one in new:
                if takes_over(one) and one.on_conflict is OnConflict.QUEUE:
                    self._check_line(one)
            pairs = [self._insert(one, now) for one in new]
            keys = {one.limit_key for one, is_new in pairs if is_new and one.limit_key}
            self._admit_all(keys, now)
            return [(self._records[one.id].execution, is_new) for one, is_new in pairs]

    def _insert(self, new: NewExecution, now: datetime) -> tuple[Execution, bool]:
        if takes_over(new):
            self._take_over(new, now)
            self._ids_by_key.pop((new.workflow_name, new.key or ""), None)
        taken_by = new.id
        if new.key is not None:
            taken_by = self._ids_by_key.get((new.workflow_name, new.key), new.id)
        if taken_by in self._records:
            return self._records[taken_by].execution, False
        if new.key is not None:
            self._ids_by_key[new.workflow_name, new.key] = new.id
        execution = Execution(
            id=new.id,
            workflow_name=new.workflow_name,
            workflow_version=new.workflow_version,
            input=new.input,
            queue=new.queue,
            priority=new.priority,
            key=new.key,
            guarantee=new.guarantee,
            correlation_id=new.correlation_id,
            tags=new.tags,
            subject=new.subject,
            forked_from=new.forked_from,
            epoch=new.epoch,
            parent_id=new.parent_id,
            parent_key=new.parent_key,
            parent_wait=new.parent_wait,
            on_parent_close=new.on_parent_close,
            depth=new.depth,
            limit_key=new.limit_key,
            limit_max=new.limit_max,
            wake_at=_first_alarm(new, now),
            waiting_kind=WaitKind.LIMIT if new.limit_key else WaitKind.NOTHING,
            waiting_for=new.limit_key,
            expires_at=new.expires_at,
            created_at=now,
            updated_at=now,
        )
        record = self._records[new.id] = Record(execution)
        if new.limit_key:
            self._queue_up(record, new.start_at or now, now)
            # The latest start says how many may be under way.
            self._group_of(record).most = new.limit_max
        return execution, True

    def _check_startable(
        self, record: Record, pairs: Sequence[tuple[Checkpoint, NewExecution]]
    ) -> None:
        """Refuse to start children before anything is written: there is nothing to roll back."""
        taken: dict[tuple[str, str], UUID] = {}
        for checkpoint, child in pairs:
            if (checkpoint.key, checkpoint.attempt) in record.checkpoints:
                raise LeaseLost(record.execution.id)
            if child.key is None:
                continue
            place = (child.workflow_name, child.key)
            holder = self._ids_by_key.get(place) or taken.get(place)
            if holder is not None and not takes_over(child):
                raise ExecutionKeyConflictError(child.workflow_name, child.key, holder)
            taken[place] = child.id

    def insert_fork(self, new: NewExecution, before_position: int) -> Execution:
        if new.forked_from is None:
            raise ValueError("A fork says which execution it begins with.")
        with self._lock:
            origin = self._find(new.forked_from)
            execution, _ = self._insert(new, self.now())
            self._records[new.id].checkpoints.update(
                (place, replace(row, execution_id=new.id))
                for place, row in origin.checkpoints.items()
                if row.position < before_position
                and row.kind is not CheckpointKind.UNDO
                and row.status is not CheckpointStatus.INTENT
            )
            return execution

    def add_signal(
        self, execution_id: UUID, name: str, payload: str, dedupe_key: str | None = None
    ) -> tuple[Signal, bool]:
        with self._lock:
            now = self.now()
            record = self._find(execution_id)
            execution = record.execution
            # First: a sender that repeats itself hears the same answer, whatever happened since.
            for signal in record.signals:
                if dedupe_key is not None and signal.dedupe_key == dedupe_key:
                    return signal, False
            if execution.status not in _SIGNALLABLE:
                raise InvalidTransitionError(
                    execution_id, execution.status, "signalled", _SIGNALLABLE
                )
            signal = Signal(
                id=new_id(),
                execution_id=execution_id,
                name=name,
                payload=payload,
                position=execution.signal_count + 1,
                dedupe_key=dedupe_key,
                created_at=now,
            )
            record.signals.append(signal)
            self._tell(execution_id, wait_kind_of(name), name)
            return signal, True

    def delete_finished(
        self, *, before: datetime, statuses: Collection[ExecutionStatus], limit: int
    ) -> int:
        with self._lock:
            doomed = self._finished(before, statuses)[:limit]
            for execution in doomed:
                del self._records[execution.id]
                key = (execution.workflow_name, execution.key or "")
                if self._ids_by_key.get(key) == execution.id:
                    del self._ids_by_key[key]
            return len(doomed)

    def count_finished(self, *, before: datetime, statuses: Collection[ExecutionStatus]) -> int:
        with self._lock:
            return len(self._finished(before, statuses))

    def _finished(self, before: datetime, statuses: Collection[ExecutionStatus]) -> list[Execution]:
        """Return what ended before then, by id."""
        return sorted(
            (
                record.execution
                for record in self._records.values()
                if record.execution.status in TERMINAL_STATUSES.intersection(statuses)
                and record.execution.finished_at is not None
                and record.execution.finished_at < before
                and not self._is_needed(record.execution)
            ),
            key=lambda execution: execution.id,
        )

    def _is_needed(self, execution: Execution) -> bool:
        """Say whether a parent that has not ended may still read it."""
        parent = self._records.get(execution.parent_id) if execution.parent_id else None
        return (
            bool(execution.parent_wait) and parent is not None and not parent.execution.is_terminal
        )


def _first_alarm(new: NewExecution, now: datetime) -> datetime | None:
    """Return when it starts, or when it expires without having started."""
    if new.limit_key:
        return new.expires_at  # held back, until it is admitted
    if new.start_at is None:
        return now
    return new.start_at if new.expires_at is None else min(new.start_at, new.expires_at)
