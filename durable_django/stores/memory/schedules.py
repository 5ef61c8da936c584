"""A ScheduleStore of dictionaries, beside an InMemoryCheckpointStore."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from threading import RLock
from typing import Protocol
from uuid import UUID

from durable_django.domain.execution import Execution
from durable_django.domain.schedule import (
    DueSchedule,
    Schedule,
    ScheduleSource,
    ScheduleTick,
    TickKind,
    TickOutcome,
)
from durable_django.exceptions import ExecutionNotFoundError, ScheduleNotFoundError
from durable_django.ports.schedule_store import MOST_PREDECESSORS


class Executions(Protocol):
    """What it asks of the store of executions."""

    def load_execution(self, execution_id: UUID) -> Execution:
        """Return the execution."""


class InMemoryScheduleStore:
    """Implements `ScheduleStore`.

    Its locks are those of the CheckpointStore's `transact`, which lets one thread in at a time.
    """

    def __init__(self, executions: Executions) -> None:
        self._executions = executions
        self._lock = RLock()
        self._schedules: dict[str, Schedule] = {}
        self._ticks: dict[str, dict[datetime, ScheduleTick]] = {}

    # --- reading ---

    def load_schedule(self, name: str) -> Schedule:
        with self._lock:
            if name not in self._schedules:
                raise ScheduleNotFoundError(name)
            return self._schedules[name]

    def list_schedules(self, source: ScheduleSource | None = None) -> list[Schedule]:
        with self._lock:
            ordered = sorted(self._schedules.values(), key=lambda one: one.name)
        return [one for one in ordered if source in (None, one.source)]

    def next_alarm(self) -> datetime | None:
        with self._lock:
            alarms = [alarm for one in self._schedules.values() if (alarm := _alarm_of(one))]
        return min(alarms, default=None)

    def list_due(self, now: datetime, limit: int) -> list[DueSchedule]:
        with self._lock:
            due = [
                DueSchedule(
                    name=one.name,
                    workflow_name=one.workflow_name,
                    workflow_version=one.workflow_version,
                    timezone=one.timezone,
                    next_tick_at=alarm,
                )
                for one in self._schedules.values()
                if (alarm := _alarm_of(one)) and alarm <= now
            ]
        return sorted(due, key=lambda one: (one.next_tick_at, one.name))[:limit]

    def list_ticks(self, name: str, limit: int) -> list[ScheduleTick]:
        with self._lock:
            ticks = self._ticks.get(name, {})
            return [ticks[tick_at] for tick_at in sorted(ticks, reverse=True)[:limit]]

    def list_ticks_between(self, name: str, start: datetime, end: datetime) -> list[ScheduleTick]:
        with self._lock:
            ticks = self._ticks.get(name, {})
            return [ticks[tick_at] for tick_at in sorted(ticks) if start <= tick_at < end]

    def find_tick(self, name: str, tick_at: datetime) -> ScheduleTick | None:
        with self._lock:
            return self._ticks.get(name, {}).get(tick_at)

    def find_clock_tick_before(self, name: str, instant: datetime) -> ScheduleTick | None:
        with self._lock:
            ticks = self._ticks.get(name, {}).values()
            before = [
                tick for tick in ticks if tick.tick_at < instant and tick.kind is TickKind.CLOCK
            ]
        return max(before, key=lambda tick: tick.tick_at, default=None)

    def list_open_executions(self, name: str) -> list[UUID]:
        with self._lock:
            ticks = self._ticks.get(name, {})
            latest = [ticks[tick_at] for tick_at in sorted(ticks, reverse=True)]
        started = [tick.execution_id for tick in latest if tick.execution_id is not None]
        return [one for one in started[:MOST_PREDECESSORS] if self._is_open(one)]

    def _is_open(self, execution_id: UUID) -> bool:
        try:
            return not self._executions.load_execution(execution_id).is_terminal
        except ExecutionNotFoundError:  # pruned, so it has ended
            return False

    # --- locks ---

    def lock(self, name: str) -> Schedule:
        return self.load_schedule(name)

    def lock_due(self, name: str, now: datetime) -> Schedule | None:
        with self._lock:
            schedule = self._schedules.get(name)
        alarm = None if schedule is None else _alarm_of(schedule)
        return None if alarm is None or alarm > now else schedule

    # --- writing ---

    def insert_schedule(self, schedule: Schedule) -> bool:
        with self._lock:
            if schedule.name in self._schedules:
                return False
            self._schedules[schedule.name] = schedule
            self._ticks[schedule.name] = {}
            return True

    def save_schedule(self, schedule: Schedule) -> None:
        with self._lock:
            self.load_schedule(schedule.name)
            self._schedules[schedule.name] = schedule

    def move_on(self, before: Schedule, after: Schedule) -> bool:
        with self._lock:
            stored = self._schedules.get(before.name)
            alarm = None if stored is None else _alarm_of(stored)
            if alarm is None or before.next_tick_at is None or alarm > before.next_tick_at:
                return False
            self._schedules[before.name] = after
            return True

    def delete_schedule(self, name: str) -> None:
        with self._lock:
            self._schedules.pop(name, None)
            self._ticks.pop(name, None)

    def insert_tick(self, tick: ScheduleTick) -> None:
        with self._lock:
            ticks = self._ticks[tick.schedule_name]
            if tick.tick_at in ticks:
                raise ValueError(f"{tick.schedule_name} has ticked at {tick.tick_at} already.")
            ticks[tick.tick_at] = tick

    def replace_tick(self, tick: ScheduleTick, outcomes: Collection[TickOutcome]) -> bool:
        with self._lock:
            ticks = self._ticks.get(tick.schedule_name, {})
            stored = ticks.get(tick.tick_at)
            if stored is None or stored.outcome not in outcomes:
                return False
            ticks[tick.tick_at] = tick
            return True

    def delete_ticks(self, before: datetime, limit: int) -> int:
        with self._lock:
            old = [
                tick
                for ticks in self._ticks.values()
                for tick in ticks.values()
                if tick.tick_at < before
            ]
        # Not under the lock: whoever holds the one of the executions may be waiting for this one.
        doomed = [
            tick
            for tick in old
            if tick.execution_id is None or not self._is_open(tick.execution_id)
        ][:limit]
        with self._lock:
            for tick in doomed:
                self._ticks.get(tick.schedule_name, {}).pop(tick.tick_at, None)
        return len(doomed)


def _alarm_of(schedule: Schedule) -> datetime | None:
    return schedule.next_tick_at if schedule.is_enabled else None
