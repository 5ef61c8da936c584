"""What becomes of the ticks of a schedule that are due: decided one after the other, written by others.

A tick is *in time* if it is the latest that is due and not a minute late. What else is due is
subject to the misfire policy:

* "latest": the latest is started if it lies within the grace, all before it are missed.
* "all": each one within the grace is started, the oldest first.
* "skip": the latest is started if it is in time; all others are missed.

Whatever is older than the grace is missed. A grace of less than a minute is one of a minute:
nobody comes at the very instant.

A tick that is to be started meets the overlap policy: with "skip" it is skipped, and all that are
due after it, while an execution of an earlier tick has not ended.

**Bounded work.** Ticks in a row that are missed, or skipped, are one decision and so one row, at
the first of them, whose detail says how many they were (counted up to a thousand) and up to when.
Those that were skipped are all that were due when the row was written: a backfill relies on that.
A schedule that ticks every minute and was down for a year takes two decisions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from durable_django.domain.schedule import MisfirePolicy, OverlapPolicy, Schedule, TickOutcome
from durable_django.scheduling.ticks import Ticks, find_last, iterate, ticks_of

#: The latest tick is in time if it is noticed within this.
IN_TIME = timedelta(minutes=1)
MOST_COUNTED = 1000
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to become of one tick, or of several in a row that are not started."""

    #: The first of them.
    tick_at: datetime
    #: STARTED means: to be started.
    outcome: TickOutcome
    #: What is due then.
    next_tick_at: datetime | None
    #: For people; empty for a tick that is to be started.
    detail: str = ""


def decide(
    schedule: Schedule, now: datetime, has_open_predecessor: Callable[[], bool]
) -> Decision | None:
    """Return what becomes of the schedule's next tick; None if none is due.

    Args:
        schedule: As it is; what was decided before has been carried out, so that its
            `next_tick_at` is the next that nothing is decided of.
        now: The present.
        has_open_predecessor: Whether an execution of an earlier tick has not ended; asked only if
            it matters.

    Raises:
        ScheduleError: The schedule's pattern is not legal.
    """
    first = schedule.next_tick_at
    if first is None or first > now:
        return None
    ticks = ticks_of(schedule)
    start = _find_start(schedule, ticks, first, now)
    if start is None:
        last = find_last(ticks, first, now)
        return _pass_over(
            ticks, first, last, TickOutcome.MISSED, "nobody was there within the grace"
        )
    if start > first:
        before = start - _MICROSECOND
        return Decision(
            tick_at=first,
            outcome=TickOutcome.MISSED,
            next_tick_at=start,
            detail=_tell(ticks, first, before, "nobody was there in time"),
        )
    if schedule.overlap is OverlapPolicy.SKIP and has_open_predecessor():
        last = find_last(ticks, first, now)
        return _pass_over(
            ticks, first, last, TickOutcome.SKIPPED, "an earlier execution had not ended"
        )
    return Decision(
        tick_at=first, outcome=TickOutcome.STARTED, next_tick_at=ticks.next_after(first)
    )


def _find_start(
    schedule: Schedule, ticks: Ticks, first: datetime, now: datetime
) -> datetime | None:
    """Return the first due tick that is to be started, if one is."""
    is_all = schedule.misfire is MisfirePolicy.ALL
    is_skip = schedule.misfire is MisfirePolicy.SKIP
    grace = IN_TIME if is_skip else max(schedule.misfire_grace, IN_TIME)
    oldest = now - grace
    if not is_all:
        last = find_last(ticks, first, now)
        return last if last >= oldest else None
    if first >= oldest:
        return first
    tick = ticks.next_after(oldest - _MICROSECOND)
    return tick if tick is not None and tick <= now else None


def _pass_over(
    ticks: Ticks, first: datetime, last: datetime, outcome: TickOutcome, why: str
) -> Decision:
    return Decision(
        tick_at=first,
        outcome=outcome,
        next_tick_at=ticks.next_after(last),
        detail=_tell(ticks, first, last, why),
    )


def _tell(ticks: Ticks, first: datetime, until: datetime, why: str) -> str:
    """Return how many there are from `first` to `until`, and why they were not started."""
    found = list(islice(iterate(ticks, first, until), MOST_COUNTED))
    if not found:
        return f"1 tick: {why}."
    count = f"{1 + len(found)}" if len(found) < MOST_COUNTED else f"more than {MOST_COUNTED}"
    last = found[-1] if len(found) < MOST_COUNTED else find_last(ticks, first, until)
    return f"{count} ticks, up to {last:%Y-%m-%d %H:%M:%S} UTC: {why}."
