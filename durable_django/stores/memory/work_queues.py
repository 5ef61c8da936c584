"""The controls of queues, and what they let through."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from durable_django.domain.queue_gate import Gate, Held
from durable_django.domain.status import CLAIMABLE_STATUSES, Guarantee, QueueMode, WaitKind
from durable_django.domain.work_queue import (
    UNCHANGED,
    QueueChange,
    QueueControl,
    QueueFigures,
)
from durable_django.stores.memory.tables import MemoryTables, Record


@dataclass(slots=True)
class Bucket:
    """The tokens of a rate, as they were at an instant."""

    tokens: float
    at: datetime


class WorkQueues(MemoryTables):
    """`change_queue`, `load_queue`, `list_queues`, `measure_queues`, and what a claim asks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queues: dict[str, QueueControl] = {}
        self._buckets: dict[str, Bucket] = {}

    def change_queue(self, name: str, change: QueueChange) -> QueueControl:
        with self._lock:
            now, former = self.now(), self.load_queue(name)
            asked = {"mode": change.mode, "max_running": change.max_running, "rate": change.rate}
            changes: dict[str, Any] = {k: v for k, v in asked.items() if v is not UNCHANGED}
            control = replace(
                former,
                reason=change.reason,
                changed_by=change.actor_name,
                changed_at=now,
                **changes,
            )
            if control.rate is not None and control.rate != former.rate:
                self._buckets[name] = Bucket(float(control.rate.limit), now)
            self._queues[name] = control
            return control

    def load_queue(self, name: str) -> QueueControl:
        with self._lock:
            return self._queues.get(name, QueueControl(name=name))

    def list_queues(self) -> list[QueueControl]:
        with self._lock:
            return [self._queues[name] for name in sorted(self._queues)]

    def measure_queues(
        self, names: Collection[str], *, with_others: bool = False
    ) -> dict[str, QueueFigures]:
        with self._lock:
            now = self.now()
            if with_others:
                names = {*names, *(record.execution.queue for record in self._for_workers())}
            return {name: _measure(list(self._in_queue(name)), now) for name in names}

    def _gate(self, name: str, now: datetime) -> Gate | None:
        """Return the gate of a queue, if anything controls it."""
        control = self._queues.get(name)
        if control is None or not control.is_controlled:
            return None
        bucket = self._buckets.get(name, Bucket(0.0, now))
        return Gate.opened(
            mode=control.mode,
            max_running=control.max_running,
            rate=control.rate,
            tokens=bucket.tokens,
            tokens_at=bucket.at,
            now=now,
        )

    def _pay(self, name: str, gate: Gate, tokens: int) -> None:
        if gate.rate is not None and tokens:
            self._buckets[name] = Bucket(gate.without(tokens), gate.now)

    def _held(self, name: str, now: datetime) -> Held:
        ends = [one.execution.wake_at for one in self._in_queue(name) if one.is_held]
        found = [end for end in ends if end is not None]
        live = [end for end in found if end > now]
        return Held(
            live=len(live),
            lost=len(found) - len(live),
            first_end=min(found, default=None),
            next_end=min(live, default=None),
        )

    def _in_queue(self, name: str) -> Iterator[Record]:
        """Yield what workers may claim from the queue, now or later."""
        return (record for record in self._for_workers() if record.execution.queue == name)

    def _for_workers(self) -> Iterator[Record]:
        for record in self._records.values():
            execution = record.execution
            is_live = execution.status in CLAIMABLE_STATUSES
            if is_live and execution.guarantee is Guarantee.BACKGROUND:
                yield record


def _measure(records: list[Record], now: datetime) -> QueueFigures:
    due = sum(record.is_due(now) for record in records)
    running = sum(record.is_held and not record.is_due(now) for record in records)
    return QueueFigures(
        due=due,
        running=running,
        waiting=len(records) - due - running,
        begun=sum(
            record.execution.started_at is not None or _is_awaited(record) for record in records
        ),
    )


def choose(due: list[Record], gate: Gate, held: Held, limit: int) -> tuple[list[Record], int]:
    """Return which of what is due, in its order, the gate lets through, and how many are new."""
    if gate.mode is QueueMode.PAUSED:
        return [], 0
    lost = [record for record in due if record.is_held][: held.room_for_lost(gate, limit)]
    others = [record for record in due if not record.is_held]
    room = held.room(gate, limit - len(lost))
    if gate.lets_all_begin(room):
        found = others[:room]
        return [*lost, *found], sum(_is_new(record, gate) for record in found)
    begun = [record for record in others if _has_begun(record, gate.now)][:room]
    new = [record for record in others if _is_new(record, gate)]
    new = new[: gate.lets_begin(room - len(begun))]
    return [*lost, *begun, *new], len(new)


def next_alarm(records: list[Record], gate: Gate, held: Held) -> datetime | None:
    """Return the earliest alarm of a queue's records that a worker would have to answer."""
    if gate.mode is QueueMode.PAUSED:
        return None
    alarms = [held.next_change(gate)]
    if held.room(gate, 1):
        plain = _earliest(records)
        if gate.lets_all_begin(1):
            alarms.append(plain)
        else:
            due = [one for one in records if one.is_due(gate.now) and not one.is_held]
            later = [one for one in records if not one.is_due(gate.now) and _will_go_on(one, gate)]
            is_begun_due = any(_has_begun(one, gate.now) for one in due)
            alarms.append(gate.now if is_begun_due else _earliest(later))
            has_new = not gate.is_draining or any(_is_new(one, gate) for one in due)
            if has_new and plain is not None:
                alarms.append(max(plain, gate.next_token_at))
    return min((alarm for alarm in alarms if alarm is not None), default=None)


def _has_begun(record: Record, now: datetime) -> bool:
    """Say whether nothing begins with it: not with what is only to end, either."""
    execution = record.execution
    has_expired = execution.expires_at is not None and execution.expires_at <= now
    return bool(execution.started_at or execution.cancel_requested_at or has_expired)


def _is_new(record: Record, gate: Gate) -> bool:
    """Say whether it takes a token, and the mode of the queue lets it begin."""
    return not _has_begun(record, gate.now) and (not gate.is_draining or _is_awaited(record))


def _will_go_on(record: Record, gate: Gate) -> bool:
    """Say whether it needs no token at its alarm, or is a child that a draining queue minds."""
    alarm = record.execution.wake_at
    begun = alarm is not None and _has_begun(record, alarm)
    return begun or (gate.is_draining and _is_awaited(record))


def _is_awaited(record: Record) -> bool:
    """Say whether its parent waits for it."""
    return record.execution.parent_wait is not WaitKind.NOTHING


def _earliest(records: list[Record]) -> datetime | None:
    alarms = (record.execution.wake_at for record in records)
    return min((alarm for alarm in alarms if alarm is not None), default=None)
