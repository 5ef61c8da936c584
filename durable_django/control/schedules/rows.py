"""Schedules as people see them: when in words, the next runs, the last one, and what is wrong.

Whoever may view schedules sees all of them: a schedule is nobody's in particular. What it started
is shown only to whom `DURABLE["SCOPE"]` shows that execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, QuerySet, Subquery

from durable_django.conf import settings
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import visible_executions
from durable_django.domain.schedule import Schedule as ScheduleFacts
from durable_django.domain.schedule import ScheduleSource, ScheduleTick, TickOutcome
from durable_django.exceptions import ScheduleError, ScheduleNotFoundError
from durable_django.models import Schedule, WorkflowExecution
from durable_django.models import ScheduleTick as TickTable
from durable_django.runtime import engine
from durable_django.scheduling.code_schedules import is_defined
from durable_django.scheduling.wording import explain, preview
from durable_django.stores.orm.schedule_rows import to_schedule, to_tick

NEXT_RUNS = 5
#: A tick that is later than this is worth a word; a tick is looked for every second or so.
LATE_BY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """An instant at which it will tick."""

    #: Aware, UTC.
    at: datetime
    #: The same on the clock of the schedule's time zone.
    local: datetime

    @property
    def in_zone(self) -> str:
        """The local time for people: `Mon 2026-03-30 09:00 CEST`."""
        return say_tick(self.local)

    @property
    def in_utc(self) -> str:
        """The same in UTC."""
        return say_tick(self.at.astimezone(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRow:
    """What became of one tick, without secrets."""

    tick: ScheduleTick
    detail: str
    #: On the clock of the schedule's time zone.
    local: datetime
    #: None if nothing was started, or it was pruned, or the user may not see it.
    execution: WorkflowExecution | None

    @property
    def in_zone(self) -> str:
        """The local time for people."""
        return say_tick(self.local)

    @property
    def in_utc(self) -> str:
        """The same in UTC."""
        return say_tick(self.tick.tick_at.astimezone(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A schedule, and what can be told of it."""

    id: int
    schedule: ScheduleFacts
    #: When it ticks, in English words; empty if it cannot.
    words: str
    #: Why it cannot tick; empty if it can.
    problem: str
    #: Were it enabled.
    next_runs: Sequence[NextRun]
    #: Without secrets.
    disabled_reason: str
    last: TickRow | None
    #: How long its next tick has been due, if that is too long.
    late_by: timedelta | None

    @property
    def name(self) -> str:
        """The schedule's name."""
        return self.schedule.name

    @property
    def is_of_code(self) -> bool:
        """Whether it is changed in the code, and only there."""
        return self.schedule.source is ScheduleSource.CODE

    @property
    def is_deletable(self) -> bool:
        """Whether people may delete it: theirs, and what the code defines no longer."""
        return not self.is_of_code or not is_defined(engine().registry, self.name)

    @property
    def is_given_up(self) -> bool:
        """Whether it was disabled because its starts failed."""
        return is_given_up(self.schedule)


def say_tick(at: datetime) -> str:
    """Return an instant with its weekday and zone; with seconds only if there are some."""
    seconds = f":{at:%S}" if at.second else ""
    return f"{at:%a %Y-%m-%d %H:%M}{seconds} {at:%Z}"


def is_given_up(schedule: ScheduleFacts | Schedule) -> bool:
    """Say whether a schedule was disabled because its starts failed."""
    is_over = 0 < schedule.disable_after <= schedule.consecutive_failures
    return is_over and not schedule.is_enabled


def all_schedules() -> QuerySet[Schedule]:
    """Return all schedules, by name; each says in `latest_id` which tick is its latest."""
    conf = settings()
    ticks = TickTable.objects.using(conf.database).filter(schedule=OuterRef("pk"))
    latest = Subquery(ticks.order_by("-tick_at").values("pk")[:1])
    return Schedule.objects.using(conf.database).annotate(latest_id=latest).order_by("name")


