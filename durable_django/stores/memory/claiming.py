"""Who may advance an execution, and until when."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import (
    CheckpointKind,
    ExecutionStatus,
    Guarantee,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.wait import Wait
from durable_django.stores.memory.tables import Record
from durable_django.stores.memory.work_queues import WorkQueues, choose, next_alarm


class Claiming(WorkQueues):
    """Claims, leases, and what the scanner and the ticker ask."""

    def claim_due(self, queue: str, limit: int, lease: timedelta, owner: str) -> list[Claim]:
        with self._lock:
            now = self.now()
            due = sorted(self._due(queue, now), key=self._order)
            gate = self._gate(queue, now)
            if gate is None:
                return [self._claim(record, now, lease, owner) for record in due[:limit]]
            chosen, count_new = choose(due, gate, self._held(queue, now), limit)
            self._pay(queue, gate, count_new)
            return [self._claim(record, now, lease, owner) for record in chosen]

    def claim_one(self, execution_id: UUID, lease: timedelta, owner: str) -> Claim | None:
        with self._lock:
            now = self.now()
            record = self._records.get(execution_id)
            if record is None or not record.is_due(now):
                return None
            return self._claim(record, now, lease, owner)

    def _due(self, queue: str, now: datetime) -> list[Record]:
        return [
            record
            for record in self._records.values()
            if record.is_due(now)
            and record.execution.queue == queue
            and record.execution.guarantee is Guarantee.BACKGROUND
        ]

    def _order(self, record: Record) -> tuple[datetime, UUID]:
        execution = record.execution
        assert execution.wake_at is not None  # noqa: S101 -- `_due` lets nothing else through
        return execution.wake_at - execution.priority * self._head_start, execution.id

    def _claim(self, record: Record, now: datetime, lease: timedelta, owner: str) -> Claim:
        before = record.execution
        undoing = before.status is ExecutionStatus.COMPENSATING
        record.update(
            now,
            status=ExecutionStatus.COMPENSATING if undoing else ExecutionStatus.RUNNING,
            recoveries=before.recoveries + _counts(record),
            recovered_fence=before.fence + 1 if _counts(record) else before.recovered_fence,
            fence=before.fence + 1,
            wake_at=now + lease,
            lease_owner=owner,
            # `waiting_for` stays: it tells the slice what the execution waited for last.
            waiting_kind=WaitKind.NOTHING,
            started_at=before.started_at or now,
        )
        return Claim(
            execution=record.execution,
            fence=record.execution.fence,
            status=record.execution.status,
            now=now,
            checkpoints=sorted(
                (one for one in record.checkpoints.values() if one.kind is not CheckpointKind.ITEM),
                key=lambda one: (one.position, one.attempt),
            ),
            timers={
                key: timer
                for key, timer in record.timers.items()
                if timer.status is TimerStatus.PENDING
            },
            signals=[signal for signal in record.signals if signal.status is SignalStatus.PENDING],
            signal_count=record.execution.signal_count,
        )

    def renew(self, claims: Iterable[Claim], lease: timedelta) -> set[UUID]:
        with self._lock:
            now = self.now()
            held = set()
            for claim in claims:
                record = self._records.get(claim.execution_id)
                if record and record.is_held and record.execution.fence == claim.fence:
                    record.update(now, wake_at=now + lease)
                    held.add(claim.execution_id)
            return held

    def release(self, claim: Claim, wait: Wait) -> None:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            record.update(
                now,
                status=suspended_from(record),
                wake_at=alarm_of(wait, now) or now,
                waiting_kind=wait.kind or WaitKind.YIELD,
                waiting_for=wait.name,
                lease_owner="",
            )

    def abandon(self, claim: Claim, error: ErrorRecord, delay: timedelta) -> None:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            record.update(now, wake_at=now + delay, error=error.to_text())

    def clear_recoveries(self, claim: Claim) -> None:
        with self._lock:
            self._fenced(claim).update(self.now(), recoveries=0)

    def note_begun(self, claim: Claim) -> None:
        with self._lock:
            self._fenced(claim).update(self.now(), begun_fence=claim.fence)

    def adopt_orphans(self, limit: int, grace: timedelta = timedelta(0)) -> list[UUID]:
        with self._lock:
            now = self.now()
            orphans = [
                record
                for record in self._records.values()
                if record.is_due(now if record.is_held else now - grace)
                and record.execution.guarantee is Guarantee.FOREGROUND
            ]
            adopted = sorted(orphans, key=self._order)[:limit]
            for record in adopted:
                record.update(now, guarantee=Guarantee.BACKGROUND)
            return [record.execution.id for record in adopted]

    def next_alarm(self, queues: Collection[str]) -> datetime | None:
        with self._lock:
            alarms = [self._next_alarm(queue) for queue in queues]
        return min((alarm for alarm in alarms if alarm is not None), default=None)

    def _next_alarm(self, queue: str) -> datetime | None:
        now, records = self.now(), list(self._in_queue(queue))
        gate = self._gate(queue, now)
        if gate is not None:
            return next_alarm(records, gate, self._held(queue, now))
        alarms = (record.execution.wake_at for record in records)
        return min((alarm for alarm in alarms if alarm is not None), default=None)

    def count_due(self, queue: str, limit: int) -> int:
        with self._lock:
            now = self.now()
            due, gate = self._due(queue, now), self._gate(queue, now)
            if gate is None:
                return min(len(due), limit)
            chosen, _ = choose(due, gate, self._held(queue, now), limit)
            return len(chosen)


def _counts(record: Record) -> bool:
    """Say whether a claim of it is a recovery: once, whether it was begun or not, then if it was."""
    before = record.execution
    return record.is_held and (before.recoveries == 0 or before.begun_fence == before.fence)


def suspended_from(record: Record) -> ExecutionStatus:
    """Return what the execution becomes when it is let go of."""
    if record.execution.status is ExecutionStatus.COMPENSATING:
        return ExecutionStatus.COMPENSATING
    return ExecutionStatus.SUSPENDED


def alarm_of(wait: Wait, now: datetime) -> datetime | None:
    """Return the wait's own alarm."""
    return wait.alarm if wait.after is None else now + wait.after
