"""Draw neighbours together where a row has more of them than can be told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import TypeVar

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.utils.translation import ngettext

from durable_django.control.timeline.values import (
    IDLE_KINDS,
    Mark,
    MarkKind,
    Segment,
    SegmentKind,
)

#: More segments or marks than this in a row are drawn together with their neighbours.
MAX_IN_ROW = 40
#: What a bar that stands for several looks like: the first of these that is among them.
_TELLING = (
    SegmentKind.RUNNING,
    SegmentKind.UNDO_FAILED,
    SegmentKind.FAILED,
    SegmentKind.OPEN,
    SegmentKind.UNDO,
    SegmentKind.COMPENSATED,
    SegmentKind.RAN,
    SegmentKind.UNDER_WAY,
    SegmentKind.REUSED,
    SegmentKind.DROPPED,
    SegmentKind.GROUP,
)

T = TypeVar("T")


def bundle_segments(segments: Sequence[Segment]) -> list[Segment]:
    """Return at most 40 segments; where there are more, idle ones are left out and others joined.

    Only equal ones are joined, unless these are too many still.
    """
    if len(segments) <= MAX_IN_ROW:
        return list(segments)
    active = [segment for segment in segments if segment.kind not in IDLE_KINDS]
    runs = [list(run) for _kind, run in groupby(active, key=lambda segment: segment.kind)]
    room = MAX_IN_ROW - len(runs)
    if room <= 0:
        runs, room = [active], MAX_IN_ROW
    size = -(-len(active) // room)
    return [_join(some) for run in runs for some in _cut(run, size)]


def bundle_marks(marks: Sequence[Mark]) -> list[Mark]:
    """Return at most 40 marks; one that stands for several is where the first is, and says so."""
    size = -(-len(marks) // MAX_IN_ROW)
    return [_join_marks(some) for some in _cut(marks, size)]


def _cut(things: Sequence[T], size: int) -> list[Sequence[T]]:
    return [things[start : start + size] for start in range(0, len(things), size or 1)]


def _join(segments: Sequence[Segment]) -> Segment:
    if len(segments) == 1:
        return segments[0]
    counts = Counter(segment.kind for segment in segments)
    said = ", ".join(f"{count} {KIND_WORDS[one]}" for one, count in counts.items())
    title = ngettext("%(count)s attempt: %(kinds)s", "%(count)s attempts: %(kinds)s", len(segments))
    return Segment(
        kind=next(one for one in _TELLING if one in counts),
        starts_at=min(segment.starts_at for segment in segments),
        ends_at=max(segment.ends_at for segment in segments),
        title=title % {"count": len(segments), "kinds": said},
    )


def _join_marks(marks: Sequence[Mark]) -> Mark:
    if len(marks) == 1:
        return marks[0]
    more = _("%(first)s (and %(count)s more)")
    return replace(marks[0], title=more % {"first": marks[0].title, "count": len(marks) - 1})


KIND_WORDS = {
    SegmentKind.RAN: _lazy("ran"),
    SegmentKind.RUNNING: _lazy("running"),
    SegmentKind.FAILED: _lazy("failed"),
    SegmentKind.OPEN: _lazy("end unknown"),
    SegmentKind.COMPENSATED: _lazy("ran, undone since"),
    SegmentKind.UNDO: _lazy("undo"),
    SegmentKind.UNDO_FAILED: _lazy("undo failed"),
    SegmentKind.QUEUED: _lazy("queued"),
    SegmentKind.BACKOFF: _lazy("back-off"),
    SegmentKind.WAITING: _lazy("waiting"),
    SegmentKind.REUSED: _lazy("reused"),
    SegmentKind.UNDER_WAY: _lazy("under way"),
    SegmentKind.GROUP: _lazy("branches side by side"),
    SegmentKind.DROPPED: _lazy("dropped"),
}
MARK_WORDS = {
    MarkKind.DELIVERED: _lazy("signal delivered"),
    MarkKind.PENDING: _lazy("signal pending"),
    MarkKind.EXPIRED: _lazy("signal expired"),
    MarkKind.DEAD: _lazy("signal never asked for"),
    MarkKind.DUE: _lazy("due"),
    MarkKind.TIMED_OUT: _lazy("timed out"),
    MarkKind.WORKER_LOST: _lazy("worker lost"),
}
