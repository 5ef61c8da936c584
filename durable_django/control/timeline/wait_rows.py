"""The rows of a timeline that no checkpoint tells of: what the execution waits for now.

Pending timers, the wait it is in, signals that nobody consumed, and the execution's own state.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from durable_django.control.calls import (
    UNDO_PREFIX,
    find_last_end,
    find_open,
    find_unclaimed_timers,
    group_calls,
    is_held,
    is_running,
)
from durable_django.control.timeline.values import (
    Mark,
    MarkKind,
    Record,
    Row,
    RowKind,
    Segment,
    SegmentKind,
)
from durable_django.control.waiting import (
    TIMED_OUT_BY_TIMER,
    CurrentWait,
    list_current_waits,
    say_wait,
)
from durable_django.control.wording import say_duration, say_instant, say_mailbox, say_moment
from durable_django.domain.signal import Signal, wait_kind_of
from durable_django.domain.status import ExecutionStatus, SignalStatus, TimerStatus, WaitKind
from durable_django.domain.timer import Timer

_MARK_OF = {
    SignalStatus.PENDING: MarkKind.PENDING,
    SignalStatus.EXPIRED: MarkKind.EXPIRED,
    SignalStatus.DEAD: MarkKind.DEAD,
}
_KIND_OF = {
    WaitKind.TIMER: RowKind.SLEEP,
    WaitKind.SIGNAL: RowKind.SIGNAL,
    WaitKind.EVENT: RowKind.EVENT,
    WaitKind.CHILD: RowKind.CHILD,
    WaitKind.MAP: RowKind.MAP,
    WaitKind.POLL: RowKind.POLL,
    WaitKind.TASK: RowKind.TASK,
}


def list_wait_rows(record: Record) -> list[Row]:
    """Return the rows of timers and waits without an outcome, of the state, and of the inbox."""
    calls = group_calls(record.checkpoints)
    waits = list_current_waits(record.execution, calls, record.timers)
    by_timer = {wait.timer_key: wait for wait in waits if wait.timer_key}
    since = find_last_end(record.execution, record.checkpoints)
    rows = [
        _timer_row(timer, by_timer.get(timer.key), since, record)
        for timer in find_unclaimed_timers(calls, record.timers)
    ]
    shown = {row.key for row in rows} | {call.key for call in calls}
    if not waits:
        rows += _state_rows(record, since, has_open=find_open(calls) is not None)
    # The wait for an undo is in the row of what it undoes.
    rows += [
        _wait_row(wait, since, record)
        for wait in waits
        if not wait.key or wait.key.removeprefix(UNDO_PREFIX) not in shown
    ]
    return [*rows, *_inbox_rows(record)]


# --- timers and waits ---


def _timer_row(timer: Timer, wait: CurrentWait | None, since: datetime, record: Record) -> Row:
    if wait is not None:
        return _wait_row(wait, since, record)
    marks: tuple[Mark, ...] = ()
    if timer.status is TimerStatus.PENDING:
        until, said = timer.fire_at, _due(timer.fire_at, record)
        marks = (_due_mark(timer.key, timer.fire_at),)
    else:
        stopped_at = record.execution.finished_at or record.execution.updated_at
        until, said = min(timer.fire_at, stopped_at), _("⊘ cancelled")
    return Row(
        key=timer.key,
        name=timer.key,
        label=timer.key,
        kind=RowKind.TIMER,
        segments=_waiting(timer.key, since, until),
        marks=marks,
        summary=said,
    )


def _wait_row(wait: CurrentWait, since: datetime, record: Record) -> Row:
    """Return the row of a wait the execution is in."""
    now = record.now
    over_at = _over_at(wait, record)
    until = over_at or wait.until or now
    label = wait.key or say_wait(wait)
    segments = _waiting(label, since, until)
    if over_at is not None and over_at < now:
        title = _("%(call)s: due for %(took)s, and no worker has taken it yet")
        segments += (
            Segment(
                kind=SegmentKind.QUEUED,
                starts_at=max(over_at, since),
                ends_at=max(now, since),
                title=title % {"call": label, "took": say_duration(now - over_at)},
            ),
        )
    return Row(
        key=wait.key,
        name=wait.name,
        label=label,
        kind=_KIND_OF.get(wait.kind, RowKind.STEP),
        segments=segments,
        marks=(_due_mark(label, wait.until),) if wait.until else (),
        summary=_summarize(wait, since, record),
    )


def _over_at(wait: CurrentWait, record: Record) -> datetime | None:
    """Return when the wait was over, if it is: its signal came, or its time."""
    causes = [
        signal.created_at
        for signal in record.signals
        if wait.kind in (WaitKind.SIGNAL, WaitKind.EVENT)
        and signal.name == wait.name
        and signal.status is SignalStatus.PENDING
    ]
    if wait.until is not None and wait.until <= record.now:
        causes.append(wait.until)
    return min(causes, default=None)


def _summarize(wait: CurrentWait, since: datetime, record: Record) -> str:
    if wait.until is None:
        return _("waits since %(at)s") % {"at": say_moment(since, record.now)}
    if wait.kind in TIMED_OUT_BY_TIMER:
        return _("waits until %(at)s") % {"at": say_moment(wait.until, record.now)}
    return _due(wait.until, record)


def _due(at: datetime, record: Record) -> str:
    return _("due %(at)s") % {"at": say_moment(at, record.now)}


def _due_mark(key: str, at: datetime) -> Mark:
    title = _("%(call)s: due %(at)s") % {"call": key, "at": say_instant(at)}
    return Mark(kind=MarkKind.DUE, at=at, title=title)


def _waiting(key: str, since: datetime, until: datetime) -> tuple[Segment, ...]:
    if until <= since:
        return ()
    title = _("%(call)s: waits since %(since)s, until %(until)s")
    said = {"call": key, "since": say_instant(since), "until": say_instant(until)}
    return (Segment(kind=SegmentKind.WAITING, starts_at=since, ends_at=until, title=title % said),)


# --- the execution as a whole ---


def _state_rows(record: Record, since: datetime, *, has_open: bool) -> Iterator[Row]:
    """Yield the row of what the execution is in, where no call says it."""
    execution, now = record.execution, record.now
    if execution.is_terminal:
        return
    if is_held(execution):
        if not has_open:
            yield _held_row(record, since)
    elif execution.status in (ExecutionStatus.PAUSED, ExecutionStatus.PARKED):
        paused = execution.status is ExecutionStatus.PAUSED
        stopped_at = (execution.pause_requested_at if paused else None) or execution.updated_at
        label = _("paused") if paused else _("parked")
        yield _state_row(label, SegmentKind.WAITING, stopped_at, now)
    else:
        yield _queue_row(record, since)


def _held_row(record: Record, since: datetime) -> Row:
    if is_running(record.execution, record.now):
        return _state_row(_("running"), SegmentKind.RUNNING, since, record.now)
    lost_at = min(record.execution.wake_at or record.now, record.now)
    return _state_row(_("lost with its worker"), SegmentKind.OPEN, since, lost_at)


def _queue_row(record: Record, since: datetime) -> Row:
    """Return the row of an execution that will go on as soon as its alarm comes and a worker."""
    due, now = record.execution.wake_at or record.now, record.now
    label = _("waits for a worker")
    if due > now:
        row = _state_row(label, SegmentKind.WAITING, since, due)
        mark = Mark(kind=MarkKind.DUE, at=due, title=_due_mark(label, due).title)
        return Row(
            key="",
            name=label,
            label=label,
            kind=RowKind.STATE,
            segments=row.segments,
            marks=(mark,),
            summary=_due(due, record),
        )
    return _state_row(label, SegmentKind.QUEUED, since, now)


def _state_row(label: str, kind: SegmentKind, since: datetime, until: datetime) -> Row:
    since = min(since, until)
    took = say_duration(until - since)
    said = _("%(state)s: for %(took)s, since %(since)s")
    title = said % {"state": label, "took": took, "since": say_instant(since)}
    segment = Segment(kind=kind, starts_at=since, ends_at=until, title=title)
    return Row(
        key="", name=label, label=label, kind=RowKind.STATE, segments=(segment,), summary=took
    )


# --- signals that nobody consumed ---


def _inbox_rows(record: Record) -> Iterator[Row]:
    waiting: dict[str, list[Signal]] = {}
    for signal in sorted(record.signals, key=lambda signal: signal.position):
        if signal.status is not SignalStatus.DELIVERED:
            waiting.setdefault(signal.name, []).append(signal)
    for name, signals in waiting.items():
        yield Row(
            key="",
            name=name,
            label=_say_mailbox(name),
            kind=RowKind.INBOX,
            marks=tuple(_mark_of(signal) for signal in signals),
            summary=_summarize_inbox(signals),
        )


def _say_mailbox(name: str) -> str:
    if wait_kind_of(name) is WaitKind.EVENT:
        return say_mailbox(name)
    return _("signal %(name)s") % {"name": name}


def _mark_of(signal: Signal) -> Mark:
    said = {
        SignalStatus.PENDING: _("%(what)s: accepted %(at)s, not consumed yet"),
        SignalStatus.EXPIRED: _("%(what)s: accepted %(at)s, never consumed: it expired"),
        SignalStatus.DEAD: _("%(what)s: accepted %(at)s, never asked for"),
    }
    told = {"what": _say_mailbox(signal.name), "at": say_instant(signal.created_at)}
    title = said[signal.status] % told
    return Mark(kind=_MARK_OF[signal.status], at=signal.created_at, title=title)


def _summarize_inbox(signals: list[Signal]) -> str:
    pending = sum(1 for signal in signals if signal.status is SignalStatus.PENDING)
    if pending:
        return ngettext("◇ %(n)s pending", "◇ %(n)s pending", pending) % {"n": pending}
    return _("⊘ never consumed")
