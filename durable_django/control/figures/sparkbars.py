"""Lay out small stacked bars: numbers in, geometry for SVG attributes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: What is there at all is seen.
_MIN_SIZE = 1.5
_GAP_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A rectangle, in the units of the picture."""

    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One column: its segments from the bottom up, and what it says in words."""

    #: Where it begins; pointed at, it answers over its whole pitch.
    x: float
    pitch: float
    title: str
    segments: Sequence[Segment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkbars:
    """The picture: `viewBox="0 0 width height"`."""

    width: float
    height: float
    #: The largest sum of a column, whose bar is as high as the picture.
    most: int
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareBar:
    """One bar that lies: its segments from left to right fill it."""

    width: float
    height: float
    segments: Sequence[Segment]


def lay_out(
    columns: Sequence[tuple[str, Mapping[str, int]]], width: float = 600, height: float = 56
) -> Sparkbars:
    """Return the picture of columns, each a title and its counts by kind from the bottom up."""
    most = max((sum(counts.values()) for _, counts in columns), default=0)
    pitch = width / max(1, len(columns))
    bars = []
    for number, (title, counts) in enumerate(columns):
        x, top, segments = number * pitch, height, []
        for kind, size in _sizes(counts, most, height).items():
            top -= size
            segments.append(
                Segment(
                    kind=kind,
                    x=_round(x),
                    y=_round(top),
                    width=_round(pitch * (1 - _GAP_SHARE)),
                    height=_round(size),
                )
            )
        bars.append(Bar(x=_round(x), pitch=_round(pitch), title=title, segments=segments))
    return Sparkbars(width=width, height=height, most=most, bars=bars)


def lay_out_share(counts: Mapping[str, int], width: float = 80, height: float = 6) -> ShareBar:
    """Return one bar that the counts share; without segments if all are 0."""
    x, segments = 0.0, []
    for kind, size in _sizes(counts, sum(counts.values()), width).items():
        segments.append(Segment(kind=kind, x=_round(x), y=0, width=_round(size), height=height))
        x += size
    return ShareBar(width=width, height=height, segments=segments)


def _sizes(counts: Mapping[str, int], most: int, length: float) -> dict[str, float]:
    sizes = {
        kind: max(_MIN_SIZE, length * count / most) for kind, count in counts.items() if count > 0
    }
    # Small ones were made larger: all of them together must not leave the picture.
    scale = min(1.0, length / sum(sizes.values())) if sizes else 1.0
    return {kind: size * scale for kind, size in sizes.items()}


def _round(length: float) -> float:
    return round(length, 2)
