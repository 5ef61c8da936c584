"""Judge schedules and the controls of queues: each is fine, or not, with what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from durable_django.control.health.checks import MAX_NAMED, HealthCheck, Level
from durable_django.control.schedules.rows import LATE_BY, is_given_up
from durable_django.control.wording import say_duration
from durable_django.domain.status import QueueMode
from durable_django.models import Schedule, WorkQueue

#: More schedules than this are not looked at: whoever has so many looks at their page.
MAX_SCHEDULES = 1000
_COLUMNS = ("name", "is_enabled", "next_tick_at", "disable_after", "consecutive_failures")


def load_schedules(alias: str) -> list[Schedule]:
    """Return the schedules, those first that tick next; as much of them as is judged."""
    rows = Schedule.objects.using(alias).only(*_COLUMNS)
    return list(rows.order_by("-is_enabled", "next_tick_at", "name")[:MAX_SCHEDULES])


def load_controls(alias: str) -> list[WorkQueue]:
    """Return the controls of queues, by name."""
    return list(WorkQueue.objects.using(alias).order_by("name")[:MAX_SCHEDULES])


def judge_schedules(schedules: Sequence[Schedule], now: datetime) -> HealthCheck:
    """Say when the next tick is, which are late, and which were given up."""
    due = [one for one in schedules if one.is_enabled and one.next_tick_at is not None]
    late = [one for one in due if one.next_tick_at and now - one.next_tick_at >= LATE_BY]
    if late:
        longest = max(now - one.next_tick_at for one in late if one.next_tick_at)
        return HealthCheck(
            code="schedules",
            level=Level.ERROR,
            summary=f"{len(late)} late, by up to {say_duration(longest)}: {_name(late)}.",
            remedy="Is a worker alive? Workers of a code that does not know the workflow leave its "
            "schedule to others.",
        )
    given_up = [one for one in schedules if is_given_up(one)]
    if given_up:
        return HealthCheck(
            code="schedules",
            level=Level.WARNING,
            summary=f"{len(given_up)} disabled because starts failed: {_name(given_up)}.",
            remedy="The page of a schedule says why. Mend it, enable it, and backfill what it missed.",
        )
    return HealthCheck(code="schedules", level=Level.OK, summary=_say_next(due, schedules, now))


def judge_controls(controls: Sequence[WorkQueue]) -> HealthCheck:
    """Say which queues are held up by a person, and which are limited."""
    held = [one for one in controls if one.mode != QueueMode.OPEN]
    limited = [one for one in controls if one.max_running or one.rate_limit]
    if held:
        return HealthCheck(
            code="queues",
            level=Level.WARNING,
            summary=f"Held up: {', '.join(map(str, held[:MAX_NAMED]))}.",
            detail=_say_limited(limited) if limited else "",
            remedy="Resume them when the reason is gone: `queues.resume`, or the page of queues.",
        )
    summary = _say_limited(limited) if limited else "none is paused or limited"
    return HealthCheck(code="queues", level=Level.OK, summary=summary)


def _say_next(due: Sequence[Schedule], schedules: Sequence[Schedule], now: datetime) -> str:
    if not schedules:
        return "there are none"
    told = (
        f"{len(due)} enabled"
        if len(due) == len(schedules)
        else f"{len(due)} of {len(schedules)} enabled"
    )
    if not due or due[0].next_tick_at is None:
        return told
    away = due[0].next_tick_at - now
    return f"{told}, the next in {say_duration(away)}: {due[0].name}"


def _say_limited(limited: Sequence[WorkQueue]) -> str:
    return f"limited: {', '.join(one.name for one in limited[:MAX_NAMED])}"


def _name(schedules: Sequence[Schedule]) -> str:
    named = ", ".join(one.name for one in schedules[:MAX_NAMED])
    return f"{named}, …" if len(schedules) > MAX_NAMED else named