def find_schedule(name: str) -> Schedule:
    """Return the schedule of this name.

    Raises:
        ScheduleNotFoundError: There is none.
    """
    # PostgreSQL takes no NUL, not even to look for.
    row = None if "\0" in name else all_schedules().filter(name=name).first()
    if row is None:
        raise ScheduleNotFoundError(name)
    return row


def list_ticks(schedule: Schedule) -> QuerySet[TickTable]:
    """Return what became of its ticks, the latest first."""
    return schedule.ticks.order_by("-tick_at")


def build_rows(
    user: Any, schedules: Sequence[Schedule], now: datetime, *, next_runs: int = NEXT_RUNS
) -> list[ScheduleRow]:
    """Return what can be told of schedules of `all_schedules`; two queries, however many."""
    ids = [row.latest_id for row in schedules if row.latest_id is not None]  # type: ignore[attr-defined]  # annotated
    ticks = {tick.pk: tick for tick in _ticks_by_id(ids)}
    by_schedule = {tick.schedule_id: tick for tick in ticks.values()}
    executions = _visible_by_id(user, list(ticks.values()))
    return [
        _build_row(row, by_schedule.get(row.pk), executions, now, next_runs) for row in schedules
    ]


def build_row(user: Any, schedule: Schedule, now: datetime) -> ScheduleRow:
    """Return what can be told of one."""
    [row] = build_rows(user, [schedule], now)
    return row


def build_ticks(user: Any, schedule: Schedule, ticks: Sequence[TickTable]) -> list[TickRow]:
    """Return what can be told of some of its ticks; one query, however many."""
    executions = _visible_by_id(user, ticks)
    zone = _zone_of(schedule.timezone)
    return [_build_tick(tick, schedule.name, zone, executions) for tick in ticks]


def preview_runs(schedule: ScheduleFacts, now: datetime, count: int = NEXT_RUNS) -> list[NextRun]:
    """Return the next runs, were it enabled.

    Raises:
        ScheduleError: It cannot tick.
    """
    zone = _zone_of(schedule.timezone)
    ticks = preview(schedule, now, count)
    return [NextRun(at=tick_at, local=tick_at.astimezone(zone)) for tick_at in ticks]


def _build_row(
    row: Schedule,
    latest: TickTable | None,
    executions: dict[Any, WorkflowExecution],
    now: datetime,
    count: int,
) -> ScheduleRow:
    schedule = to_schedule(row)
    words, problem, runs = "", "", list[NextRun]()
    try:
        words, runs = explain(schedule), preview_runs(schedule, now, count)
    except ScheduleError as error:
        problem = str(error)
    zone = _zone_of(schedule.timezone)
    due = schedule.next_tick_at
    late = now - due if schedule.is_enabled and due is not None else timedelta(0)
    return ScheduleRow(
        id=row.pk,
        schedule=schedule,
        words=words,
        problem=problem,
        next_runs=runs,
        disabled_reason=redact_text(schedule.disabled_reason),
        last=None if latest is None else _build_tick(latest, row.name, zone, executions),
        late_by=late if late >= LATE_BY else None,
    )


def _build_tick(
    tick: TickTable, name: str, zone: ZoneInfo, executions: dict[Any, WorkflowExecution]
) -> TickRow:
    facts = to_tick(tick, name)
    return TickRow(
        tick=facts,
        detail=redact_text(facts.detail),
        local=facts.tick_at.astimezone(zone),
        execution=executions.get(facts.execution_id),
    )


def _zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):  # a row from where another tzdata is installed
        return ZoneInfo("UTC")


def _ticks_by_id(ids: Sequence[int]) -> QuerySet[TickTable]:
    return TickTable.objects.using(settings().database).filter(pk__in=ids)


def _visible_by_id(user: Any, ticks: Sequence[TickTable]) -> dict[Any, WorkflowExecution]:
    if not allows(user, Permission.VIEW):
        return {}
    ids = [tick.execution_id for tick in ticks if tick.outcome == TickOutcome.STARTED]
    found = visible_executions(user).filter(pk__in=[one for one in ids if one is not None])
    shown = found.only("id", "workflow_name", "key", "status", "waiting_kind", "finished_at")
    return {execution.pk: execution for execution in shown}
