"""What the end of a child means for the call that started it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind, CheckpointStatus, ExecutionStatus
from durable_django.engine.slice_state import SliceState

#: Codes of recorded failures.
TIMEOUT, CANCELLED = "timeout", "cancelled"


def has_unseen_results(state: SliceState) -> bool:
    """Say whether a child with an undo has completed, and the body did not come to see it."""
    ids = [
        UUID(row.idempotency_key)
        for row in state.claim.checkpoints
        if row.kind is CheckpointKind.CHILD
        and row.status is CheckpointStatus.INTENT
        and row.compensation
    ]
    found = state.needs.store.find_executions(ids) if ids else {}
    return any(child.status is ExecutionStatus.COMPLETED for child in found.values())


def outcome_of(attempt: Checkpoint, child: Execution | None, state: SliceState) -> Checkpoint:
    """Return what a child's end means for the call that waits for it."""
    if child is not None and child.status is ExecutionStatus.COMPLETED:
        return replace(
            attempt,
            status=CheckpointStatus.COMPLETED,
            output=child.output,
            completed_at=state.now(),
        )
    if child is None:
        error = ErrorRecord(type="ExecutionNotFoundError", message="its row is gone")
    else:
        error = error_of_child(child)
    return failed_outcome(attempt, error, state)


def error_of_child(child: Execution) -> ErrorRecord:
    """Return what is recorded in the parent of a child that ended without a result."""
    if child.status is ExecutionStatus.CANCELLED:
        reason = child.cancel_reason or "it was cancelled"
        return ErrorRecord(type="WorkflowCancelledError", message=reason, code=CANCELLED)
    found = ErrorRecord.from_text(child.error or "")
    # Its codes are its own: here they would say that the child's time was up.
    code = "" if found.code in (TIMEOUT, CANCELLED) else found.code
    return ErrorRecord(type=found.type, message=found.message, code=code)


def failed_outcome(attempt: Checkpoint, error: ErrorRecord, state: SliceState) -> Checkpoint:
    """Return the attempt of a call that has failed for good."""
    return replace(
        attempt,
        status=CheckpointStatus.FAILED,
        is_final=True,
        error=error.to_text(),
        completed_at=state.now(),
    )
