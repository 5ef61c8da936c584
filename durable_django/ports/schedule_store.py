"""ScheduleStore: schedules and their ticks, beside a CheckpointStore and in its transactions.

Whoever changes a schedule or adds a tick holds its lock: `lock` or `lock_due` first, then the
writes, all within one `CheckpointStore.transact`. So the ticks of one schedule are dealt with by
one process at a time, and what became of a tick commits with the execution that it started.

The store has no clock. Whoever calls it knows the time, from the CheckpointStore.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Protocol
from uuid import UUID

from durable_django.domain.schedule import (
    DueSchedule,
    Schedule,
    ScheduleSource,
    ScheduleTick,
    TickOutcome,
)

#: So many of a schedule's latest started ticks are looked through for executions that go on.
MOST_PREDECESSORS = 500


class ScheduleStore(Protocol):
    """Holds schedules by name, and at most one tick per schedule and instant."""

    # --- reading ---

    def load_schedule(self, name: str) -> Schedule:
        """Return the schedule.

        Raises:
            ScheduleNotFoundError: There is none of this name.
        """

    def list_schedules(self, source: ScheduleSource | None = None) -> list[Schedule]:
        """Return all schedules (of one source), ordered by name."""

    def next_alarm(self) -> datetime | None:
        """Return the earliest `next_tick_at` of all enabled schedules."""

    def list_due(self, now: datetime, limit: int) -> list[DueSchedule]:
        """Return up to `limit` enabled schedules whose `next_tick_at` is not after `now`.

        Those that are due longest come first, then by name. One that holds what this code cannot
        read, such as a policy of a later one, is among them: it is `lock_due` that raises.
        """

    def list_ticks(self, name: str, limit: int) -> list[ScheduleTick]:
        """Return up to `limit` ticks of the schedule, the latest first; none if there is none."""

    def list_ticks_between(self, name: str, start: datetime, end: datetime) -> list[ScheduleTick]:
        """Return the ticks from `start` on and before `end`, the earliest first."""

    def find_tick(self, name: str, tick_at: datetime) -> ScheduleTick | None:
        """Return what became of this instant, if anything did."""

    def find_clock_tick_before(self, name: str, instant: datetime) -> ScheduleTick | None:
        """Return the latest tick before this instant that nobody asked for, if there is one."""

    def list_open_executions(self, name: str) -> list[UUID]:
        """Return the executions of the schedule's ticks that have not ended, the latest tick first.

        Looked for among its `MOST_PREDECESSORS` latest ticks that were started.
        """

    # --- under a lock that is held to the end of the transaction ---

    def lock(self, name: str) -> Schedule:
        """Wait until nobody else holds the schedule; return it as it is then.

        Raises:
            ScheduleNotFoundError: There is none of this name.
        """

    def lock_due(self, name: str, now: datetime) -> Schedule | None:
        """Return the schedule, locked, if it is due; None if it is not, or somebody has it."""

    # --- writing ---

    def insert_schedule(self, schedule: Schedule) -> bool:
        """Add a schedule; return False if there is one of its name, which stays as it is.

        A name that is taken does not spoil the caller's transaction. Needs no lock.
        """

    def save_schedule(self, schedule: Schedule) -> None:
        """Write all facts of a schedule that is locked.

        Raises:
            ScheduleNotFoundError: There is none of this name.
        """

    def move_on(self, before: Schedule, after: Schedule) -> bool:
        """Write all facts of `after`, if the schedule is enabled and due no later than `before` says.

        Returns whether it was: if not, somebody else has moved it on, or disabled it.
        """

    def delete_schedule(self, name: str) -> None:
        """Delete a schedule that is locked, and its ticks; what they started goes on."""

    def insert_tick(self, tick: ScheduleTick) -> None:
        """Add a tick of a schedule that is locked.

        Raises:
            Exception: Something became of this instant already, or there is no such schedule; the
                transaction cannot go on.
        """

    def replace_tick(self, tick: ScheduleTick, outcomes: Collection[TickOutcome]) -> bool:
        """Overwrite what became of the tick's instant; False unless that was one of `outcomes`."""

    def delete_ticks(self, before: datetime, limit: int) -> int:
        """Delete up to `limit` ticks whose instant is before then; return how many.

        One whose execution has not ended stays.
        """
