"""The ScheduleStore on Django's database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet

from durable_django.domain.schedule import (
    DueSchedule,
    Schedule,
    ScheduleSource,
    ScheduleTick,
    TickKind,
    TickOutcome,
)
from durable_django.domain.status import TERMINAL_STATUSES
from durable_django.exceptions import ScheduleNotFoundError
from durable_django.models import Schedule as ScheduleRow
from durable_django.models import ScheduleTick as TickRow
from durable_django.models import WorkflowExecution
from durable_django.ports.schedule_store import MOST_PREDECESSORS
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.schedule_rows import (
    schedule_columns,
    tick_columns,
    to_schedule,
    to_tick,
)

_OF_DUE = tuple(one.name for one in fields(DueSchedule))
_CLOCK = str(TickKind.CLOCK)
_TERMINAL = sorted(str(status) for status in TERMINAL_STATUSES)


class OrmScheduleStore:
    """Implements `ScheduleStore`, on the alias of the OrmCheckpointStore it stands beside."""

    def __init__(self, alias: str = "default") -> None:
        self._db = Database(alias, None, 0)

    @property
    def _schedules(self) -> QuerySet[ScheduleRow]:
        return ScheduleRow.objects.using(self._db.alias)

    @property
    def _ticks(self) -> QuerySet[TickRow]:
        return TickRow.objects.using(self._db.alias)

    # --- reading ---

    def load_schedule(self, name: str) -> Schedule:
        return _the_one(self._schedules.filter(name=name), name)

    def list_schedules(self, source: ScheduleSource | None = None) -> list[Schedule]:
        rows = self._schedules.order_by("name")
        if source is not None:
            rows = rows.filter(source=str(source))
        # The databases do not agree on the order of texts.
        return sorted(map(to_schedule, rows), key=lambda schedule: schedule.name)

    def next_alarm(self) -> datetime | None:
        alarms = self._schedules.filter(is_enabled=True, next_tick_at__isnull=False)
        return alarms.order_by("next_tick_at").values_list("next_tick_at", flat=True).first()

    def list_due(self, now: datetime, limit: int) -> list[DueSchedule]:
        due = self._schedules.filter(is_enabled=True, next_tick_at__lte=now)
        found = due.order_by("next_tick_at", "name").values(*_OF_DUE)
        return [DueSchedule(**facts) for facts in found[:limit]]

    def list_ticks(self, name: str, limit: int) -> list[ScheduleTick]:
        rows = self._ticks.filter(schedule__name=name).order_by("-tick_at")
        return [to_tick(row, name) for row in rows[:limit]]

    def list_ticks_between(self, name: str, start: datetime, end: datetime) -> list[ScheduleTick]:
        rows = self._ticks.filter(schedule__name=name, tick_at__gte=start, tick_at__lt=end)
        return [to_tick(row, name) for row in rows.order_by("tick_at")]

    def find_tick(self, name: str, tick_at: datetime) -> ScheduleTick | None:
        row = self._ticks.filter(schedule__name=name, tick_at=tick_at).first()
        return None if row is None else to_tick(row, name)

    def find_clock_tick_before(self, name: str, instant: datetime) -> ScheduleTick | None:
        rows = self._ticks.filter(schedule__name=name, tick_at__lt=instant, kind=_CLOCK)
        row = rows.order_by("-tick_at").first()
        return None if row is None else to_tick(row, name)

    def list_open_executions(self, name: str) -> list[UUID]:
        started = self._ticks.filter(schedule__name=name, execution_id__isnull=False)
        latest = started.order_by("-tick_at").values_list("execution_id", flat=True)
        ids = [one for one in latest[:MOST_PREDECESSORS] if one is not None]
        executions = WorkflowExecution.objects.using(self._db.alias).filter(pk__in=ids)
        is_open = set(executions.exclude(status__in=_TERMINAL).values_list("pk", flat=True))
        return [one for one in ids if one in is_open]

    # --- under a lock that is held to the end of the transaction ---

    def lock(self, name: str) -> Schedule:
        rows = self._schedules.filter(name=name)
        if not self._db.connection.features.has_select_for_update:
            # SQLite takes its write lock only for a write.
            rows.update(updated_at=F("updated_at"))
            return _the_one(rows, name)
        return _the_one(rows.select_for_update(), name)

    def lock_due(self, name: str, now: datetime) -> Schedule | None:
        due = self._schedules.filter(name=name, is_enabled=True, next_tick_at__lte=now)
        features = self._db.connection.features
        if not features.has_select_for_update:
            if not due.update(updated_at=F("updated_at")):
                return None
            row = due.first()
        else:
            skip_locked = features.has_select_for_update_skip_locked
            row = due.select_for_update(skip_locked=skip_locked).first()
        return None if row is None else to_schedule(row)

    # --- writing ---

    def insert_schedule(self, schedule: Schedule) -> bool:
        columns = schedule_columns(schedule)
        created_at = columns.pop("created_at")
        name = columns.pop("name")

        def insert() -> bool:
            _, is_new = self._schedules.get_or_create(
                name=name, defaults={"created_at": created_at, **columns}
            )
            return is_new

        # In a savepoint of its own, so that a name that was taken meanwhile spoils nothing.
        return self._db.act_transact(insert)

    def save_schedule(self, schedule: Schedule) -> None:
        if not self._schedules.filter(name=schedule.name).update(**schedule_columns(schedule)):
            raise ScheduleNotFoundError(schedule.name)

    def move_on(self, before: Schedule, after: Schedule) -> bool:
        # Not "equal": what somebody wrote past the ORM on SQLite may have fewer digits.
        rows = self._schedules.filter(
            name=before.name, is_enabled=True, next_tick_at__lte=before.next_tick_at
        )
        return rows.update(**schedule_columns(after)) == 1

    def delete_schedule(self, name: str) -> None:
        self._schedules.filter(name=name).delete()

    def insert_tick(self, tick: ScheduleTick) -> None:
        schedule = self._schedules.only("pk").get(name=tick.schedule_name)
        self._ticks.create(schedule=schedule, **tick_columns(tick))

    def replace_tick(self, tick: ScheduleTick, outcomes: Collection[TickOutcome]) -> bool:
        rows = self._ticks.filter(
            schedule__name=tick.schedule_name,
            tick_at=tick.tick_at,
            outcome__in=[str(outcome) for outcome in outcomes],
        )
        return rows.update(**tick_columns(tick)) == 1

    def delete_ticks(self, before: datetime, limit: int) -> int:
        # Schedule by schedule: that is how the index of the ticks begins.
        for schedule_id in self._schedules.values_list("pk", flat=True).order_by("pk"):
            old = self._ticks.filter(schedule_id=schedule_id, tick_at__lt=before)
            ids = self._closed(old, limit)
            if ids:
                return self._ticks.filter(pk__in=ids).delete()[0]
        return 0

    def _closed(self, rows: QuerySet[TickRow], limit: int) -> list[int]:
        """Return the keys of up to `limit` of the rows whose executions have ended."""
        going_on = (
            WorkflowExecution.objects.using(self._db.alias)
            .exclude(status__in=_TERMINAL)
            .filter(pk__in=rows.filter(execution_id__isnull=False).values("execution_id"))
        )
        open_ids = list(going_on.values_list("pk", flat=True))
        closed = rows.exclude(execution_id__in=open_ids) if open_ids else rows
        return list(closed.order_by("tick_at").values_list("pk", flat=True)[:limit])


def _the_one(rows: QuerySet[ScheduleRow], name: str) -> Schedule:
    # PostgreSQL takes no NUL, not even to look for.
    row = None if "\0" in name else rows.first()
    if row is None:
        raise ScheduleNotFoundError(name)
    return to_schedule(row)
