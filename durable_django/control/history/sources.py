"""Read the entries of a history out of each thing that is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from durable_django.control.calls import find_last_end, list_in_order
from durable_django.control.groups import is_dropped, read_group
from durable_django.control.history.values import HistoryEntry, HistoryType, Moment, Rank
from durable_django.control.items import ItemCount
from durable_django.control.waiting import child_id_of
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.event import Event, EventType
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal, event_name_of, wait_kind_of
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.timer import Timer
from durable_django.engine.map_result import read_total

Describe = Callable[[str], str]

_ENDS = {
    ExecutionStatus.COMPLETED: HistoryType.COMPLETED,
    ExecutionStatus.FAILED: HistoryType.FAILED,
    ExecutionStatus.CANCELLED: HistoryType.CANCELLED,
}
_OF_SIGNAL = (HistoryType.SIGNAL_ACCEPTED, HistoryType.SIGNAL_DELIVERED)
_OF_EVENT = (HistoryType.EVENT_ACCEPTED, HistoryType.EVENT_DELIVERED)
_ATTEMPT = (HistoryType.ATTEMPT_COMPLETED, HistoryType.ATTEMPT_FAILED)
#: Of what has a row from its beginning on.
_BEGINNINGS = {
    CheckpointKind.STEP: HistoryType.ATTEMPT_BEGAN,
    CheckpointKind.ITEM: HistoryType.ATTEMPT_BEGAN,
    CheckpointKind.UNDO: HistoryType.UNDO_BEGAN,
    CheckpointKind.CHILD: HistoryType.CHILD_STARTED,
    CheckpointKind.MAP: HistoryType.MAP_BEGAN,
    CheckpointKind.POLL: HistoryType.CHECKS_BEGAN,
}
#: How a call of this kind completes and fails; None: its signal tells of it.
_ENDS_OF_CALLS: Mapping[CheckpointKind, tuple[HistoryType | None, HistoryType]] = {
    CheckpointKind.STEP: _ATTEMPT,
    CheckpointKind.ITEM: _ATTEMPT,
    CheckpointKind.TASK: _ATTEMPT,
    CheckpointKind.SLEEP: (HistoryType.SLEEP_PASSED, HistoryType.SLEEP_PASSED),
    CheckpointKind.SIGNAL: (None, HistoryType.WAIT_TIMED_OUT),
    CheckpointKind.EVENT: (None, HistoryType.WAIT_TIMED_OUT),
    CheckpointKind.UNDO: (HistoryType.UNDO_COMPLETED, HistoryType.UNDO_FAILED),
    CheckpointKind.CHILD: (HistoryType.CHILD_COMPLETED, HistoryType.CHILD_FAILED),
    CheckpointKind.GROUP: (HistoryType.GROUP_DECIDED, HistoryType.GROUP_FAILED),
    CheckpointKind.MAP: (HistoryType.MAP_COMPLETED, HistoryType.MAP_FAILED),
    CheckpointKind.POLL: (HistoryType.CHECK_SUCCEEDED, HistoryType.CHECKS_FAILED),
}
#: Before, during and after what a call does, at one instant.
_REGISTERED, _BEGAN, _ENDED = range(3)


def moments_of_execution(
    execution: Execution, events: Sequence[Event], describe: Describe
) -> Iterator[Moment]:
    """Yield its creation, its beginning, its end or stop, and requests that left no event."""
    details = {"forked_from": str(execution.forked_from)} if execution.forked_from else {}
    created = HistoryEntry(at=execution.created_at, type=HistoryType.CREATED, details=details)
    yield Moment(entry=created, rank=Rank.CREATION)
    if execution.started_at is not None:
        began = HistoryEntry(at=execution.started_at, type=HistoryType.BEGAN)
        yield Moment(entry=began, rank=Rank.BEGINNING)
    yield from _unaudited_requests(execution, events)
    yield from _end_of(execution, describe)


def _unaudited_requests(execution: Execution, events: Sequence[Event]) -> Iterator[Moment]:
    known = {event.type for event in events}
    requests = (
        (EventType.CANCEL_REQUESTED, execution.cancel_requested_at, execution.cancel_reason),
        (EventType.PAUSE_REQUESTED, execution.pause_requested_at, ""),
    )
    for act, at, reason in requests:
        if at is not None and act not in known:
            details = {"act": str(act)}
            entry = HistoryEntry(at=at, type=HistoryType.ACT, reason=reason, details=details)
            yield Moment(entry=entry, rank=Rank.ACT)


def _end_of(execution: Execution, describe: Describe) -> Iterator[Moment]:
    error = describe(str(ErrorRecord.from_text(execution.error))) if execution.error else ""
    if execution.is_terminal:
        at = execution.finished_at or execution.updated_at
        entry = HistoryEntry(at=at, type=_ENDS[execution.status], error=error)
    elif execution.status is ExecutionStatus.PARKED:
        entry = HistoryEntry(
            at=execution.updated_at,
            type=HistoryType.PARKED,
            error=error,
            # A signal that came since has changed the row too.
            is_approximate=True,
            details={"park_reason": str(execution.park_reason or "")},
        )
    elif execution.status is ExecutionStatus.PAUSED:
        entry = HistoryEntry(at=execution.updated_at, type=HistoryType.PAUSED, is_approximate=True)
    else:
        return
    yield Moment(entry=entry, rank=Rank.END)


def moments_of_acts(events: Iterable[Event]) -> Iterator[Moment]:
    """Yield what people and code did, in the order in which it was committed."""
    for event in events:
        entry = HistoryEntry(
            at=event.created_at,
            type=HistoryType.ACT,
            actor=str(event.actor),
            actor_kind=str(event.actor.kind),
            actor_id=event.actor.id,
            reason=event.reason,
            event_id=event.id,
            details={**event.details, "act": str(event.type)},
        )
        yield Moment(entry=entry, rank=Rank.ACT, place=(event.id,))


def moments_of_signals(signals: Iterable[Signal], execution: Execution) -> Iterator[Moment]:
    """Yield each signal's acceptance, and what became of it."""
    for signal in signals:
        is_event = wait_kind_of(signal.name) is WaitKind.EVENT
        came, consumed = _OF_EVENT if is_event else _OF_SIGNAL
        fates = {
            SignalStatus.DELIVERED: consumed,
            SignalStatus.EXPIRED: HistoryType.SIGNAL_EXPIRED,
            SignalStatus.DEAD: HistoryType.SIGNAL_DEAD,
        }
        yield _signal_moment(signal, came)
        if signal.status is not SignalStatus.PENDING:
            at = signal.delivered_at or execution.finished_at or execution.updated_at
            entry = HistoryEntry(
                at=max(at, signal.created_at),
                type=fates[signal.status],
                key=_name_of(signal),
                signal_id=signal.id,
                is_approximate=signal.delivered_at is None,
            )
            delivered = signal.status is SignalStatus.DELIVERED
            rank = Rank.ARRIVAL if delivered else Rank.END
            yield Moment(entry=entry, rank=rank, place=(signal.position, _ENDED))


