"""Limits by key: who is under way, who is held back, and who is next."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from durable_django.domain.execution import Execution
from durable_django.domain.limit import LimitFigures, is_line
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.stores.memory.tables import MemoryTables, Record

_HELD_BACK = (ExecutionStatus.PENDING, ExecutionStatus.SUSPENDED)


@dataclass(slots=True, order=True)
class Ticket:
    """The place of one execution under its limit."""

    order_at: datetime
    #: In the order they came.
    number: int
    execution_id: UUID = field(compare=False)
    ready_at: datetime = field(compare=False)


@dataclass(slots=True)
class Group:
    """The executions that share a limit."""

    most: int
    #: First the next.
    line: list[Ticket] = field(default_factory=list)
    admitted: set[UUID] = field(default_factory=set)

    @property
    def is_empty(self) -> bool:
        """Whether no execution has it."""
        return not self.line and not self.admitted


class Limits(MemoryTables):
    """`admit_waiting`, `next_admission`, `find_limit`, and what starts and ends ask."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._groups: dict[str, Group] = {}
        self._last_ticket = 0

    def admit_waiting(self, limit: int) -> list[str]:
        with self._lock:
            now, queues = self.now(), set()
            for key in sorted(self._groups):
                admitted = self._admit(key, now) if limit > 0 else set()
                queues |= admitted
                limit -= bool(admitted)
            return sorted(queues)

    def next_admission(self) -> datetime | None:
        with self._lock:
            now = self.now()
            waiting = (ticket for group in self._groups.values() for ticket in group.line)
            return min((one.ready_at for one in waiting if one.ready_at > now), default=None)

    def find_limit(self, key: str) -> LimitFigures | None:
        with self._lock:
            group, now = self._groups.get(key), self.now()
            if group is None:
                return None
            return LimitFigures(
                key=key,
                max=group.most,
                admitted=len(group.admitted),
                waiting=len(group.line),
                ready=sum(ticket.ready_at <= now for ticket in group.line),
            )

    def _queue_up(self, record: Record, ready_at: datetime, now: datetime) -> None:
        """Give an execution that is held back its place in the line."""
        execution = record.execution
        head_start = execution.priority * self._head_start
        # In a strict line it counts who came first, and no more.
        order_at = now if is_line(execution.limit_key) else ready_at - head_start
        self._last_ticket += 1
        ticket = Ticket(order_at, self._last_ticket, execution.id, ready_at)
        insort(self._group_of(record).line, ticket)

    def _admit_at_once(self, record: Record) -> None:
        """Have an execution that is under way count under its limit."""
        self._group_of(record).admitted.add(record.execution.id)

    def _group_of(self, record: Record) -> Group:
        execution = record.execution
        return self._groups.setdefault(execution.limit_key, Group(execution.limit_max))

    def _rejoin(self, record: Record, now: datetime) -> None:
        """Have an execution that had ended, and was set going again, wait for its place anew."""
        self._queue_up(record, now, now)
        self._hold_back(record, now)

    def _leave(self, execution: Execution, now: datetime) -> None:
        """Give back the place of an execution that ends, and admit the next in line."""
        group = self._groups.get(execution.limit_key)
        if group is None:
            return
        if execution.id in group.admitted:
            group.admitted.remove(execution.id)
        else:  # it was cancelled, or expired, where it stood
            group.line = [one for one in group.line if one.execution_id != execution.id]
        self._admit(execution.limit_key, now)

    def _hold_back(self, record: Record, now: datetime) -> None:
        """Have an execution that was just set going wait for its place, if it has none yet."""
        execution = record.execution
        group = self._groups.get(execution.limit_key)
        waits = group is not None and execution.id not in group.admitted
        if not waits or execution.cancel_requested_at or execution.status not in _HELD_BACK:
            return
        record.update(
            now,
            wake_at=execution.expires_at,
            waiting_kind=WaitKind.LIMIT,
            waiting_for=execution.limit_key,
        )
        self._admit(execution.limit_key, now)

    def _admit_all(self, keys: Iterable[str], now: datetime) -> None:
        for key in sorted(set(keys)):
            self._admit(key, now)

    def _admit(self, key: str, now: datetime) -> set[str]:
        """Admit whoever there is a place for; return their queues."""
        group = self._groups[key]
        queues = set()
        while len(group.admitted) < group.most and (ticket := self._next(key, group, now)):
            group.line.remove(ticket)
            group.admitted.add(ticket.execution_id)
            record = self._records[ticket.execution_id]
            has_begun = record.execution.status is ExecutionStatus.SUSPENDED
            record.update(
                now,
                wake_at=now,
                waiting_kind=WaitKind.YIELD if has_begun else WaitKind.NOTHING,
                waiting_for="",
            )
            queues.add(record.execution.queue)
        if group.is_empty:
            del self._groups[key]
        return queues

    def _next(self, key: str, group: Group, now: datetime) -> Ticket | None:
        """Return who is first, passing over those that cannot go, except in a strict line."""
        for ticket in group.line:
            if ticket.ready_at <= now and self._is_held_back(ticket.execution_id):
                return ticket
            if is_line(key):
                return None
        return None

    def _is_held_back(self, execution_id: UUID) -> bool:
        execution = self._records[execution_id].execution
        return (
            execution.waiting_kind is WaitKind.LIMIT
            and execution.status in _HELD_BACK
            and execution.cancel_requested_at is None
        )
