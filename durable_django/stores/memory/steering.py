"""What people ask of an execution: cancel, pause, resume, retry, hasten; and the events of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.event import Event, NewEvent
from durable_django.domain.execution import Execution
from durable_django.domain.identifiers import groups_of
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    Guarantee,
    TimerStatus,
    WaitKind,
)
from durable_django.exceptions import InvalidTransitionError
from durable_django.stores.memory.limits import Limits
from durable_django.stores.memory.tables import Record

T = TypeVar("T")

_AROUND = (CheckpointKind.GROUP, CheckpointKind.MAP)
_PENDING = ExecutionStatus.PENDING
_RUNNING = ExecutionStatus.RUNNING
_SUSPENDED = ExecutionStatus.SUSPENDED
_COMPENSATING = ExecutionStatus.COMPENSATING
_PAUSED = ExecutionStatus.PAUSED
_PARKED = ExecutionStatus.PARKED
_FAILED = ExecutionStatus.FAILED


class Steering(Limits):
    """`transact`, `request_cancel`, `request_pause`, `resume`, `retry`, `hasten`, and events."""

    def transact(self, work: Callable[[], T]) -> T:
        with self._lock:
            return work()

    def add_event(self, event: NewEvent) -> None:
        with self._lock:
            self._find(event.execution_id).add_event(event, self.now())

    def list_events(self, execution_id: UUID, *, after: int, limit: int) -> list[Event]:
        with self._lock:
            record = self._records.get(execution_id)
            return [one for one in (record.events if record else []) if one.id > after][:limit]

    def hasten(self, execution_id: UUID, key: str) -> bool:
        with self._lock:
            now = self.now()
            record = self._find(execution_id)
            execution = record.execution
            if execution.is_terminal:
                alive = (one for one in ExecutionStatus if not one.is_terminal)
                raise _refusal(execution, "hastened", *alive)
            if not _is_hastened(record, key, now):
                return False
            is_asleep = execution.status is _SUSPENDED or (
                execution.status is _COMPENSATING and not record.is_held
            )
            if is_asleep and execution.wake_at is not None:
                record.update(now, wake_at=min(now, execution.wake_at))
            return True

    def request_cancel(self, execution_id: UUID, reason: str, *, compensates: bool) -> bool:
        with self._lock:
            now = self.now()
            record = self._find(execution_id)
            execution = record.execution
            allowed = (_PENDING, _RUNNING, _SUSPENDED, _PAUSED, _PARKED)
            if execution.status not in allowed or execution.ending is not None:
                raise _refusal(execution, "cancelled", *allowed)
            has_stopped = execution.status in (_PAUSED, _PARKED)
            # What stopped for a person after a first request is woken by a second one.
            if execution.cancel_requested_at is not None and not has_stopped:
                return False
            record.update(
                now, cancel_requested_at=now, cancel_reason=reason, cancel_compensates=compensates
            )
            if execution.status is not _RUNNING:
                record.update(now, wake_at=now, pause_requested_at=None, park_reason=None)
            if has_stopped:
                record.update(now, status=_SUSPENDED, waiting_kind=WaitKind.YIELD, waiting_for="")
            if execution.status is _PARKED:
                # Else what was parked as poison would be parked again, and never end.
                record.update(now, recoveries=0)
            return True

    def request_pause(self, execution_id: UUID) -> bool:
        with self._lock:
            now = self.now()
            record = self._find(execution_id)
            execution = record.execution
            if (
                execution.status not in (_PENDING, _RUNNING, _SUSPENDED, _PAUSED)
                or execution.cancel_requested_at is not None
            ):
                raise _refusal(execution, "paused", _PENDING, _RUNNING, _SUSPENDED)
            if execution.status is _PAUSED or execution.pause_requested_at is not None:
                return False
            record.update(now, pause_requested_at=now)
            if execution.status is not _RUNNING:
                record.update(
                    now,
                    status=_PAUSED,
                    wake_at=None,
                    waiting_kind=WaitKind.NOTHING,
                    waiting_for="",
                )
            return True

    def resume(self, execution_id: UUID) -> bool:
        with self._lock:
            now = self.now()
            record = self._find(execution_id)
            execution = record.execution
            if execution.status is _PAUSED:
                record.update(
                    now,
                    status=_SUSPENDED,
                    wake_at=now,
                    waiting_kind=WaitKind.YIELD,
                    waiting_for="",
                    pause_requested_at=None,
                )
                self._hold_back(record, now)
                return True
            if execution.pause_requested_at is None or execution.status not in (
                _PENDING,
                _RUNNING,
                _SUSPENDED,
            ):
                raise _refusal(execution, "resumed", _PAUSED)
            record.update(now, pause_requested_at=None)
            return True

    def retry(self, execution_id: UUID) -> ExecutionStatus:
        with self._lock:
            now = self.now()
            record = self._find(execution_id)
            execution = record.execution
            if execution.status not in (_FAILED, _PARKED):
                raise _refusal(execution, "retried", _FAILED, _PARKED)
            expires_at = execution.expires_at
            if expires_at is not None and expires_at <= now:
                expires_at = None
            is_undoing = execution.ending is not None
            if not is_undoing:
                _reopen_failed_call(record)
            record.update(
                now,
                status=_COMPENSATING if is_undoing else _PENDING,
                # Not NOTHING for a compensation: nobody holds it yet.
                waiting_kind=WaitKind.YIELD if is_undoing else WaitKind.NOTHING,
                epoch=execution.epoch + 1,
                recoveries=0,
                park_reason=None,
                expires_at=expires_at,
                wake_at=now,
                finished_at=None,
                pause_requested_at=None,
                **_forgotten(execution, is_undoing=is_undoing),
                # The process that ran a FOREGROUND one has gone.
                guarantee=Guarantee.BACKGROUND,
            )
            if execution.limit_key and execution.is_terminal:
                self._rejoin(record, now)
            elif execution.limit_key:
                self._hold_back(record, now)
            return record.execution.status


def _is_hastened(record: Record, key: str, now: datetime) -> bool:
    is_done = False
    timer = record.timers.get(key)
    if timer is not None and timer.status is TimerStatus.PENDING and timer.fire_at > now:
        record.timers[key] = replace(timer, fire_at=now)
        is_done = True
    for place, row in record.checkpoints.items():
        is_open = row.status in {CheckpointStatus.FAILED, CheckpointStatus.INTENT}
        is_put_off = is_open and not row.is_final and row.retry_at
        if row.key == key and is_put_off and is_put_off > now:
            record.checkpoints[place] = replace(row, retry_at=now)
            is_done = True
    return is_done


def _reopen_failed_call(record: Record) -> None:
    call = ErrorRecord.from_text(record.execution.error or "").call
    if not call:
        return
    for slot, row in record.checkpoints.items():
        is_meant = row.key in groups_of(call) or row.key.startswith(f"{call}/")
        # A group that ran out of time is no failure of its own, nor is a map that tolerated the
        # failure of an item; but the workflow did not go on.
        is_around = row.kind in _AROUND and row.key in groups_of(call)
        if is_meant and row.status is CheckpointStatus.FAILED:
            record.checkpoints[slot] = replace(row, is_final=False)
        elif is_around and row.status is CheckpointStatus.COMPLETED:
            record.checkpoints[slot] = replace(row, status=CheckpointStatus.FAILED)


def _forgotten(execution: Execution, *, is_undoing: bool) -> dict[str, Any]:
    """Return what a retry forgets: not what it undoes for, nor a cancel nobody has acted on."""
    if is_undoing:
        return {}
    if execution.status is _PARKED:
        return {"error": None}
    return {
        "error": None,
        "cancel_requested_at": None,
        "cancel_reason": "",
        "cancel_compensates": True,
    }


def _refusal(execution: Execution, act: str, *allowed: ExecutionStatus) -> InvalidTransitionError:
    return InvalidTransitionError(execution.id, execution.status, act, allowed)
