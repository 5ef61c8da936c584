"""When a schedule ticks: instants, aware UTC, worked out from a cron expression or an interval.

**Cron.** An expression whose minute or hour begins with a star (`*/30 * * * *`, `0 * * * *`)
follows the time that passes, as Debian's cron does: it ticks whenever the clock of its time zone
shows such a time. Hourly stays hourly over both nights. All others name fixed local times, and
two policies say what happens to these when the clocks are changed:

* `gap`, the time does not exist: "shift" ticks once, at the first instant after the gap, however
  many of the times lie in it; "skip" does not tick.
* `fold`, the time comes twice: "first", "last", or "both".

An instant is one tick, also if a shifted time and another one meet there.

**Intervals.** A tick at the anchor and at every whole number of intervals after it. They know no
time zone: a day is 24 hours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from durable_django.domain.cron import CronExpression
from durable_django.domain.recurrence import check_timezone
from durable_django.domain.schedule import FoldPolicy, GapPolicy, Schedule
from durable_django.exceptions import ScheduleError

_SECOND = timedelta(seconds=1)
#: No time zone changes its offset twice within so short a time: since 1970 and up to 2100, the
#: closest two changes are a week apart but for an hour (Gaza in 2040; tzdata 2026).
_STRIDE = timedelta(days=3)


class Ticks(Protocol):
    """An endless row of instants."""

    def next_after(self, instant: datetime) -> datetime | None:
        """Return the first tick after `instant`; None if the calendar ends before."""


class CronTicks:
    """The instants at which a time zone's clock shows what an expression names."""

    def __init__(
        self,
        expression: CronExpression,
        zone: ZoneInfo,
        *,
        gap: GapPolicy = GapPolicy.SHIFT,
        fold: FoldPolicy = FoldPolicy.FIRST,
    ) -> None:
        self._expression = expression
        self._zone = zone
        self._gap = gap
        self._fold = fold

    def next_after(self, instant: datetime) -> datetime | None:
        """See `Ticks.next_after`."""
        try:
            return self._next_after(instant.astimezone(UTC))
        except OverflowError:
            return None

    def _next_after(self, after: datetime) -> datetime | None:
        """Go from one change of the offset to the next: in between, local time is a plain row."""
        while True:
            offset = self._offset_at(after)
            wall = self._expression.next_after(_wall(after, offset))
            if wall is None:
                return None
            tick = (wall - offset).replace(tzinfo=UTC)
            change = self._find_change(after, tick, offset)
            if change is None:
                if self._is_wanted(tick):
                    return tick
                after = tick
            elif self._ticks_at_change(change, offset):
                return change
            else:
                after = change

    def _offset_at(self, instant: datetime) -> timedelta:
        return instant.astimezone(self._zone).utcoffset() or timedelta(0)

    def _find_change(self, after: datetime, until: datetime, offset: timedelta) -> datetime | None:
        """Return the first instant in (after, until] with another offset than `offset`."""
        early = late = after
        while late < until:
            early, late = late, late + min(_STRIDE, until - late)
            if self._offset_at(late) != offset:
                return self._bisect(early, late, offset)
        return None

    def _bisect(self, early: datetime, late: datetime, offset: timedelta) -> datetime:
        # Changes happen at whole seconds; `early` has the offset as its whole second has it.
        start = early.replace(microsecond=0)
        low, high = 0, -(-(late - start) // _SECOND)
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset_at(start + middle * _SECOND) == offset:
                low = middle
            else:
                high = middle
        return start + high * _SECOND

    def _ticks_at_change(self, change: datetime, before: timedelta) -> bool:
        """Say whether it ticks at the very instant that the offset ceases to be `before`."""
        offset = self._offset_at(change)
        wall = _wall(change, offset)
        if self._expression.matches(wall):
            return self._is_wanted(change)
        if offset < before or self._expression.is_elapsed or self._gap is GapPolicy.SKIP:
            return False
        skipped = self._expression.next_after(_wall(change, before) - _SECOND)
        return skipped is not None and skipped < wall

    def _is_wanted(self, tick: datetime) -> bool:
        """Say whether the policy wants this occurrence of a local time, if there are two."""
        if self._expression.is_elapsed or self._fold is FoldPolicy.BOTH:
            return True
        local = tick.astimezone(self._zone)
        if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
            return True
        return local.fold == (1 if self._fold is FoldPolicy.LAST else 0)


class IntervalTicks:
    """The anchor, and every whole number of intervals after it."""

    def __init__(self, every: timedelta, anchor_at: datetime) -> None:
        self._every = every
        self._anchor_at = anchor_at.astimezone(UTC)

    def next_after(self, instant: datetime) -> datetime | None:
        """See `Ticks.next_after`."""
        number = max((instant - self._anchor_at) // self._every + 1, 0)
        try:
            return self._anchor_at + number * self._every
        except OverflowError:
            return None


def ticks_of(schedule: Schedule) -> Ticks:
    """Return when a schedule ticks, were it enabled.

    Raises:
        ScheduleError: It has both a cron expression and an interval, or neither; or one of them,
            or the time zone, is not legal (on this machine).
    """
    if bool(schedule.cron) == (schedule.every is not None):
        which = "both" if schedule.cron else "neither"
        raise ScheduleError(
            "cron", f"A schedule has a cron expression or an interval (every=), and not {which}."
        )
    if schedule.every is not None:
        if schedule.anchor_at is None:
            raise ScheduleError("anchor_at", "An interval is counted from an anchor: give one.")
        return IntervalTicks(schedule.every, schedule.anchor_at)
    return CronTicks(
        CronExpression(schedule.cron),
        ZoneInfo(check_timezone(schedule.timezone)),
        gap=schedule.gap,
        fold=schedule.fold,
    )


def iterate(ticks: Ticks, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the ticks after `after` up to `until`, which is included."""
    tick = ticks.next_after(after)
    while tick is not None and tick <= until:
        yield tick
        tick = ticks.next_after(tick)


def find_last(ticks: Ticks, first: datetime, until: datetime) -> datetime:
    """Return the last tick up to `until`, or `first`, which is one, if there is none between.

    Looks backwards, so that it takes no longer after a year than after an hour.
    """
    span = timedelta(minutes=1)
    while until - first > span:
        found = deque(iterate(ticks, until - span, until), maxlen=1)
        if found:
            return found[0]
        span *= 2
    return next(iter(deque(iterate(ticks, first, until), maxlen=1)), first)


def _wall(instant: datetime, offset: timedelta) -> datetime:
    """Return what a clock shows that is ahead of UTC by `offset`."""
    return instant.replace(tzinfo=None) + offset