def _signal_moment(signal: Signal, type_: HistoryType) -> Moment:
    name = _name_of(signal)
    entry = HistoryEntry(at=signal.created_at, type=type_, key=name, signal_id=signal.id)
    return Moment(entry=entry, rank=Rank.ARRIVAL, place=(signal.position, _BEGAN))


def _name_of(signal: Signal) -> str:
    is_event = wait_kind_of(signal.name) is WaitKind.EVENT
    return event_name_of(signal.name) if is_event else signal.name


def moments_of_attempts(
    checkpoints: Iterable[Checkpoint], maps: Mapping[str, ItemCount], describe: Describe
) -> Iterator[Moment]:
    """Yield the beginning and the end of every attempt, and the end of every sleep and wait."""
    for index, row in enumerate(list_in_order(checkpoints)):
        type_ = _BEGINNINGS.get(row.kind)
        if type_ is not None and row.started_at is not None:
            entry = HistoryEntry(
                at=row.started_at,
                type=type_,
                key=row.key,
                attempt=row.attempt,
                child_id=child_id_of(row),
                details=_details_of_beginning(row),
            )
            yield _call_moment(entry, index, _BEGAN)
        ended = _end_of_attempt(row, maps, describe)
        if ended is not None:
            yield _call_moment(ended, index, _ENDED)


