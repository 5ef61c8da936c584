"""The rows of a timeline that checkpoints tell of: calls that were begun or are over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from durable_django.control.calls import Call, group_calls
from durable_django.control.timeline.known import Known
from durable_django.control.timeline.summaries import summarize
from durable_django.control.timeline.values import (
    Mark,
    MarkKind,
    Record,
    Row,
    RowKind,
    Segment,
    SegmentKind,
)
from durable_django.control.wording import say_duration, say_instant
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.event import EventType
from durable_django.domain.status import CheckpointKind, CheckpointStatus

_UNNOTICED = timedelta(milliseconds=1)


def list_call_rows(record: Record) -> list[Row]:
    """Return a row per call of the body, in the order in which they were first made."""
    calls = group_calls(record.checkpoints)
    known = Known(record, calls)
    return [_to_row(call, known) for call in calls]


def _to_row(call: Call, known: Known) -> Row:
    marks: list[Mark] = []
    segments: list[Segment] = []
    for row in (*call.attempts, *call.undos):
        if known.is_reused(row) and row is not call.last:
            continue
        segments += _segments_of(row, known)
        marks += _marks_of(row, known)
    return Row(
        key=call.key,
        name=call.name,
        label=call.key,
        kind=RowKind(call.kind),
        segments=tuple(segments),
        marks=tuple(marks),
        summary=summarize(call, known),
    )


def _segments_of(row: Checkpoint, known: Known) -> Iterator[Segment]:
    if known.is_reused(row):
        created_at = known.record.execution.created_at
        title = _("%(call)s: its outcome was taken over from the execution that was forked")
        yield Segment(
            kind=SegmentKind.REUSED,
            starts_at=created_at,
            ends_at=created_at,
            attempt=row.attempt,
            title=title % {"call": row.key},
        )
    elif row.kind is CheckpointKind.SLEEP:
        yield from _sleep_segments(row, known)
    elif row.kind is CheckpointKind.SIGNAL:
        yield from _signal_segments(row, known)
    else:
        yield from _attempt_segments(row, known)


# --- steps and undos ---


def _attempt_segments(row: Checkpoint, known: Known) -> Iterator[Segment]:
    starts_at = row.started_at or row.completed_at
    if starts_at is None:
        return
    yield from _queued(row.key, known.ready_at(row), starts_at)
    kind = _kind_of_attempt(row, known)
    ends_at = row.completed_at or known.end_of_open(row)
    ends_at = max(starts_at, ends_at)
    yield Segment(
        kind=kind,
        starts_at=starts_at,
        ends_at=ends_at,
        attempt=row.attempt,
        title=_title_of_attempt(row, kind, ends_at - starts_at, known),
    )
    yield from _backoff(row, ends_at, known)
    if row.key == known.retrying and row is known.latest[row.key] and row.retry_at is not None:
        yield from _queued(row.key, row.retry_at, known.record.now)


def _kind_of_attempt(row: Checkpoint, known: Known) -> SegmentKind:
    is_undo = row.kind is CheckpointKind.UNDO
    if row.status is CheckpointStatus.INTENT:
        return SegmentKind.RUNNING if known.is_running else SegmentKind.OPEN
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
        SegmentKind.OPEN: _(
            "%(call)s attempt %(attempt)s: begun %(start)s; its end was never recorded"
        ),
        SegmentKind.UNDO: _("%(call)s attempt %(attempt)s: undone in %(took)s"),
        SegmentKind.UNDO_FAILED: _(
            "%(call)s attempt %(attempt)s: the undo failed after %(took)s: %(error)s"
        ),
    }
    start = row.started_at or row.completed_at
    return said[kind] % {
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


def _queued(key: str, ready_at: datetime | None, until: datetime) -> Iterator[Segment]:
    if ready_at is None or until - ready_at < _UNNOTICED:
        return
    title = _("%(call)s: nothing ran for %(took)s; it could have gone on, and waited for a worker")
    yield Segment(
        kind=SegmentKind.QUEUED,
        starts_at=ready_at,
        ends_at=until,
        title=title % {"call": key, "took": say_duration(until - ready_at)},
    )


# --- sleeps and waits that are over ---


def _sleep_segments(row: Checkpoint, known: Known) -> Iterator[Segment]:
    due, noticed = row.started_at or row.completed_at, row.completed_at or row.started_at
    if due is None or noticed is None:
        return
    since = known.ready_at(row)
    if since is not None and since < due:
        title = _("%(call)s: slept %(took)s, until %(due)s")
        yield _waiting(row.key, since, due, title)
    yield from _queued(row.key, due if since is None else max(since, due), noticed)


def _signal_segments(row: Checkpoint, known: Known) -> Iterator[Segment]:
    settled, since = row.completed_at or row.started_at, known.ready_at(row)
    if settled is None or since is None:
        return
    caused_at = min(max(_cause_of(row, settled, known), since), settled)
    if caused_at > since:
        if row.status is CheckpointStatus.COMPLETED:
            title = _("%(call)s: waited %(took)s for the signal")
        else:
            title = _("%(call)s: waited %(took)s; no signal came by %(due)s")
        yield _waiting(row.key, since, caused_at, title)
    yield from _queued(row.key, caused_at, settled)


def _cause_of(row: Checkpoint, settled: datetime, known: Known) -> datetime:
    """Return when what ended the wait came about: the signal's acceptance, or the timeout."""
    signal = known.consumed.get((row.key, row.attempt))
    if signal is not None:
        return signal.created_at
    if row.status is CheckpointStatus.FAILED:
        timers = (timer.fire_at for timer in known.record.timers if timer.key == row.key)
        return next(timers, settled)
    return settled


def _waiting(key: str, since: datetime, until: datetime, title: str) -> Segment:
    said = {"call": key, "took": say_duration(until - since), "due": say_instant(until)}
    return Segment(kind=SegmentKind.WAITING, starts_at=since, ends_at=until, title=title % said)


def _marks_of(row: Checkpoint, known: Known) -> Iterator[Mark]:
    yield from _losses_in(row, known)
    at = row.completed_at or row.started_at
    if row.kind is not CheckpointKind.SIGNAL or at is None or known.is_reused(row):
        return
    if row.status is CheckpointStatus.COMPLETED:
        kind, title = MarkKind.DELIVERED, _("%(call)s: signal delivered %(at)s")
    else:
        kind, title = MarkKind.TIMED_OUT, _("%(call)s: timed out %(at)s")
    yield Mark(kind=kind, at=at, title=title % {"call": row.key, "at": say_instant(at)})


def _losses_in(row: Checkpoint, known: Known) -> Iterator[Mark]:
    """Yield where another worker took the attempt over."""
    if row.started_at is None or known.is_reused(row):
        return
    for event in known.record.events:
        is_inside = row.started_at <= event.created_at <= (row.completed_at or known.record.now)
        if event.type is EventType.WORKER_LOST and is_inside:
            title = _("%(call)s: its worker was lost; another took over %(at)s")
            said = {"call": row.key, "at": say_instant(event.created_at)}
            yield Mark(kind=MarkKind.WORKER_LOST, at=event.created_at, title=title % said)
