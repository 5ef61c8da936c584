"""What `@workflow(schedule=…)` takes: when a workflow starts by the clock, and how exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from durable_django.domain.cron import CronExpression
from durable_django.domain.identifiers import check_key, check_queue
from durable_django.domain.schedule import FoldPolicy, GapPolicy, MisfirePolicy, OverlapPolicy
from durable_django.exceptions import ScheduleError

_Policy = TypeVar("_Policy", bound=StrEnum)

SHORTEST_INTERVAL = timedelta(seconds=1)
LONGEST_INTERVAL = timedelta(days=36_500)
LONGEST_GRACE = timedelta(days=3650)
MOST_FAILURES = 32_767
MAX_TIMEZONE_LENGTH = 64
MAX_PRIORITY = 1000
_EARLIEST_YEAR = 1970
_LATEST_YEAR = 9000
#: One fewer than an execution may have: the schedule's own comes with them.
MOST_TAGS = 49


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A schedule in code: `@workflow(schedule=Recurrence("0 9 * * *", overlap="queue"))`.

    Raises:
        ScheduleError: Something of it is not legal; the message says what.
    """

    #: A cron expression of five fields, or an interval of whole seconds.
    when: str | timedelta = field(kw_only=False)
    #: In whose time the cron expression is meant; an IANA name.
    timezone: str = "UTC"
    #: What the intervals are counted from (aware); by default when the schedule is first seen.
    anchor_at: datetime | None = None
    #: The arguments by name.
    input: Mapping[str, Any] = field(default_factory=dict, hash=False)
    #: The argument that gets the nominal instant of the tick (aware, UTC); empty: none does.
    tick_argument: str = ""
    gap: GapPolicy | str = GapPolicy.SHIFT
    fold: FoldPolicy | str = FoldPolicy.FIRST
    misfire: MisfirePolicy | str = MisfirePolicy.LATEST
    misfire_grace: timedelta = timedelta(days=1)
    overlap: OverlapPolicy | str = OverlapPolicy.SKIP
    #: By default the workflow's.
    queue: str = ""
    priority: int = 0
    tags: tuple[str, ...] = ()
    #: Disabled after so many failed starts in a row; 0: never.
    disable_after: int = 5
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not tick, where it is written."""
        if isinstance(self.when, timedelta):
            check_interval(self.when)
        else:
            CronExpression(self.when)
        check_timezone(self.timezone)
        if self.anchor_at is not None:
            check_instant("anchor_at", self.anchor_at)
        check_policy("gap", GapPolicy, self.gap)
        check_policy("fold", FoldPolicy, self.fold)
        check_policy("misfire", MisfirePolicy, self.misfire)
        check_policy("overlap", OverlapPolicy, self.overlap)
        check_grace(self.misfire_grace)
        check_disable_after(self.disable_after)
        self._check_start()

    def _check_start(self) -> None:
        if not isinstance(self.input, Mapping):
            raise ScheduleError("input", "The input is a dict of arguments by name.")
        if self.tick_argument in self.input:
            raise ScheduleError(
                "tick_argument",
                f"{self.tick_argument!r} gets the instant of the tick: leave it out of the input.",
            )
        if self.queue:
            check_queue(self.queue)
        if type(self.tags) is not tuple or len(self.tags) > MOST_TAGS:
            raise ScheduleError("tags", f"The tags are a tuple of up to {MOST_TAGS} texts.")
        for tag in self.tags:
            check_key("tag", tag)
        if type(self.priority) is not int or not 0 <= self.priority <= MAX_PRIORITY:
            raise ScheduleError("priority", f"Priority is a whole number from 0 to {MAX_PRIORITY}.")


def to_recurrence(when: object, timezone: str | None = None) -> Recurrence:
    """Return what `@workflow(schedule=when, timezone=timezone)` means.

    Raises:
        ScheduleError: It means nothing; the message says what does.
    """
    if isinstance(when, Recurrence):
        if timezone is not None:
            raise ScheduleError("timezone", "Give the timezone to the Recurrence.")
        return when
    if isinstance(when, timedelta):
        if timezone is not None:
            raise ScheduleError(
                "timezone", "An interval knows no time zone; a cron expression does."
            )
        return Recurrence(when)
    if isinstance(when, str):
        return Recurrence(when, timezone="UTC" if timezone is None else timezone)
    raise ScheduleError(
        "cron",
        f"A schedule is a cron expression, a timedelta or a Recurrence, not {type(when).__name__}.",
    )


def check_interval(every: object) -> timedelta:
    """Return `every` if ticks may lie so far apart: whole seconds, from one second on.

    Raises:
        ScheduleError: They may not.
    """
    if not isinstance(every, timedelta):
        raise ScheduleError(
            "every", f"An interval is a timedelta, not {type(every).__name__} {every!r:.40}."
        )
    if not SHORTEST_INTERVAL <= every <= LONGEST_INTERVAL or every.microseconds:
        raise ScheduleError(
            "every",
            f"An interval is a whole number of seconds, from 1 second to "
            f"{LONGEST_INTERVAL.days} days, not {every}.",
        )
    return every


def check_timezone(name: object) -> str:
    """Return `name` if this machine knows a time zone of that name.

    Raises:
        ScheduleError: It does not.
    """
    try:
        if isinstance(name, str) and 0 < len(name) <= MAX_TIMEZONE_LENGTH:
            ZoneInfo(name)
            return name
    # The name is a path to it: one that leads elsewhere, or to no time zone, fails in its own way.
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    raise ScheduleError(
        "timezone",
        f"{name!r:.80} is not a time zone this machine knows: give an IANA name such as "
        f"'Europe/Berlin' (without a system's own list, install the package tzdata).",
    )


def check_instant(name: str, value: object) -> datetime:
    """Return an instant in UTC, if it is one that every database can hold.

    Raises:
        ScheduleError: It is not aware, or not of the years 1970 to 9000.
    """
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise ScheduleError(
            name, f"{name} is an aware datetime, not {value!r:.60}: give it a time zone."
        )
    if not _EARLIEST_YEAR <= value.year <= _LATEST_YEAR:
        raise ScheduleError(
            name, f"{name} is of the years {_EARLIEST_YEAR} to {_LATEST_YEAR}, not {value.year}."
        )
    return value.astimezone(UTC)


def check_policy(name: str, policies: type[_Policy], value: object) -> _Policy:
    """Return the policy that `value` names.

    Raises:
        ScheduleError: There is none of that name; the message lists them.
    """
    try:
        return policies(str(value))
    except ValueError:
        known = ", ".join(repr(str(one)) for one in policies)
        raise ScheduleError(name, f"{name} is one of {known}, not {value!r:.40}.") from None


def check_grace(grace: object) -> None:
    """Refuse a grace that is no time.

    Raises:
        ScheduleError: It is not a timedelta of whole seconds from 0 to ten years.
    """
    if (
        not isinstance(grace, timedelta)
        or not timedelta(0) <= grace <= LONGEST_GRACE
        or grace.microseconds
    ):
        raise ScheduleError(
            "misfire_grace",
            f"misfire_grace is a timedelta of whole seconds, from 0 to {LONGEST_GRACE.days} days, "
            f"not {grace!r:.60}.",
        )


def check_disable_after(count: object) -> None:
    """Refuse what is no number of failures.

    Raises:
        ScheduleError: It is not a whole number from 0 to 32,767.
    """
    if type(count) is not int or not 0 <= count <= MOST_FAILURES:
        raise ScheduleError(
            "disable_after",
            f"disable_after is a whole number from 0 (never) to {MOST_FAILURES}, not {count!r:.40}.",
        )
