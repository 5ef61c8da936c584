"""The options of a schedule by name, and how they change one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypedDict

from durable_django.domain.cron import CronExpression
from durable_django.domain.recurrence import check_instant, check_interval, check_policy
from durable_django.domain.schedule import (
    FoldPolicy,
    GapPolicy,
    MisfirePolicy,
    OverlapPolicy,
    Schedule,
)
from durable_django.exceptions import ScheduleError


class ScheduleOptions(TypedDict, total=False):
    """What `schedules.create` takes beside name and workflow. Give `cron` or `every`."""

    #: Five fields, in the time of `timezone`.
    cron: str
    #: Whole seconds, counted from `anchor_at` (aware; by default now).
    every: timedelta | None
    anchor_at: datetime | None
    #: An IANA name; by default UTC.
    timezone: str
    #: The arguments by name; by default none.
    input: Mapping[str, Any] | None
    #: The argument that gets the nominal instant of the tick (aware, UTC).
    tick_argument: str
    #: By default the highest that is registered at each tick.
    version: int | None
    description: str
    #: By default the workflow's.
    queue: str
    priority: int
    tags: Iterable[str]
    gap: GapPolicy | str
    fold: FoldPolicy | str
    misfire: MisfirePolicy | str
    misfire_grace: timedelta
    overlap: OverlapPolicy | str
    #: Disabled after so many failed starts in a row; 0: never.
    disable_after: int


class ScheduleChanges(ScheduleOptions, total=False):
    """What `schedules.update` takes."""

    workflow: str


#: What decides when it ticks.
_TIMING = ("cron", "every", "anchor_at", "timezone", "gap", "fold")
_RENAMED = {"workflow": "workflow_name", "version": "workflow_version"}


def changed(schedule: Schedule, changes: Mapping[str, Any], now: datetime) -> Schedule:
    """Return the schedule with these options, but for its input.

    A cron expression takes the place of an interval, and the other way round. Another interval is
    counted from the anchor that is there; the first one from now, unless an anchor is given.

    Raises:
        ScheduleError: There is no such option, or no such policy, or both cron and interval are
            given.
    """
    unknown = sorted(changes.keys() - ScheduleChanges.__annotations__.keys())
    if unknown:
        raise ScheduleError(unknown[0], f"A schedule has no option {unknown[0]!r:.60}.")
    values = {
        _RENAMED.get(name, name): _value(name, value)
        for name, value in changes.items()
        if name != "input"
    }
    if changes.get("cron") and changes.get("every") is not None:
        raise ScheduleError("every", "Give a cron expression or an interval (every=), not both.")
    if changes.get("cron"):
        values["every"] = None
    elif changes.get("every") is not None:
        values["cron"] = ""
    return anchored(replace(schedule, **values), now)


def anchored(schedule: Schedule, now: datetime) -> Schedule:
    """Return the schedule with an anchor, by default now, if it is one of intervals; else without."""
    if schedule.every is None:
        return replace(schedule, anchor_at=None)
    return replace(schedule, anchor_at=schedule.anchor_at or now.replace(microsecond=0))


def is_timed_alike(one: Schedule, other: Schedule) -> bool:
    """Say whether two schedules tick at the same instants, for all that is known."""
    return all(getattr(one, name) == getattr(other, name) for name in _TIMING)


def _value(name: str, value: Any) -> Any:
    read = _READERS.get(name)
    return value if read is None else read(value)


def _cron(value: Any) -> str:
    return CronExpression(value).text if value else ""


def _every(value: Any) -> timedelta | None:
    return None if value is None else check_interval(value)


def _anchor_at(value: Any) -> datetime | None:
    return None if value is None else check_instant("anchor_at", value).replace(microsecond=0)


def _tags(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ScheduleError("tags", "The tags are a list of texts.")
    tags = tuple(value)
    if not all(isinstance(tag, str) for tag in tags):
        raise ScheduleError("tags", "The tags are a list of texts.")
    return tuple(dict.fromkeys(tags))


def _workflow(value: Any) -> str:
    if not isinstance(value, str):
        raise ScheduleError("workflow", "A workflow is given by its registered name.")
    return value


def _version(value: Any) -> int | None:
    if value is not None and type(value) is not int:
        raise ScheduleError("version", f"A version is a whole number, not {value!r:.40}.")
    return value


#: How what was given becomes what a schedule holds; the rest is checked with the whole of it.
_READERS: dict[str, Callable[[Any], Any]] = {
    "cron": _cron,
    "every": _every,
    "anchor_at": _anchor_at,
    "tags": _tags,
    "workflow": _workflow,
    "version": _version,
    "queue": lambda value: value or "",
    "gap": partial(check_policy, "gap", GapPolicy),
    "fold": partial(check_policy, "fold", FoldPolicy),
    "misfire": partial(check_policy, "misfire", MisfirePolicy),
    "overlap": partial(check_policy, "overlap", OverlapPolicy),
}
