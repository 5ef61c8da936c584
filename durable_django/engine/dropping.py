"""What becomes of the calls that still wait when their group is decided without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    TaskStatus,
)
from durable_django.engine.child_outcomes import outcome_of
from durable_django.engine.slice_state import SliceState
from durable_django.engine.task_answers import with_answer
from durable_django.exceptions import PayloadError

_DROPPED = "BranchDropped"


def close_dropped(
    state: SliceState, opened: Sequence[Checkpoint], decided: Checkpoint
) -> list[Checkpoint]:
    """Return how these open attempts are closed, whose children were asked to cancel.

    They fail, and not for good: if the group fails and is retried, they are made again. A child
    that has an undo, and completed before it could be cancelled, is kept as that: it is undone
    if the workflow fails, as the steps of dropped branches are. So is what a person has answered
    by then, who is not asked again.
    """
    ids = [
        UUID(one.idempotency_key)
        for one in opened
        if one.kind is CheckpointKind.CHILD and one.compensation
    ]
    children = state.write(state.needs.store.find_executions, ids) if ids else {}
    closed = []
    for one in opened:
        child = children.get(UUID(one.idempotency_key)) if one.compensation else None
        if child is not None and child.status is ExecutionStatus.COMPLETED:
            closed.append(outcome_of(one, child, state))
        else:
            closed.append(_answered(state, one) or _dropped(one, decided))
    return closed


def was_dropped(row: Checkpoint) -> bool:
    """Say whether the attempt was closed because its group was decided without it."""
    if row.status is not CheckpointStatus.FAILED or row.is_final:
        return False
    return ErrorRecord.from_text(row.error or "").type == _DROPPED


def _answered(state: SliceState, opened: Checkpoint) -> Checkpoint | None:
    """Return the outcome of a call whose task was completed; None if there is none to record."""
    if opened.kind is not CheckpointKind.TASK:
        return None
    tasks = state.write(state.needs.store.list_tasks, state.execution_id)
    task = next((one for one in tasks if str(one.id) == opened.idempotency_key), None)
    if task is None or task.status is not TaskStatus.COMPLETED:
        return None
    try:
        return with_answer(state.needs.payloads, opened, task, state.now())
    except PayloadError:
        return None
    except Exception as error:  # noqa: BLE001 -- what a codec needs may be away
        state.abandon(error)


def _dropped(opened: Checkpoint, decided: Checkpoint) -> Checkpoint:
    error = ErrorRecord(type=_DROPPED, message="its group was decided without it")
    return replace(
        opened,
        status=CheckpointStatus.FAILED,
        error=error.to_text(),
        is_final=False,
        retry_at=None,
        completed_at=decided.completed_at,
    )
