"""Where an instant lies on a line of a given width, with long idle gaps folded.

The scale is linear between folds. A fold has a fixed width however long it lasts, so that a sleep
of a month does not squash the seconds around it. Positions never decrease with time, and never
leave the line.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

#: An idle gap longer than this share of the whole is folded.
FOLDED_SHARE = 0.2
#: After these, one that is longer than this share of what is left is folded too.
_SQUASHING_SHARE = 0.5
#: … unless it is as short as this.
_SHORT = timedelta(seconds=10)
FOLD_WIDTH = 50.0
_MAX_FOLDS = 6
#: No bar is narrower, so that it can be seen, pointed at and focused.
LEAST_WIDTH = 6.0
_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of the line on which equal times have equal widths."""

    starts_at: datetime
    ends_at: datetime
    x: float
    width: float
    is_fold: bool

    @property
    def lasts(self) -> timedelta:
        """How long it lasts."""
        return self.ends_at - self.starts_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Stretches side by side, from the first instant to the last."""

    stretches: tuple[Stretch, ...]
    width: float

    def x_of(self, instant: datetime) -> float:
        """Return the position, from 0 to the width; what lies outside is at the nearer end."""
        found = bisect_right(self.stretches, instant, key=lambda one: one.starts_at) - 1
        stretch = self.stretches[max(found, 0)]
        share = (instant - stretch.starts_at) / stretch.lasts
        return min(stretch.x + stretch.width * min(max(share, 0.0), 1.0), self.width)


def build_scale(
    begins_at: datetime,
    ends_at: datetime,
    busy: Iterable[tuple[datetime, datetime]],
    moments: Iterable[datetime] = (),
    *,
    width: float,
) -> Scale:
    """Return a scale from `begins_at` to `ends_at`.

    Args:
        begins_at: The first instant.
        ends_at: The last; one not after the first stands for a millisecond later.
        busy: Beginnings and ends of what went on: no fold lies in there.
        moments: Instants at which something happened: a fold may end there and not pass over.
        width: Of the line; more than all folds together need, which is 300.
    """
    ends_at = max(ends_at, begins_at + _INSTANT)
    gaps = _find_gaps(begins_at, ends_at, busy, moments)
    folds = _choose_folds(gaps, ends_at - begins_at)
    return Scale(stretches=tuple(_lay_out(begins_at, ends_at, folds, width)), width=width)


def place_bars(spans: Sequence[tuple[float, float]], width: float) -> list[tuple[float, float]]:
    """Return x and width of bars on one line: each at least 6 wide, none over another.

    A bar that is too narrow grows to the right, and moves those behind it along, or those before
    it where the line ends.

    Args:
        spans: From and to, ordered by both.
        width: Of the line; at least 6 times the number of bars.

    Raises:
        ValueError: There are more bars than the line has room for.
    """
    if len(spans) * LEAST_WIDTH > width:
        raise ValueError(f"{len(spans)} bars do not fit on a line that is {width} wide.")
    placed = []
    reached = 0.0
    for start, end in spans:
        x = max(start, reached)
        reached = max(end, x + LEAST_WIDTH)
        placed.append((x, reached))
    limit = width
    for index in range(len(placed) - 1, -1, -1):
        x, end = placed[index]
        end = min(end, limit)
        limit = min(x, end - LEAST_WIDTH)
        placed[index] = (limit, end)
    return [(x, end - x) for x, end in placed]


def _find_gaps(
    begins_at: datetime,
    ends_at: datetime,
    busy: Iterable[tuple[datetime, datetime]],
    moments: Iterable[datetime],
) -> list[tuple[datetime, datetime]]:
    """Return the stretches in which nothing went on and nothing happened."""
    spans = sorted([*busy, *((at, at) for at in moments), (ends_at, ends_at)])
    gaps = []
    reached = begins_at
    for start, end in spans:
        if reached < start <= ends_at:
            gaps.append((reached, start))
        reached = max(reached, end)
    return gaps


def _choose_folds(
    gaps: list[tuple[datetime, datetime]], span: timedelta
) -> list[tuple[datetime, datetime]]:
    folds: list[tuple[datetime, datetime]] = []
    left = span
    for start, end in sorted(gaps, key=lambda gap: gap[1] - gap[0], reverse=True):
        lasts = end - start
        if len(folds) == _MAX_FOLDS or not (
            lasts > span * FOLDED_SHARE or lasts > max(left * _SQUASHING_SHARE, _SHORT)
        ):
            break
        folds.append((start, end))
        left -= lasts
    # With nothing but gaps there is nothing that they could squash.
    return sorted(folds) if left > timedelta(0) else []


def _lay_out(
    begins_at: datetime,
    ends_at: datetime,
    folds: list[tuple[datetime, datetime]],
    width: float,
) -> Iterable[Stretch]:
    folded = sum((end - start for start, end in folds), timedelta(0))
    per_second = (width - FOLD_WIDTH * len(folds)) / (ends_at - begins_at - folded).total_seconds()
    x, reached = 0.0, begins_at
    for start, end in [*folds, (ends_at, ends_at)]:
        if reached < start:
            linear = (start - reached).total_seconds() * per_second
            yield Stretch(starts_at=reached, ends_at=start, x=x, width=linear, is_fold=False)
            x += linear
        if start < end:
            yield Stretch(starts_at=start, ends_at=end, x=x, width=FOLD_WIDTH, is_fold=True)
            x += FOLD_WIDTH
        reached = end
