"""What the attempts of steps, undos and calls that go on outside draw in a timeline."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from durable_django.control.calls import WAITS_OUTSIDE
from durable_django.control.groups import is_dropped
from durable_django.control.timeline.known import Known
from durable_django.control.timeline.values import Segment, SegmentKind
from durable_django.control.wording import say_duration, say_instant
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus

_UNNOTICED = timedelta(milliseconds=1)
#: What is begun once and goes on over many slices.
_GOES_ON = frozenset({*WAITS_OUTSIDE, CheckpointKind.MAP, CheckpointKind.POLL})


def attempt_segments(row: Checkpoint, known: Known) -> Iterator[Segment]:
    """Yield what an attempt says: the wait for a worker, its time, the wait for the next one."""
    starts_at = row.started_at or row.completed_at
    if starts_at is None:
        return
    yield from queued(row.key, known.ready_at(row), starts_at)
    kind = _kind_of_attempt(row, known)
    is_under_way = kind is SegmentKind.UNDER_WAY
    ends_at = known.record.now if is_under_way else row.completed_at or known.end_of_open(row)
    ends_at = max(starts_at, ends_at)
    yield Segment(
        kind=kind,
        starts_at=starts_at,
        ends_at=ends_at,
        attempt=row.attempt,
        title=_title_of_attempt(row, kind, ends_at - starts_at, known),
    )
    yield from _backoff(row, ends_at, known)
    if row.key in known.retrying and row is known.latest[row.key] and row.retry_at is not None:
        yield from queued(row.key, row.retry_at, known.record.now)


def _kind_of_attempt(row: Checkpoint, known: Known) -> SegmentKind:
    is_undo = row.kind is CheckpointKind.UNDO
    if row.status is CheckpointStatus.INTENT:
        if row.kind in _GOES_ON and known.is_alive:
            return SegmentKind.UNDER_WAY
        return SegmentKind.RUNNING if known.is_running else SegmentKind.OPEN
    if is_dropped(row):
        return SegmentKind.DROPPED
    if row.status is CheckpointStatus.FAILED:
        return SegmentKind.UNDO_FAILED if is_undo else SegmentKind.FAILED
    if row.status is CheckpointStatus.COMPENSATED:
        return SegmentKind.COMPENSATED
    return SegmentKind.UNDO if is_undo else SegmentKind.RAN


def _title_of_attempt(row: Checkpoint, kind: SegmentKind, took: timedelta, known: Known) -> str:
    said = {
        SegmentKind.RAN: _("%(call)s attempt %(attempt)s: completed in %(took)s"),
        SegmentKind.FAILED: _("%(call)s attempt %(attempt)s: failed after %(took)s: %(error)s"),
        SegmentKind.COMPENSATED: _(
            "%(call)s attempt %(attempt)s: completed in %(took)s, undone since"
        ),
        SegmentKind.RUNNING: _("%(call)s attempt %(attempt)s: running for %(took)s"),
        SegmentKind.DROPPED: _("%(call)s: dropped, it went on without it"),
        SegmentKind.UNDER_WAY: _("%(call)s: under way for %(took)s"),
        SegmentKind.OPEN: _(
            "%(call)s attempt %(attempt)s: begun %(start)s; its end was never recorded"
        ),
        SegmentKind.UNDO: _("%(call)s attempt %(attempt)s: undone in %(took)s"),
        SegmentKind.UNDO_FAILED: _(
            "%(call)s attempt %(attempt)s: the undo failed after %(took)s: %(error)s"
        ),
    }
    start = row.started_at or row.completed_at
    count = known.record.maps.get(row.key)
    more = f"; {count.say()}" if count is not None else ""
    return f"{said[kind]}{more}" % {
        "call": row.key,
        "attempt": row.attempt,
        "took": say_duration(took),
        "start": say_instant(start) if start else "",
        "error": known.error_of(row) if row.error else "?",
    }


def _backoff(row: Checkpoint, failed_at: datetime, known: Known) -> Iterator[Segment]:
    """Yield the wait for the next attempt; the part of it that was, if there never was one."""
    if row.retry_at is None or row.status is not CheckpointStatus.FAILED:
        return
    until, execution = row.retry_at, known.record.execution
    if execution.finished_at is not None:
        until = min(until, execution.finished_at)
    if until - failed_at < _UNNOTICED:
        return
    title = _("%(call)s: waits %(took)s after attempt %(attempt)s; the next is due %(due)s")
    yield Segment(
        kind=SegmentKind.BACKOFF,
        starts_at=failed_at,
        ends_at=until,
        attempt=row.attempt,
        title=title
        % {
            "call": row.key,
            "took": say_duration(until - failed_at),
            "attempt": row.attempt,
            "due": say_instant(row.retry_at),
        },
    )


def queued(key: str, ready_at: datetime | None, until: datetime) -> Iterator[Segment]:
    """Yield the time in which a call could have gone on and nothing ran, if it is noticeable."""
    if ready_at is None or until - ready_at < _UNNOTICED:
        return
    title = _("%(call)s: nothing ran for %(took)s; it could have gone on, and waited for a worker")
    yield Segment(
        kind=SegmentKind.QUEUED,
        starts_at=ready_at,
        ends_at=until,
        title=title % {"call": key, "took": say_duration(until - ready_at)},
    )
