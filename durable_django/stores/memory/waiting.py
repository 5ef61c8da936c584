"""Suspending, and what ends a wait: its timer, its signal or its timeout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
from durable_django.stores.memory.human_tasks import HumanTasks
from durable_django.stores.memory.starting import Starting
from durable_django.stores.memory.stepping import check_open, close, ended
from durable_django.stores.memory.tables import Record


class Waiting(Starting, HumanTasks):
    """`suspend`, `fire_timer`, `deliver_signal`, `expire_wait`."""

    def suspend(self, claim: Claim, wait: Wait) -> Interrupt | Suspension:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            if wait.minds_news and record.show_new_signals(claim):
                return Suspension.SIGNALLED
            self._open(record, wait, now)
            alarms = [alarm for part in _parts(wait) for alarm in _alarms(record, part, now)]
            record.update(
                now,
                status=suspended_from(record),
                wake_at=_no_later_than_expiry(record, min(alarms, default=None)),
                waiting_kind=wait.kind or WaitKind.YIELD,
                waiting_for=wait.name,
                lease_owner="",
            )
            return Suspension.SUSPENDED

    def open_waits(self, claim: Claim, wait: Wait) -> Interrupt | None:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            self._open(record, wait, now)
            return None

    def _open(self, record: Record, wait: Wait, now: datetime) -> None:
        self._check_startable(record, [pair for part in _parts(wait) for pair in part.starting])
        for part in _parts(wait):
            for checkpoint, child in part.starting:
                self.insert_executions([child])
                record.insert_checkpoint(
                    replace(checkpoint, started_at=checkpoint.started_at or now)
                )
            self._insert_tasks(record, part.asking, now)
            if part.postponed is not None:
                attempt = part.postponed
                record.checkpoints[attempt.key, attempt.attempt] = attempt
            if part.topic:
                record.topics[part.key] = part.topic

    def settle(
        self,
        claim: Claim,
        checkpoint: Checkpoint,
        *,
        fired: Collection[str] = (),
        released: Collection[str] = (),
        dropped: Collection[Checkpoint] = (),
        unless_news: bool = False,
    ) -> Interrupt | Suspension:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            if unless_news and record.show_new_signals(claim):
                return Suspension.SIGNALLED
            outcomes = (checkpoint, *dropped)
            for outcome in outcomes:
                check_open(record, outcome)
            for outcome in outcomes:
                close(record, outcome, now)
            for key in fired:
                record.settle_timer(key, TimerStatus.FIRED)
            record.withdraw(released)
            self._cancel_tasks(record, now, released)
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
            record.signals[record.signals.index(stored)] = replace(
                stored, status=SignalStatus.DELIVERED, delivered_at=now
            )
            record.settle_timer(checkpoint.key, TimerStatus.CANCELLED)
            record.topics.pop(checkpoint.key, None)
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
            record.topics.pop(checkpoint.key, None)
            return Suspension.SUSPENDED


def _parts(wait: Wait) -> Sequence[Wait]:
    return wait.parts or (wait,)


def _alarms(record: Record, part: Wait, now: datetime) -> list[datetime]:
    """Return the instants at which a part wants to be woken, having registered its timer."""
    if not part.registers_timer:
        alarm = alarm_of(part, now)
        return [] if alarm is None else [alarm]
    fire_at = part.alarm if part.after is None else now + part.after
    if fire_at is None:
        raise ValueError(f"The wait {part.key!r} registers a timer and says no instant.")
    alarms = [_register_timer(record, part.key, fire_at)]
    if part.after is not None and part.alarm is not None:
        # With a timer that counts from now, the alarm is another one, beside it.
        alarms.append(part.alarm)
    return alarms


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
