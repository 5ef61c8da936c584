"""What stands above a timeline: ticks, clock times where a stretch begins, and the folds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from durable_django.control.timeline.scale import Scale, Stretch
from durable_django.control.wording import say_clock, say_duration

#: Estimated, on the safe side, for the size the stylesheet sets.
CHARACTER_WIDTH = 6.2
_LEAST_BETWEEN_TICKS = 62.0
_BETWEEN_WORDS = 8.0
_MILLISECONDS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800)
_HOURS = (1, 2, 3, 6, 12, 24, 48, 120, 240, 720, 2400, 8760, 24 * 3650)
_STEPS = (
    *(timedelta(milliseconds=n) for n in _MILLISECONDS),
    *(timedelta(seconds=n) for n in _SECONDS),
    *(timedelta(hours=n) for n in _HOURS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line down the rows; its label is empty where there is no room for one."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A day and time at a place on the axis."""

    x: float
    label: str
    #: `start` or `end`: which end of the text is at x.
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A band that stands for a long time in which nothing happened."""

    x: float
    width: float
    middle: float
    label: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """All of it; positions count from the left edge of the drawing."""

    ticks: tuple[Tick, ...]
    clocks: tuple[Clock, ...]
    folds: tuple[Fold, ...]


def draw_axis(scale: Scale, left: float, now_x: float | None) -> Axis:
    """Return the axis of a scale that begins at `left`; words keep clear of the now-line."""
    folds = [_to_fold(one, left) for one in scale.stretches if one.is_fold]
    row = _Room()
    labelled = tuple(
        fold if row.take_around(fold.middle, fold.label) else replace(fold, label="")
        for fold in folds
    )
    return Axis(
        ticks=tuple(_list_ticks(scale, left, row)),
        clocks=tuple(_list_clocks(scale, left, now_x)),
        folds=labelled,
    )


class _Room:
    """What is still free on a line of words."""

    def __init__(self) -> None:
        self._taken: list[tuple[float, float]] = []

    def take(self, start: float, end: float) -> bool:
        """Take a place, unless it is taken; say whether that was so."""
        if any(start < taken[1] and end > taken[0] for taken in self._taken):
            return False
        self._taken.append((start, end))
        return True

    def take_around(self, middle: float, label: str) -> bool:
        half = (len(label) * CHARACTER_WIDTH + _BETWEEN_WORDS) / 2
        return self.take(middle - half, middle + half)


def _list_ticks(scale: Scale, left: float, row: _Room) -> Iterator[Tick]:
    """Yield ticks that count from where their stretch begins."""
    for index, stretch in enumerate(scale.stretches):
        step = None if stretch.is_fold else _step_of(stretch)
        if step is None:
            continue
        count = stretch.lasts // step
        for number in range(1 if index else 0, count + 1):
            offset = number * step
            x = left + stretch.x + stretch.width * (offset / stretch.lasts)
            label = f"{'+' if index else ''}{say_duration(offset)}" if number else "0"
            yield Tick(x=round(x, 1), label=label if row.take_around(x, label) else "")


def _step_of(stretch: Stretch) -> timedelta | None:
    """Return the least round time whose ticks have room for their labels; None if none fits."""
    for step in _STEPS:
        if stretch.width * (step / stretch.lasts) >= _LEAST_BETWEEN_TICKS:
            return step if step <= stretch.lasts else None
    return None


def _list_clocks(scale: Scale, left: float, now_x: float | None) -> Iterator[Clock]:
    """Yield the first instant, the last, and between them those at which a fold ends."""
    row = _Room()
    first, last = scale.stretches[0], scale.stretches[-1]
    right = left + scale.width
    begin = _clock(first, left)
    row.take(left, left + _width_of(begin.label) + _BETWEEN_WORDS)
    yield begin
    if now_x is not None:
        row.take(now_x - 3, now_x + 3)
    end = say_clock(last.ends_at)
    if row.take(right - _width_of(end), right):
        yield Clock(x=right, label=end, anchor="end")
    for before, stretch in pairwise(scale.stretches):
        clock = _clock(stretch, left)
        reach = clock.x + _width_of(clock.label) + _BETWEEN_WORDS
        if before.is_fold and not stretch.is_fold and row.take(clock.x, reach):
            yield clock


def _clock(stretch: Stretch, left: float) -> Clock:
    # A little to the right, where the now-line may be.
    x = round(left + stretch.x + 4, 1)
    return Clock(x=x, label=say_clock(stretch.starts_at), anchor="start")


def _width_of(label: str) -> float:
    return len(label) * CHARACTER_WIDTH


def _to_fold(stretch: Stretch, left: float) -> Fold:
    x = left + stretch.x
    lasts = say_duration(stretch.lasts)
    return Fold(
        x=round(x, 1),
        width=round(stretch.width, 1),
        middle=round(x + stretch.width / 2, 1),
        # The first unit alone: it must fit between the neighbours.
        label="≈ " + " ".join(lasts.split(" ")[:2]),
        title=lasts,
    )
