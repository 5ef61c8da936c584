"""Turn a timeline into shapes with positions, and into the lines of a table that says the same.

Geometry only: colours are the stylesheet's, by classes. One unit is a CSS pixel at the drawing's
natural width.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from durable_django.control.timeline.axis import Fold, draw_axis
from durable_django.control.timeline.bundles import (
    KIND_WORDS,
    MARK_WORDS,
    bundle_marks,
    bundle_segments,
)
from durable_django.control.timeline.scale import Scale, build_scale, place_bars
from durable_django.control.timeline.shapes import (
    Bar,
    Diamond,
    Drawing,
    DrawnRow,
    Line,
    Swatch,
)
from durable_django.control.timeline.values import (
    IDLE_KINDS,
    LONG_KINDS,
    Mark,
    Row,
    RowKind,
    Segment,
    SegmentKind,
    Timeline,
)
from durable_django.control.wording import say_duration, say_instant

WIDTH = 960
_LEFT = 196.0
_PLOT_WIDTH = 552.0
_NOW_Y = 12
_CLOCK_Y = 28
_TICK_Y = 46
_HEAD_HEIGHT = 56
_ROW_HEIGHT = 28
_FOOT_HEIGHT = 8
_MAX_LABEL = 25
_LEAST_LABEL = 8
_LABEL_X = 8
_INDENT = 12
_MAX_INDENT = 4
_MAX_SUMMARY = 30
#: An idle segment that would be narrower is not drawn; the table has it.
_LEAST_IDLE = 3.0
_HEIGHTS = {
    SegmentKind.WAITING: 4,
    SegmentKind.BACKOFF: 6,
    SegmentKind.QUEUED: 10,
    SegmentKind.GROUP: 6,
    SegmentKind.UNDER_WAY: 10,
}
_BAR_HEIGHT = 14
_DIAMOND = 6.0
#: What waits outside for longer may be folded, although it is under way.
_LONG = timedelta(minutes=1)


def draw_timeline(
    timeline: Timeline,
    *,
    step_url: str = "",
    url_of: Callable[[UUID], str] | None = None,
) -> Drawing:
    """Return where everything lies.

    `step_url` is the page on which `#step-…` is found; empty if it is the drawing's own. `url_of`
    tells the page of an execution, to which the bars of a child lead.
    """
    scale = _scale_of(timeline)
    now_x = None if timeline.now is None else round(_LEFT + scale.x_of(timeline.now), 1)
    axis = draw_axis(scale, _LEFT, now_x)
    rows = tuple(
        _draw_row(row, index, scale, axis.folds, step_url, url_of)
        for index, row in enumerate(timeline.rows)
    )
    bottom = _HEAD_HEIGHT + _ROW_HEIGHT * len(rows)
    return Drawing(
        execution_id=timeline.execution_id,
        workflow_name=timeline.workflow_name,
        begins=say_instant(timeline.begins_at),
        ends=say_instant(timeline.ends_at),
        width=WIDTH,
        height=bottom + _FOOT_HEIGHT,
        left=_LEFT,
        right=_LEFT + _PLOT_WIDTH,
        top=_HEAD_HEIGHT,
        bottom=bottom,
        rows_height=bottom - _HEAD_HEIGHT,
        row_height=_ROW_HEIGHT,
        clock_y=_CLOCK_Y,
        tick_y=_TICK_Y,
        now_y=_NOW_Y,
        now_top=_NOW_Y + 3,
        axis=axis,
        rows=rows,
        now_x=now_x,
        legend=_legend_of(rows),
    )


def anchor_of(key: str) -> str:
    """Return the id of the place on the page that tells of a call: letters, digits, `-` and `.`.

    Different keys have different ids.
    """
    return "step-" + re.sub(r"[^A-Za-z0-9_-]", lambda found: f".{ord(found[0]):x}.", key)


def _scale_of(timeline: Timeline) -> Scale:
    busy, moments = [], [mark.at for row in timeline.rows for mark in row.marks]
    for row in timeline.rows:
        for segment in row.segments:
            if segment.kind in IDLE_KINDS or _may_be_folded(row, segment):
                moments += [segment.starts_at, segment.ends_at]
            else:
                busy.append((segment.starts_at, segment.ends_at))
    moments += [] if timeline.now is None else [timeline.now]
    return build_scale(timeline.begins_at, timeline.ends_at, busy, moments, width=_PLOT_WIDTH)


def _may_be_folded(row: Row, segment: Segment) -> bool:
    return row.kind in LONG_KINDS and segment.ends_at - segment.starts_at > _LONG


def _draw_row(
    row: Row,
    index: int,
    scale: Scale,
    folds: Sequence[Fold],
    step_url: str,
    url_of: Callable[[UUID], str] | None,
) -> DrawnRow:
    segments = bundle_segments(row.segments)
    marks = bundle_marks(row.marks)
    y = float(_HEAD_HEIGHT + _ROW_HEIGHT * index)
    bars = _draw_bars(segments, y, scale)
    diamonds = [_draw_mark(mark, y, scale) for mark in marks]
    reach = [bar.x + bar.width for bar in bars] + [one.right for one in diamonds]
    word = _word_of(row)
    anchor = anchor_of(row.key) if row.key else f"timeline-{index + 1}"
    href = f"{step_url}#{anchor}"
    if row.execution_id is not None and url_of is not None:
        href = url_of(row.execution_id)
    depth = min(row.depth, _MAX_INDENT)
    return DrawnRow(
        href=href,
        anchor=anchor,
        word=word,
        label=row.label,
        label_x=_LABEL_X + _INDENT * depth,
        short_label=_shorten(row.label, max(_MAX_LABEL - len(word) - 2 * depth, _LEAST_LABEL)),
        summary=row.summary,
        short_summary=_shorten(row.summary, _MAX_SUMMARY),
        y=y,
        middle=y + _ROW_HEIGHT / 2,
        baseline=y + _ROW_HEIGHT / 2 + 4,
        summary_x=round(max(reach, default=_LEFT) + 8, 1),
        bars=tuple(bars),
        diamonds=tuple(diamonds),
        breaks=tuple(
            fold.middle
            for fold in folds
            if any(
                bar.x <= fold.x + 1 and bar.x + bar.width >= fold.x + fold.width - 1 for bar in bars
            )
        ),
        lines=tuple(_list_lines(segments, marks)),
    )


def _draw_bars(segments: Sequence[Segment], y: float, scale: Scale) -> list[Bar]:
    seen = []
    for segment in segments:
        span = (scale.x_of(segment.starts_at), scale.x_of(segment.ends_at))
        if segment.kind not in IDLE_KINDS or span[1] - span[0] >= _LEAST_IDLE:
            seen.append((segment, span))
    placed = place_bars([span for _segment, span in seen], scale.width)
    return [
        _draw_bar(segment, _LEFT + x, y, width)
        for (segment, _span), (x, width) in zip(seen, placed, strict=True)
    ]


def _draw_bar(segment: Segment, x: float, y: float, width: float) -> Bar:
    height = _HEIGHTS.get(segment.kind, _BAR_HEIGHT)
    return Bar(
        kind=segment.kind,
        x=round(x, 1),
        y=y + (_ROW_HEIGHT - height) / 2,
        width=round(width, 1),
        height=height,
        radius=min(3, height // 2),
        title=segment.title,
    )


def _draw_mark(mark: Mark, y: float, scale: Scale) -> Diamond:
    x = _LEFT + min(max(scale.x_of(mark.at), _DIAMOND), scale.width - _DIAMOND)
    middle = y + _ROW_HEIGHT / 2
    corners = ((0, -_DIAMOND), (_DIAMOND, 0), (0, _DIAMOND), (-_DIAMOND, 0))
    points = " ".join(f"{x + dx:.1f},{middle + dy:.1f}" for dx, dy in corners)
    return Diamond(kind=mark.kind, points=points, title=mark.title, right=round(x + _DIAMOND, 1))


# --- words ---


def _word_of(row: Row) -> str:
    words = {
        RowKind.SLEEP: _("sleep"),
        RowKind.SIGNAL: _("wait"),
        RowKind.EVENT: _("event"),
        RowKind.TIMER: _("timer"),
        RowKind.CHILD: _("child"),
        RowKind.MAP: _("map"),
        RowKind.POLL: _("check"),
        RowKind.TASK: _("task"),
    }
    return words.get(row.kind, "")


def _shorten(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _list_lines(segments: Sequence[Segment], marks: Sequence[Mark]) -> list[Line]:
    lines = [
        Line(
            what=str(KIND_WORDS[segment.kind]),
            attempt=segment.attempt,
            starts_at=segment.starts_at,
            ends_at=segment.ends_at,
            begins=_say_exactly(segment.starts_at),
            ends=_say_exactly(segment.ends_at),
            took=say_duration(segment.ends_at - segment.starts_at),
            title=segment.title,
        )
        for segment in segments
    ]
    lines += [
        Line(
            what=str(MARK_WORDS[mark.kind]),
            attempt=0,
            starts_at=mark.at,
            ends_at=None,
            begins=_say_exactly(mark.at),
            ends="",
            took="",
            title=mark.title,
        )
        for mark in marks
    ]
    return sorted(lines, key=lambda line: line.starts_at)


def _say_exactly(instant: datetime) -> str:
    return timezone.localtime(instant).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _legend_of(rows: Sequence[DrawnRow]) -> tuple[Swatch, ...]:
    drawn = {bar.kind for row in rows for bar in row.bars}
    marked = {diamond.kind for row in rows for diamond in row.diamonds}
    bars = [_swatch_of(kind) for kind in KIND_WORDS if kind in drawn]
    marks = [
        Swatch(css_class=f"dw-mark dw-mark-{kind}", word=str(word), is_mark=True)
        for kind, word in MARK_WORDS.items()
        if kind in marked
    ]
    return (*bars, *marks)


def _swatch_of(kind: SegmentKind) -> Swatch:
    height = min(_HEIGHTS.get(kind, _BAR_HEIGHT), 12)
    return Swatch(
        css_class=f"dw-bar dw-bar-{kind}",
        word=str(KIND_WORDS[kind]),
        is_mark=False,
        y=(14 - height) / 2,
        height=height,
    )
