"""How a slice ends what it ran, for good or until a person acts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import (
    ExecutionStatus,
    Interrupt,
    ParkReason,
    SignalStatus,
    WaitKind,
)
from durable_django.stores.memory.human_tasks import HumanTasks
from durable_django.stores.memory.limits import Limits
from durable_django.stores.memory.tables import Record


class Ending(Limits, HumanTasks):
    """`complete`, `begin_compensation`, `finish`, `park`, `pause`."""

    def complete(self, claim: Claim, output: str) -> Interrupt | None:
        with self._lock:
            record = self._fenced(claim, ExecutionStatus.RUNNING)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            record.settle_leftovers(SignalStatus.DEAD)
            _stop(
                record,
                now,
                ExecutionStatus.COMPLETED,
                output=output,
                error=None,
                finished_at=now,
            )
            self._tell_of_end(record)
            self._leave(record.execution, now)
            return None

    def begin_compensation(
        self, claim: Claim, ending: ExecutionStatus, error: ErrorRecord | None
    ) -> None:
        with self._lock:
            record = self._fenced(claim, ExecutionStatus.RUNNING)
            record.settle_leftovers(_fate_of_signals(ending, error))
            self._cancel_tasks(record, self.now())
            record.update(
                self.now(),
                status=ExecutionStatus.COMPENSATING,
                ending=ending,
                error=None if error is None else error.to_text(),
            )
            claim.status = ExecutionStatus.COMPENSATING

    def finish(self, claim: Claim, status: ExecutionStatus, error: ErrorRecord | None) -> None:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            record.settle_leftovers(_fate_of_signals(status, error))
            _stop(
                record,
                now,
                status,
                error=None if error is None else error.to_text(),
                ending=None,
                finished_at=now,
            )
            self._tell_of_end(record)
            self._leave(record.execution, now)

    def _tell_of_end(self, record: Record) -> None:
        """Withdraw what it asked, and tell the parent that waits for it."""
        self._cancel_tasks(record, self.now())
        child = record.execution
        parent = self._records.get(child.parent_id) if child.parent_id else None
        if parent is None or not child.parent_wait:
            return
        if child.parent_wait is WaitKind.CHILD:
            self._tell(parent.execution.id, WaitKind.CHILD, child.parent_key)
            return
        call = child.parent_key.rpartition("/")[0]
        is_last = not any(
            one.execution.parent_id == child.parent_id
            and one.execution.parent_wait is WaitKind.MAP
            and one.execution.finished_at is None
            and one.execution.parent_key.startswith(f"{call}/")
            for one in self._records.values()
        )
        if is_last or child.status is not ExecutionStatus.COMPLETED:
            self._tell(parent.execution.id, WaitKind.MAP, call)

    def park(self, claim: Claim, reason: ParkReason, error: ErrorRecord) -> None:
        with self._lock:
            record = self._fenced(claim)
            _stop(
                record,
                self.now(),
                ExecutionStatus.PARKED,
                park_reason=reason,
                error=error.to_text(),
            )

    def pause(self, claim: Claim) -> None:
        with self._lock:
            record = self._fenced(claim, ExecutionStatus.RUNNING)
            now = self.now()
            _stop(record, now, ExecutionStatus.PAUSED)
            execution = record.execution
            if execution.pause_requested_at is None or execution.cancel_requested_at is not None:
                # A resume or a cancel that came after the slice looked must not be lost.
                record.update(
                    now,
                    status=ExecutionStatus.SUSPENDED,
                    wake_at=now,
                    waiting_kind=WaitKind.YIELD,
                )


def _stop(record: Record, now: datetime, status: ExecutionStatus, **changes: Any) -> None:
    record.update(
        now,
        status=status,
        wake_at=None,
        waiting_kind=WaitKind.NOTHING,
        waiting_for="",
        lease_owner="",
        **changes,
    )


def _fate_of_signals(ending: ExecutionStatus, error: ErrorRecord | None) -> SignalStatus:
    ran_out = error is not None and error.code == "expired"
    if ran_out or ending is ExecutionStatus.CANCELLED:
        return SignalStatus.EXPIRED
    return SignalStatus.DEAD
