"""A schedule in plain words, and its next runs: for people."""

from __future__ import annotations

from datetime import datetime, timedelta

from durable_django.domain.cron import CronExpression
from durable_django.domain.schedule import Schedule
from durable_django.exceptions import ScheduleError
from durable_django.scheduling.ticks import ticks_of

MOST_PREVIEWED = 1000
_UNITS = (
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
)


def preview(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    """Return the next `count` ticks after an instant, were it enabled; fewer if it has no more.

    Raises:
        ScheduleError: It cannot tick, or more than a thousand are asked for.
    """
    if type(count) is not int or not 0 <= count <= MOST_PREVIEWED:
        raise ScheduleError("count", f"A preview is of 0 to {MOST_PREVIEWED} ticks, not {count}.")
    ticks = ticks_of(schedule)
    found: list[datetime] = []
    instant: datetime | None = after
    while len(found) < count:
        instant = ticks.next_after(instant) if instant is not None else None
        if instant is None:
            break
        found.append(instant)
    return found


def explain(schedule: Schedule) -> str:
    """Return when it ticks in plain English words.

    "At 09:00 on Monday through Friday (Europe/Berlin)", "Every 1 hour 30 minutes".

    Raises:
        ScheduleError: It cannot tick.
    """
    ticks_of(schedule)
    if schedule.every is not None:
        return f"Every {_in_words(schedule.every)}"
    return f"{CronExpression(schedule.cron).explain()} ({schedule.timezone})"


def _in_words(span: timedelta) -> str:
    words = []
    for name, unit in _UNITS:
        count, span = divmod(span, unit)
        if count:
            words.append(f"{count} {name}{'s' * (count != 1)}")
    return " ".join(words)
