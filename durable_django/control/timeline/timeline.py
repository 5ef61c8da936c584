"""When an execution did what: a row per durable call, its attempts and waits as segments.

Built from what is stored alone; `timeline_values` says what each kind of segment means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from durable_django.control.items import ItemCount
from durable_django.control.timeline.call_rows import list_call_rows
from durable_django.control.timeline.values import (
    Mark,
    MarkKind,
    Record,
    Row,
    RowKind,
    Segment,
    SegmentKind,
    Timeline,
)
from durable_django.control.timeline.wait_rows import list_wait_rows
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.event import Event
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.timer import Timer

__all__ = [
    "MAX_ROWS",
    "Mark",
    "MarkKind",
    "Row",
    "RowKind",
    "Segment",
    "SegmentKind",
    "Timeline",
    "build_timeline",
    "timeline_json",
]

#: More rows than this are grouped by name; what is still too much is left out, and said.
MAX_ROWS = 200
#: So many events are enough to look for lost workers in.
MAX_EVENTS = 2000


def build_timeline(  # noqa: PLR0913 -- one for each table an execution has rows in
    execution: Execution,
    checkpoints: Sequence[Checkpoint],
    timers: Sequence[Timer],
    signals: Sequence[Signal],
    now: datetime,
    *,
    events: Sequence[Event] = (),
    maps: Mapping[str, ItemCount] = MappingProxyType({}),
    children: Mapping[UUID, Execution] = MappingProxyType({}),
    describe_error: Callable[[str], str] = str,
) -> Timeline:
    """Return the timeline of an execution as it stands at the store's `now` (aware).

    The items of a map are one row, and are told by their numbers (`maps`); they need not be among
    the checkpoints. `children` are those that may be seen, so that their rows lead to them.
    `describe_error` turns the `Type: message` of an error into what may be shown of it.
    """
    record = Record(
        execution=execution,
        checkpoints=checkpoints,
        timers=timers,
        signals=signals,
        events=events,
        now=now,
        describe_error=describe_error,
        maps=maps,
        children=children,
    )
    rows = _fit(_merge(list_call_rows(record), list_wait_rows(record)))
    known = [execution.created_at, execution.finished_at if execution.is_terminal else now]
    begins_at, ends_at = _extent_of(rows, [at for at in known if at is not None])
    return Timeline(
        execution_id=execution.id,
        workflow_name=execution.workflow_name,
        begins_at=begins_at,
        ends_at=ends_at,
        now=None if execution.is_terminal else now,
        rows=tuple(rows),
    )


def timeline_json(timeline: Timeline) -> dict[str, Any]:
    """Return the timeline as JSON values: instants as ISO 8601 text, everything else as named."""
    return {name: _to_json(value) for name, value in asdict(timeline).items()}


def _merge(rows: list[Row], waits: Iterable[Row]) -> list[Row]:
    """Return the rows with those that no call tells of: in branches under their group."""
    for wait in waits:
        scope, is_inside, label = wait.key.rpartition("/")
        group = next((row for row in rows if is_inside and row.key == scope), None)
        if group is None:
            rows.append(wait)
            continue
        place = rows.index(group) + 1
        while place < len(rows) and rows[place].depth > group.depth:
            place += 1
        rows.insert(place, replace(wait, label=label, depth=group.depth + 1))
    return rows


def _fit(rows: list[Row]) -> list[Row]:
    if len(rows) <= MAX_ROWS:
        return rows
    grouped: dict[tuple[RowKind, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row.kind, row.name), []).append(row)
    fitting = [_group(group) for group in grouped.values()]
    if len(fitting) <= MAX_ROWS:
        return fitting
    # The last rows are those that matter now.
    kept = MAX_ROWS // 2
    left_out = fitting[kept : 1 - kept]
    return [*fitting[:kept], _say_left_out(left_out), *fitting[1 - kept :]]


def _group(rows: list[Row]) -> Row:
    """Return one row for calls of one name."""
    if len(rows) == 1:
        return rows[0]
    segments = [segment for row in rows for segment in row.segments]
    marks = [mark for row in rows for mark in row.marks]
    return replace(
        rows[0],
        label=f"{rows[0].name} ×{len(rows)}",  # noqa: RUF001 -- the sign for "times"
        segments=tuple(sorted(segments, key=lambda segment: segment.starts_at)),
        marks=tuple(sorted(marks, key=lambda mark: mark.at)),
        summary=_("last: %(summary)s") % {"summary": rows[-1].summary},
        calls=len(rows),
    )


def _say_left_out(rows: list[Row]) -> Row:
    calls = sum(row.calls for row in rows)
    said = ngettext("%(count)s more call", "%(count)s more calls", calls) % {"count": calls}
    begins_at, ends_at = _extent_of(rows, [])
    segment = Segment(kind=SegmentKind.RAN, starts_at=begins_at, ends_at=ends_at, title=said)
    return Row(
        key="", name="", label=f"… {said}", kind=RowKind.STATE, segments=(segment,), calls=calls
    )


def _extent_of(rows: Iterable[Row], known: list[datetime]) -> tuple[datetime, datetime]:
    """Return the first and the last instant of the rows and of those given."""
    known = list(known)
    for row in rows:
        known += [mark.at for mark in row.marks]
        known += [at for segment in row.segments for at in (segment.starts_at, segment.ends_at)]
    return min(known), max(known)


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, dict):
        return {name: _to_json(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(one) for one in value]
    return value
