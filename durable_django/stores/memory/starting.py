"""Executions and signals come in; executions that ended go out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.identifiers import new_id
from durable_django.domain.signal import Signal
from durable_django.domain.status import (
    TERMINAL_STATUSES,
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    WaitKind,
)
from durable_django.exceptions import InvalidTransitionError
from durable_django.stores.memory.tables import MemoryTables, Record

_SIGNALLABLE = tuple(
    status
    for status in ExecutionStatus
    if not status.is_terminal and status is not ExecutionStatus.COMPENSATING
)


class Starting(MemoryTables):
    """`insert_executions`, `insert_fork`, `add_signal`, `delete_finished`, `count_finished`."""

    def insert_executions(self, new: Sequence[NewExecution]) -> list[tuple[Execution, bool]]:
        with self._lock:
            now = self.now()
            return [self._insert(one, now) for one in new]

    def _insert(self, new: NewExecution, now: datetime) -> tuple[Execution, bool]:
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
            wake_at=_first_alarm(new, now),
            expires_at=new.expires_at,
            created_at=now,
            updated_at=now,
        )
        self._records[new.id] = Record(execution)
        return execution, True

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
            record.update(now, signal_count=signal.position)
            if (
                execution.status is ExecutionStatus.SUSPENDED
                and execution.waiting_kind is WaitKind.SIGNAL
                and execution.waiting_for == name
            ):
                record.update(now, wake_at=now)
            return signal, True

    def delete_finished(
        self, *, before: datetime, statuses: Collection[ExecutionStatus], limit: int
    ) -> int:
        with self._lock:
            doomed = self._finished(before, statuses)[:limit]
            for execution in doomed:
                del self._records[execution.id]
                if execution.key is not None:
                    del self._ids_by_key[execution.workflow_name, execution.key]
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
            ),
            key=lambda execution: execution.id,
        )


def _first_alarm(new: NewExecution, now: datetime) -> datetime:
    """Return when it starts, or when it expires without having started."""
    if new.start_at is None:
        return now
    return new.start_at if new.expires_at is None else min(new.start_at, new.expires_at)
