"""The rows of a timeline that checkpoints tell of: calls that were begun or are over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from django.utils.translation import gettext as _

from durable_django.control.calls import Call, group_calls, is_open
from durable_django.control.groups import Place, arrange, flatten
from durable_django.control.timeline.attempts import attempt_segments, queued
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
from durable_django.control.waiting import child_id_of
from durable_django.control.wording import say_duration, say_instant
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.event import EventType
from durable_django.domain.status import CheckpointKind, CheckpointStatus, TimerStatus
from durable_django.domain.timer import Timer

_WAITS = frozenset({CheckpointKind.SIGNAL, CheckpointKind.EVENT})


def list_call_rows(record: Record) -> list[Row]:
    """Return a row per call, in the order in which they were first made, branches after groups."""
    calls = group_calls(record.checkpoints)
    known = Known(record, calls)
    return [_place_row(place, known) for place in flatten(arrange(calls))]


def _place_row(place: Place, known: Known) -> Row:
    if place.call is None:
        return _to_open_row(place, known)
    row = _to_row(place.call, known)
    if place.call.kind is CheckpointKind.GROUP:
        row = replace(row, segments=(*_group_segments(place, known), *row.segments))
    return replace(row, depth=place.depth, label=place.label if place.depth else row.label)


def _to_row(call: Call, known: Known) -> Row:
    marks: list[Mark] = []
    segments: list[Segment] = []
    for row in (*call.attempts, *call.undos):
        if known.is_reused(row) and row is not call.last:
            continue
        segments += _segments_of(row, known)
        marks += _marks_of(row, known)
    child_id = child_id_of(call.last)
    return Row(
        key=call.key,
        name=call.name,
        label=call.key,
        kind=RowKind(call.kind),
        segments=tuple(segments),
        marks=(*marks, *_due_marks(call, known)),
        summary=summarize(call, known),
        execution_id=child_id if child_id in known.record.children else None,
    )


def _to_open_row(place: Place, known: Known) -> Row:
    """Return the row of a group that is not decided, or of a branch that is a body of its own."""
    return Row(
        key=place.key,
        name=place.label,
        label=place.label if place.depth else place.key,
        kind=RowKind.GROUP if place.is_group else RowKind.BRANCH,
        segments=tuple(_group_segments(place, known)),
        summary=_("under way") if known.is_alive and place.is_group else "",
        depth=place.depth,
    )


# --- groups ---


def _is_open(place: Place) -> bool:
    """Say whether a group, or the group of a branch, is not decided yet."""
    group = place if place.is_group else place.outer
    return group is None or group.call is None


def _group_segments(place: Place, known: Known) -> Iterator[Segment]:
    """Yield the time from the first beginning among its branches to its decision."""
    if place.call is not None and known.is_reused(place.call.last):
        return
    rows = [row for row in place.attempts if not known.is_reused(row)]
    starts_at = min((row.started_at for row in rows if row.started_at), default=None)
    if starts_at is None:
        return
    ends = [row.completed_at or known.end_of_open(row) for row in rows]
    if place.call is None and known.is_alive and _is_open(place):
        ends.append(known.record.now)
    ends_at = max(starts_at, *ends)
    title = _("%(call)s: its branches, for %(took)s")
    yield Segment(
        kind=SegmentKind.GROUP,
        starts_at=starts_at,
        ends_at=ends_at,
        title=title % {"call": place.key, "took": say_duration(ends_at - starts_at)},
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
    elif row.kind in _WAITS:
        yield from _signal_segments(row, known)
    elif row.kind is CheckpointKind.GROUP:
        # It has a row only once it is decided; what it took is its branches'.
        return
    else:
        yield from attempt_segments(row, known)


# --- sleeps and waits that are over ---


def _sleep_segments(row: Checkpoint, known: Known) -> Iterator[Segment]:
    due, noticed = row.started_at or row.completed_at, row.completed_at or row.started_at
    if due is None or noticed is None:
        return
    since = known.ready_at(row)
    if since is not None and since < due:
        title = _("%(call)s: slept %(took)s, until %(due)s")
        yield _waiting(row.key, since, due, title)
    yield from queued(row.key, due if since is None else max(since, due), noticed)


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
    yield from queued(row.key, caused_at, settled)


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
    if row.kind not in _WAITS or at is None or known.is_reused(row):
        return
    if row.status is CheckpointStatus.COMPLETED:
        kind, title = MarkKind.DELIVERED, _("%(call)s: signal delivered %(at)s")
    else:
        kind, title = MarkKind.TIMED_OUT, _("%(call)s: timed out %(at)s")
    yield Mark(kind=kind, at=at, title=title % {"call": row.key, "at": say_instant(at)})


def _due_marks(call: Call, known: Known) -> Iterator[Mark]:
    """Yield when what is under way times out, or has its next turn."""
    if not is_open(call.last) or not known.is_alive:
        return
    instants = [t.fire_at for t in known.record.timers if t.key == call.key and _is_pending(t)]
    if call.last.retry_at is not None:
        instants.append(call.last.retry_at)
    for at in instants:
        title = _("%(call)s: due %(at)s") % {"call": call.key, "at": say_instant(at)}
        yield Mark(kind=MarkKind.DUE, at=at, title=title)


def _is_pending(timer: Timer) -> bool:
    return timer.status is TimerStatus.PENDING


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
