"""The invariant of every store at every instant: nothing waits for what cannot come."""

from __future__ import annotations

from collections.abc import Callable

from durable_django.domain.execution import Execution
from durable_django.domain.status import (
    CLAIMABLE_STATUSES,
    ExecutionStatus,
    SignalStatus,
    WaitKind,
)
from durable_django.domain.wait import ANY_NEWS, read_waits
from durable_django.ports.checkpoint_store import CheckpointStore


def assert_nothing_stuck(store: CheckpointStore) -> None:
    """Check that every execution that should go on has an alarm, or that what it waits for can come."""
    store.admit_waiting(100_000)  # as housekeeping does
    running = store.list_executions(status=CLAIMABLE_STATUSES, limit=100_000)
    stuck = [execution for execution in running if _is_stuck(store, execution)]
    assert not stuck, f"Nothing will ever wake these: {stuck}"


def _is_stuck(store: CheckpointStore, execution: Execution) -> bool:
    if execution.wake_at is not None:
        return False
    if execution.status is ExecutionStatus.PENDING:
        return execution.waiting_kind is not WaitKind.LIMIT
    if execution.status is not ExecutionStatus.SUSPENDED:
        return True
    waits = [(execution.waiting_kind, execution.waiting_for)]
    if execution.waiting_kind is WaitKind.SEVERAL:
        if execution.waiting_for == ANY_NEWS:
            return False  # it does not say what for
        waits = read_waits(execution.waiting_for)
    return not any(
        _CAN_COME[kind](store, execution, name) for kind, name in waits if kind in _CAN_COME
    )


def _is_task_open(store: CheckpointStore, execution: Execution, key: str) -> bool:
    tasks = store.list_tasks(execution.id)
    return any(task.key == key and task.status.is_active for task in tasks)


def _is_mailbox_empty(store: CheckpointStore, execution: Execution, name: str) -> bool:
    pending = (s for s in store.list_signals(execution.id) if s.status is SignalStatus.PENDING)
    return all(signal.name != name for signal in pending)


def _is_subscribed(store: CheckpointStore, execution: Execution, topic: str) -> bool:
    subscribers = store.list_subscribers(topic, after=None, limit=100_000)
    return execution.id in subscribers and _is_mailbox_empty(store, execution, topic)


def _is_child_open(store: CheckpointStore, execution: Execution, key: str) -> bool:
    children = store.list_children(execution.id, keys=[key], open_only=True)
    return any(child.parent_wait is WaitKind.CHILD for child in children)


def _is_item_open(store: CheckpointStore, execution: Execution, call: str) -> bool:
    counted = store.count_children(execution.id, call)
    return any(count and not status.is_terminal for status, count in counted.items())


_CAN_COME: dict[WaitKind, Callable[[CheckpointStore, Execution, str], bool]] = {
    WaitKind.TASK: _is_task_open,
    WaitKind.SIGNAL: _is_mailbox_empty,
    WaitKind.EVENT: _is_subscribed,
    WaitKind.CHILD: _is_child_open,
    WaitKind.MAP: _is_item_open,
}


def _has_free_place(store: CheckpointStore, limit_key: str) -> bool:
    """Say whether anybody who is held back could have been admitted."""
    limit = store.find_limit(limit_key)
    if limit is None:
        return True
    paused = store.list_executions(status=[ExecutionStatus.PAUSED], limit=100_000)
    all_could_go = limit.ready == limit.waiting and all(p.limit_key != limit_key for p in paused)
    return limit.admitted < limit.max and all_could_go