def _details_of_beginning(row: Checkpoint) -> dict[str, Any]:
    if row.kind is CheckpointKind.CHILD:
        return {"workflow": row.action}
    total = read_total(row) if row.kind is CheckpointKind.MAP else None
    return {"items": total} if total is not None else {}


def _end_of_attempt(
    row: Checkpoint, maps: Mapping[str, ItemCount], describe: Describe
) -> HistoryEntry | None:
    type_ = _type_of_end(row)
    if type_ is None or row.completed_at is None:
        return None
    return HistoryEntry(
        at=row.completed_at,
        type=type_,
        key=row.key,
        attempt=row.attempt,
        error=describe(str(ErrorRecord.from_text(row.error))) if row.error else "",
        due_at=row.retry_at,
        child_id=child_id_of(row),
        details=_details_of_end(row, maps),
    )


def _details_of_end(row: Checkpoint, maps: Mapping[str, ItemCount]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    if row.status is CheckpointStatus.FAILED:
        details["is_final"] = row.is_final
    record = read_group(row)
    if record is not None:
        details["decided_by"] = record.by
        details["timed_out"] = record.has_timed_out
        details["branches"] = {name: str(status) for name, status in record.statuses.items()}
    count = maps.get(row.key) if row.kind is CheckpointKind.MAP else None
    if count is not None:
        details |= {"completed": count.completed + count.undone, "failed": count.failed}
    return details


def _type_of_end(row: Checkpoint) -> HistoryType | None:
    """Return what the attempt's end was; None of one that is open, or told by its signal."""
    if row.status is CheckpointStatus.INTENT:
        return None
    if is_dropped(row):
        return HistoryType.DROPPED
    completed, failed = _ENDS_OF_CALLS[row.kind]
    return failed if row.status is CheckpointStatus.FAILED else completed


def _call_moment(entry: HistoryEntry, index: int, phase: int) -> Moment:
    # Calls follow one another, so at one instant all of one comes before all of the next.
    return Moment(entry=entry, rank=Rank.CALL, place=(index, phase))


def moments_of_timers(
    timers: Iterable[Timer], execution: Execution, checkpoints: Sequence[Checkpoint]
) -> Iterator[Moment]:
    """Yield when each timer was registered, as near as is known, and what became of it."""
    rows = list_in_order(checkpoints)
    places = {row.key: index for index, row in enumerate(rows)}
    for timer in timers:
        index = places.get(timer.key, len(rows))
        registered_at = min(find_last_end(execution, rows[:index]), timer.fire_at)
        entry = HistoryEntry(
            at=registered_at,
            type=HistoryType.TIMER_REGISTERED,
            key=timer.key,
            due_at=timer.fire_at,
            is_approximate=True,
        )
        yield _call_moment(entry, index, _REGISTERED)
        if timer.status is TimerStatus.FIRED:
            entry = HistoryEntry(at=timer.fire_at, type=HistoryType.TIMER_DUE, key=timer.key)
            yield _call_moment(entry, index, _BEGAN)
        elif timer.status is TimerStatus.CANCELLED:
            yield _cancelled(timer, execution, rows[index] if index < len(rows) else None, index)


def _cancelled(timer: Timer, execution: Execution, row: Checkpoint | None, index: int) -> Moment:
    """Return the moment at which the timer lost its use: its signal came, or the end."""
    at = row.completed_at if row is not None else None
    entry = HistoryEntry(
        at=at or execution.finished_at or execution.updated_at,
        type=HistoryType.TIMER_CANCELLED,
        key=timer.key,
        due_at=timer.fire_at,
        is_approximate=at is None,
    )
    return _call_moment(entry, index, _ENDED)
