"""The situations that the contract starts from, reached through the port alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus, Interrupt, ParkReason, WaitKind
from durable_django.domain.task import Task
from durable_django.domain.timer import Timer
from durable_django.domain.wait import Suspension, Wait
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error, make_new_execution

MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LEASE = timedelta(seconds=30)
ANA = "0b3a4a52-7c1e-4d49-9a53-0d5f0a3f5a01"
BEN = "0b3a4a52-7c1e-4d49-9a53-0d5f0a3f5a02"

Snapshot = tuple[
    Execution, list[Checkpoint], list[Timer], list[Signal], list[Task], list[Execution]
]

RETRY_LATER = Wait(kind=WaitKind.RETRY, name="charge", key="charge", after=HOUR)
FOR_PACKED = Wait(kind=WaitKind.SIGNAL, name="packed", key="packed")
AN_HOUR = Wait(
    kind=WaitKind.TIMER, name="cooling_off", key="cooling_off", after=HOUR, registers_timer=True
)
AT_ONCE = Wait(kind=WaitKind.YIELD, after=timedelta(0))


def start(store: CheckpointStore, **fields: Any) -> UUID:
    """Insert one execution; return its id."""
    [(execution, _)] = store.insert_executions([make_new_execution(**fields)])
    return execution.id


def claim(store: CheckpointStore, execution_id: UUID, owner: str = ANA) -> Claim:
    """Claim what is due."""
    claimed = store.claim_one(execution_id, LEASE, owner)
    assert claimed is not None, "The execution was expected to be due."
    return claimed


def begin(store: CheckpointStore, **fields: Any) -> Claim:
    """Start an execution and claim it."""
    return claim(store, start(store, **fields))


def suspend(store: CheckpointStore, held: Claim, wait: Wait) -> UUID:
    """Suspend what is held; return its id."""
    assert store.suspend(held, wait) is Suspension.SUSPENDED
    return held.execution_id


def compensate(
    store: CheckpointStore, held: Claim, ending: ExecutionStatus = ExecutionStatus.FAILED
) -> Claim:
    """Begin to undo what is held."""
    error = make_error() if ending is ExecutionStatus.FAILED else None
    store.begin_compensation(held, ending, error)
    return held


def take_over(store: CheckpointStore, clock: ManualClock, held: Claim) -> Claim:
    """Let the lease lapse and have another worker claim the execution."""
    clock.advance(LEASE)
    return claim(store, held.execution_id, BEN)


def look(store: CheckpointStore, execution_id: UUID) -> Snapshot:
    """Return all that can be seen of an execution."""
    return (
        store.load_execution(execution_id),
        store.list_checkpoints(execution_id),
        store.list_timers(execution_id),
        store.list_signals(execution_id),
        store.list_tasks(execution_id),
        store.list_children(execution_id),
    )


def status_of(store: CheckpointStore, execution_id: UUID) -> ExecutionStatus:
    """Return where the execution stands."""
    return store.load_execution(execution_id).status


def is_due(store: CheckpointStore, execution_id: UUID) -> bool:
    """Say whether the execution could be claimed now."""
    execution = store.load_execution(execution_id)
    return execution.wake_at is not None and execution.wake_at <= store.now()


def essence(checkpoint: Checkpoint) -> Checkpoint:
    """Return it without the instants, which a store may stamp with its own clock."""
    return replace(checkpoint, started_at=None, completed_at=None)


# --- one execution in each situation that matters to an act from outside ---


def _suspended(store: CheckpointStore) -> UUID:
    return suspend(store, begin(store), AN_HOUR)


def _paused(store: CheckpointStore) -> UUID:
    execution_id = start(store)
    store.request_pause(execution_id)
    return execution_id


def _parked(store: CheckpointStore) -> UUID:
    held = begin(store)
    store.park(held, ParkReason.POISON, make_error())
    return held.execution_id


def _parked_undoing(store: CheckpointStore) -> UUID:
    held = compensate(store, begin(store))
    store.park(held, ParkReason.COMPENSATION_FAILED, make_error())
    return held.execution_id


def _completed(store: CheckpointStore) -> UUID:
    held = begin(store)
    assert store.complete(held, '"ok"') is None
    return held.execution_id


def _failed(store: CheckpointStore) -> UUID:
    held = begin(store)
    store.finish(held, ExecutionStatus.FAILED, make_error())
    return held.execution_id


def _cancelled(store: CheckpointStore) -> UUID:
    held = begin(store)
    store.request_cancel(held.execution_id, "customer", compensates=False)
    store.finish(held, ExecutionStatus.CANCELLED, None)
    return held.execution_id


#: Name of a situation → how to bring an execution into it.
SITUATIONS: dict[str, Callable[[CheckpointStore], UUID]] = {
    "pending": start,
    "running": lambda store: begin(store).execution_id,
    "suspended": _suspended,
    "compensating": lambda store: compensate(store, begin(store)).execution_id,
    "waiting_to_undo": lambda store: suspend(store, compensate(store, begin(store)), RETRY_LATER),
    "paused": _paused,
    "parked": _parked,
    "parked_undoing": _parked_undoing,
    "completed": _completed,
    "failed": _failed,
    "cancelled": _cancelled,
}


# --- how each interrupt comes about ---


def _cancel(store: CheckpointStore, _clock: ManualClock, execution_id: UUID) -> None:
    store.request_cancel(execution_id, "customer", compensates=True)


def _pause(store: CheckpointStore, _clock: ManualClock, execution_id: UUID) -> None:
    store.request_pause(execution_id)


def _expire(store: CheckpointStore, clock: ManualClock, execution_id: UUID) -> None:
    expires_at = store.load_execution(execution_id).expires_at
    assert expires_at is not None
    clock.set(expires_at)


#: An interrupt → how to cause it on an execution begun with an expiry.
CAUSES: dict[Interrupt, Callable[[CheckpointStore, ManualClock, UUID], None]] = {
    Interrupt.CANCEL: _cancel,
    Interrupt.PAUSE: _pause,
    Interrupt.EXPIRED: _expire,
}
