"""The invariant of every store at every instant: nothing waits for what cannot come."""

from __future__ import annotations

from durable_django.domain.execution import Execution
from durable_django.domain.status import (
    CLAIMABLE_STATUSES,
    ExecutionStatus,
    SignalStatus,
    WaitKind,
)
from durable_django.ports.checkpoint_store import CheckpointStore


def assert_nothing_stuck(store: CheckpointStore) -> None:
    """Check that every execution that should go on has an alarm, or waits for a signal to come."""
    running = store.list_executions(status=CLAIMABLE_STATUSES, limit=100_000)
    stuck = [execution for execution in running if _is_stuck(store, execution)]
    assert not stuck, f"Nothing will ever wake these: {stuck}"


def _is_stuck(store: CheckpointStore, execution: Execution) -> bool:
    if execution.wake_at is not None:
        return False
    if execution.status is not ExecutionStatus.SUSPENDED:
        return True
    if execution.waiting_kind is not WaitKind.SIGNAL:
        return True
    return any(
        signal.name == execution.waiting_for and signal.status is SignalStatus.PENDING
        for signal in store.list_signals(execution.id)
    )
