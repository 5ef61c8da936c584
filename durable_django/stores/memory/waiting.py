"""Suspending, and what ends a wait: its timer, its signal or its timeout."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.signal import Signal
from durable_django.domain.status import (
    ExecutionStatus,
    Interrupt,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.timer import Timer
from durable_django.domain.wait import Suspension, Wait
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.memory.claiming import alarm_of, suspended_from
from durable_django.stores.memory.stepping import ended
from durable_django.stores.memory.tables import MemoryTables, Record


class Waiting(MemoryTables):
    """`suspend`, `fire_timer`, `deliver_signal`, `expire_wait`."""

    def suspend(self, claim: Claim, wait: Wait) -> Interrupt | Suspension:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            if wait.kind is WaitKind.SIGNAL and record.show_new_signals(claim):
                return Suspension.SIGNALLED
            alarm = alarm_of(wait, now)
            if wait.registers_timer and alarm is not None:
                alarm = _register_timer(record, wait.key, alarm)
            record.update(
                now,
                status=suspended_from(record),
                wake_at=_no_later_than_expiry(record, alarm),
                waiting_kind=wait.kind or WaitKind.YIELD,
                waiting_for=wait.name,
                lease_owner="",
            )
            return Suspension.SUSPENDED

    def fire_timer(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | None:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            record.insert_checkpoint(ended(checkpoint, now))
            record.settle_timer(checkpoint.key, TimerStatus.FIRED)
            return None

    def deliver_signal(
        self, claim: Claim, checkpoint: Checkpoint, signal: Signal
    ) -> Interrupt | None:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            stored = next((one for one in record.signals if one.id == signal.id), None)
            if stored is None or stored.status is not SignalStatus.PENDING:
                raise LeaseLost(claim.execution_id)
            record.insert_checkpoint(ended(checkpoint, now))
            record.signals[stored.position - 1] = replace(
                stored, status=SignalStatus.DELIVERED, delivered_at=now
            )
            record.settle_timer(checkpoint.key, TimerStatus.CANCELLED)
            return None

    def expire_wait(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            if record.show_new_signals(claim):
                return Suspension.SIGNALLED
            record.insert_checkpoint(ended(checkpoint, now))
            record.settle_timer(checkpoint.key, TimerStatus.FIRED)
            return Suspension.SUSPENDED


def _register_timer(record: Record, key: str, fire_at: datetime) -> datetime:
    """Register the timer unless it is; return when it fires.

    Only a retry finds one that is not pending. Cancelled unfired, its first instant still counts;
    fired, it belongs to a wait that timed out, and the next one is a new wait.
    """
    timer = record.timers.get(key)
    if timer is None or timer.status is TimerStatus.FIRED:
        timer = Timer(execution_id=record.execution.id, key=key, fire_at=fire_at)
    record.timers[key] = replace(timer, status=TimerStatus.PENDING)
    return timer.fire_at


def _no_later_than_expiry(record: Record, alarm: datetime | None) -> datetime | None:
    expires_at = record.execution.expires_at
    # A compensation is not interrupted by its expiry, which would only wake it in a circle.
    if expires_at is None or record.execution.status is ExecutionStatus.COMPENSATING:
        return alarm
    return expires_at if alarm is None else min(alarm, expires_at)
