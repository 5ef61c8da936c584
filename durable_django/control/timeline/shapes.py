"""A timeline as shapes with positions: what its template is given.

One unit is a CSS pixel at the drawing's natural width. Colours are the stylesheet's, by kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from durable_django.control.timeline.axis import Axis
from durable_django.control.timeline.values import MarkKind, SegmentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A segment, drawn."""

    kind: SegmentKind
    x: float
    y: float
    width: float
    height: int
    #: Of its corners.
    radius: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diamond:
    """A mark, drawn: the corners of a polygon, as SVG wants them."""

    kind: MarkKind
    points: str
    title: str
    right: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A segment or a mark as a line of the table."""

    what: str
    attempt: int
    starts_at: datetime
    #: None of a mark.
    ends_at: datetime | None
    #: The same, to the millisecond, for people.
    begins: str
    ends: str
    took: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Swatch:
    """A kind of bar or mark, for the legend."""

    css_class: str
    word: str
    is_mark: bool
    y: float = 0
    height: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRow:
    """A row, drawn."""

    href: str
    #: The id of what its bars link to.
    anchor: str
    #: What kind of call, in a word; empty for a step.
    word: str
    label: str
    #: Indented by how deep it stands among branches.
    label_x: int
    short_label: str
    summary: str
    short_summary: str
    y: float
    middle: float
    baseline: float
    summary_x: float
    bars: tuple[Bar, ...]
    diamonds: tuple[Diamond, ...]
    #: Where a bar passes over a fold.
    breaks: tuple[float, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """All that the template needs."""

    execution_id: UUID
    workflow_name: str
    begins: str
    ends: str
    width: int
    height: int
    left: float
    right: float
    #: Where the rows begin and end.
    top: int
    bottom: int
    rows_height: int
    row_height: int
    #: Baselines of the lines above the rows.
    clock_y: int
    tick_y: int
    now_y: int
    now_top: int
    axis: Axis
    rows: tuple[DrawnRow, ...]
    now_x: float | None
    #: Of the kinds that are drawn.
    legend: tuple[Swatch, ...]
