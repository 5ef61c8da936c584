"""The rows, the lock, and the two questions every write begins with: whose is it, and go on?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from typing import Any
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.event import Event, NewEvent
from durable_django.domain.execution import Execution
from durable_django.domain.identifiers import is_or_is_in
from durable_django.domain.signal import Signal
from durable_django.domain.status import (
    CLAIMABLE_STATUSES,
    ExecutionStatus,
    Interrupt,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.system_clock import SystemClock
from durable_django.domain.task import Task
from durable_django.domain.timer import Timer
from durable_django.domain.wait import ANY_NEWS, listed
from durable_django.exceptions import ExecutionNotFoundError
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.ports.clock import Clock


@dataclass(slots=True)
class Record:
    """One execution and all that is its own. Only touched under the store's lock."""

    execution: Execution
    checkpoints: dict[tuple[str, int], Checkpoint] = field(default_factory=dict)
    timers: dict[str, Timer] = field(default_factory=dict)
    #: By position.
    signals: list[Signal] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    tasks: dict[UUID, Task] = field(default_factory=dict)
    #: The topics it is subscribed to, by the keys of its calls.
    topics: dict[str, str] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether a slice has it, or had it when its worker died.

        A compensation that waits for its next attempt is COMPENSATING too, but waits.
        """
        if self.execution.status is ExecutionStatus.COMPENSATING:
            return self.execution.waiting_kind is WaitKind.NOTHING
        return self.execution.status is ExecutionStatus.RUNNING

    def is_due(self, now: datetime) -> bool:
        """Whether a claim may take it."""
        wake_at = self.execution.wake_at
        return (
            self.execution.status in CLAIMABLE_STATUSES and wake_at is not None and wake_at <= now
        )

    def interrupt_at(self, now: datetime) -> Interrupt | None:
        """Return why the slice must stop, if it must."""
        execution = self.execution
        if execution.status is not ExecutionStatus.RUNNING:
            return None
        if execution.cancel_requested_at is not None:
            return Interrupt.CANCEL
        # Before a pause: what is paused has no alarm, so its expiry would never be noticed.
        if execution.expires_at is not None and execution.expires_at <= now:
            return Interrupt.EXPIRED
        return None if execution.pause_requested_at is None else Interrupt.PAUSE

    def awaits(self, kind: WaitKind, name: str) -> bool:
        """Return whether it is suspended for this news."""
        execution = self.execution
        if execution.status is not ExecutionStatus.SUSPENDED:
            return False
        if execution.waiting_kind is WaitKind.SEVERAL:
            return execution.waiting_for == ANY_NEWS or listed(kind, name) in execution.waiting_for
        return (execution.waiting_kind, execution.waiting_for) == (kind, name)

    def update(self, now: datetime, **changes: Any) -> None:
        """Change columns of the execution."""
        self.execution = replace(self.execution, updated_at=now, **changes)

    def insert_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Add an attempt; what is there already was written by somebody else and stays."""
        place = (checkpoint.key, checkpoint.attempt)
        if place in self.checkpoints:
            raise LeaseLost(self.execution.id)
        self.checkpoints[place] = checkpoint

    def add_event(self, event: NewEvent, now: datetime) -> None:
        """Add to its events, after all that are there."""
        self.events.append(
            Event(
                id=len(self.events) + 1,
                execution_id=event.execution_id,
                type=event.type,
                actor=event.actor,
                reason=event.reason,
                details=dict(event.details),
                created_at=now,
            )
        )

    def settle_timer(self, key: str, status: TimerStatus) -> None:
        """Mark the pending timer of this key, if there is one."""
        timer = self.timers.get(key)
        if timer is not None and timer.status is TimerStatus.PENDING:
            self.timers[key] = replace(timer, status=status)

    def withdraw(self, calls: Collection[str]) -> None:
        """End the timers and subscriptions of these calls, and of those inside them."""
        for key in self.timers:
            if is_or_is_in(key, calls):
                self.settle_timer(key, TimerStatus.CANCELLED)
        self.topics = {k: topic for k, topic in self.topics.items() if not is_or_is_in(k, calls)}

    def settle_leftovers(self, signals: SignalStatus) -> None:
        """Cancel all pending timers and mark all pending signals."""
        for key in self.timers:
            self.settle_timer(key, TimerStatus.CANCELLED)
        self.topics.clear()
        self.signals = [
            replace(signal, status=signals) if signal.status is SignalStatus.PENDING else signal
            for signal in self.signals
        ]

    def show_new_signals(self, claim: Claim) -> bool:
        """Add to the claim what was accepted since it looked last; say whether there was any."""
        if self.execution.signal_count <= claim.signal_count:
            return False
        claim.signals.extend(
            signal
            for signal in self.signals
            if signal.position > claim.signal_count and signal.status is SignalStatus.PENDING
        )
        claim.signal_count = self.execution.signal_count
        return True


class MemoryTables:
    """What the chapters of the store share."""

    def __init__(self, clock: Clock | None = None, priority_seconds: int = 10) -> None:
        self._clock = clock or SystemClock()
        self._head_start = timedelta(seconds=priority_seconds)
        self._lock = RLock()
        self._records: dict[UUID, Record] = {}
        self._ids_by_key: dict[tuple[str, str], UUID] = {}

    def now(self) -> datetime:
        return self._clock.now()

    def _find(self, execution_id: UUID) -> Record:
        try:
            return self._records[execution_id]
        except KeyError:
            raise ExecutionNotFoundError(execution_id) from None

    def _tell(self, execution_id: UUID, kind: WaitKind, name: str) -> bool:
        """Count the news, and wake the execution if it waits for (kind, name); see `telling`.

        Returns False if it takes none any more. The lock is held.
        """
        record = self._find(execution_id)
        execution = record.execution
        if execution.is_terminal or execution.status is ExecutionStatus.COMPENSATING:
            return False
        now = self.now()
        record.update(now, signal_count=execution.signal_count + 1)
        if record.awaits(kind, name) and (execution.wake_at is None or execution.wake_at > now):
            record.update(now, wake_at=now)
        return True

    def _fenced(self, claim: Claim, status: ExecutionStatus | None = None) -> Record:
        """Return what the claim still holds (in this status, if one is given)."""
        record = self._records.get(claim.execution_id)
        if (
            record is None
            or record.execution.fence != claim.fence
            or not record.is_held
            or status not in (None, record.execution.status)
        ):
            raise LeaseLost(claim.execution_id)
        return record
