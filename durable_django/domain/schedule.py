"""When a workflow is to be started by the clock, and what is done when that is not simple."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class GapPolicy(StrEnum):
    """A fixed local time that does not exist, because the clock was put forward over it.

    Like `FoldPolicy` it is only for expressions that name fixed local times. One whose minute or
    hour begins with a star (`*/30 * * * *`, `0 * * * *`) follows the time that passes, as Debian's
    cron does: it ticks whenever the clock shows such a time, be it never or twice.
    """

    #: Tick once at the first instant after the gap.
    SHIFT = "shift"
    SKIP = "skip"


class FoldPolicy(StrEnum):
    """A fixed local time that comes twice, because the clock was put back."""

    FIRST = "first"
    LAST = "last"
    BOTH = "both"


class MisfirePolicy(StrEnum):
    """Ticks that nobody was there for, as far back as the grace reaches; older ones are missed.

    Not meant is the latest one if it is not a minute late: it was started in time.
    """

    #: Start the latest of them only.
    LATEST = "latest"
    #: Start each of them.
    ALL = "all"
    #: Start none of them.
    SKIP = "skip"


class OverlapPolicy(StrEnum):
    """A tick whose predecessor has not ended."""

    SKIP = "skip"
    #: Start it, to begin when those before it have ended.
    QUEUE = "queue"
    #: Cancel those before it, and start it.
    CANCEL_RUNNING = "cancel_running"
    ALLOW = "allow"


class ScheduleSource(StrEnum):
    """Who defines a schedule."""

    #: `@workflow(schedule=…)`: only enabling and disabling is left to people.
    CODE = "code"
    USER = "user"


class TickKind(StrEnum):
    """Why there was a tick."""

    CLOCK = "clock"
    BACKFILL = "backfill"
    MANUAL = "manual"


class TickOutcome(StrEnum):
    """What became of a tick."""

    STARTED = "started"
    #: By the overlap policy.
    SKIPPED = "skipped"
    #: By the misfire policy.
    MISSED = "missed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as its row says. Instants are aware UTC; exactly one of `cron` and `every` is set."""

    name: str
    workflow_name: str
    workflow_version: int | None = None
    description: str = ""
    #: The arguments by name, encoded.
    input: str = "{}"
    #: The argument that gets the nominal instant of the tick; empty: none does.
    tick_argument: str = ""
    queue: str = ""
    priority: int = 0
    tags: tuple[str, ...] = ()
    #: Five fields, in the time of `timezone`.
    cron: str = ""
    every: timedelta | None = None
    #: What the intervals are counted from.
    anchor_at: datetime | None = None
    #: An IANA name.
    timezone: str = "UTC"
    gap: GapPolicy = GapPolicy.SHIFT
    fold: FoldPolicy = FoldPolicy.FIRST
    misfire: MisfirePolicy = MisfirePolicy.LATEST
    misfire_grace: timedelta = timedelta(days=1)
    overlap: OverlapPolicy = OverlapPolicy.SKIP
    source: ScheduleSource = ScheduleSource.USER
    is_enabled: bool = True
    disabled_reason: str = ""
    #: Disabled after so many failed starts in a row; 0: never.
    disable_after: int = 5
    consecutive_failures: int = 0
    #: The alarm: the nominal instant of the next tick; None while disabled.
    next_tick_at: datetime | None = None
    last_tick_at: datetime | None = None
    #: Who last changed it, and when; its ticks are no changes.
    actor_name: str = ""
    updated_at: datetime | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSchedule:
    """Of a schedule that is due, what says whether a process can tick it."""

    name: str
    workflow_name: str
    workflow_version: int | None
    timezone: str
    next_tick_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTick:
    """What became of one nominal instant of a schedule."""

    schedule_name: str
    tick_at: datetime
    outcome: TickOutcome
    kind: TickKind = TickKind.CLOCK
    execution_id: UUID | None = None
    detail: str = ""
    created_at: datetime | None = None
