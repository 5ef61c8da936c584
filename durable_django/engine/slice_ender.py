"""How a slice lets go of its execution when it does not simply wait or complete.

Deferred, parked, finished or given up: each is one write of the store, and the observers are told.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind, ExecutionStatus, ParkReason, WaitKind
from durable_django.domain.wait import Wait
from durable_django.engine.cancelling import close_children
from durable_django.engine.slice_needs import SliceNeeds
from durable_django.engine.slice_outcome import SliceLimits, SliceOutcome
from durable_django.exceptions import ExecutionNotFoundError, InvalidTransitionError
from durable_django.ports.checkpoint_store import LeaseLost

_STARTS_CHILDREN = frozenset({CheckpointKind.CHILD, CheckpointKind.MAP})

logger = logging.getLogger(__name__)

#: What an execution waits for that was deferred: since when. No name begins like this.
_DEFERRED = "~unknown since "
#: A slice that breaks off again and again is left alone for up to this long.
_LONGEST_ABANDON = timedelta(minutes=5)


class SliceEnder:
    """Lets go of executions; may be used by many threads at once."""

    def __init__(self, needs: SliceNeeds, limits: SliceLimits) -> None:
        self._needs = needs
        self._limits = limits

    def defer(self, claim: Claim) -> SliceOutcome:
        """Leave an unknown workflow to a process that knows it; park it when none comes."""
        since = _unknown_since(claim)
        if claim.now - since > self._limits.unknown_workflow_patience:
            error = ErrorRecord(
                type="UnknownWorkflowError",
                message=f"{_label(claim)} is unknown to the workers since {since:%Y-%m-%d %H:%M} UTC",
            )
            return self.park(claim, ParkReason.UNKNOWN_WORKFLOW, error)
        logger.warning("Workflow unknown here, execution deferred", extra=facts_of(claim))
        wait = Wait(
            kind=WaitKind.DEFERRED,
            name=_DEFERRED + since.isoformat(),
            after=self._limits.unknown_workflow_delay,
        )
        self._needs.store.release(claim, wait)
        return SliceOutcome(execution_id=claim.execution_id, status=ExecutionStatus.SUSPENDED)

    def park(self, claim: Claim, reason: ParkReason, error: ErrorRecord) -> SliceOutcome:
        """Stop the execution for a person."""
        error = self._keep_cause(claim, error)
        self._needs.store.park(claim, reason, error)
        self._heed_late_cancel(claim)
        logger.error("Execution parked", extra={**facts_of(claim), "reason": str(reason)})
        return self.ended(claim, ExecutionStatus.PARKED, error, reason)

    def _heed_late_cancel(self, claim: Claim) -> None:
        """Wake what was parked although a cancel had been accepted while its slice ran."""
        if claim.status is ExecutionStatus.COMPENSATING:
            return
        execution = self._needs.store.load_execution(claim.execution_id)
        is_late = execution.cancel_requested_at and not claim.execution.cancel_requested_at
        if is_late and execution.status is ExecutionStatus.PARKED:
            with suppress(InvalidTransitionError):  # a person was faster
                self._needs.store.request_cancel(
                    execution.id,
                    execution.cancel_reason,
                    compensates=execution.cancel_compensates,
                )

    def ended(
        self,
        claim: Claim,
        status: ExecutionStatus,
        error: ErrorRecord | None = None,
        reason: ParkReason | None = None,
    ) -> SliceOutcome:
        """Tell that the execution has ended or stopped; return the slice's outcome."""
        execution = claim.execution
        self._needs.notifier.tell(lambda o: o.execution_finished(execution, status, error))
        if status.is_terminal and execution.parent_wait and execution.parent_id is not None:
            self._ring_for_parent(execution.parent_id)
        return SliceOutcome(
            execution_id=execution.id, status=status, park_reason=reason, error=error
        )

    def finish(
        self,
        claim: Claim,
        status: ExecutionStatus,
        error: ErrorRecord | None,
        *,
        compensates: bool = True,
    ) -> SliceOutcome:
        """End the execution FAILED or CANCELLED; its children are cancelled as it was."""
        self.close_children(claim, f"its parent ends {status}", compensates=compensates)
        self._needs.store.finish(claim, status, error)
        return self.ended(claim, status, error)

    def close_children(self, claim: Claim, reason: str, *, compensates: bool = True) -> None:
        """Do with the children what their policy says, before their parent ends.

        Not in the transaction of that end, in which a child that ends at the same time would wait
        for the parent's row while the parent waits for the child's. A crash in between does it
        again.
        """
        if any(one.kind in _STARTS_CHILDREN for one in claim.checkpoints):
            close_children(self._needs, claim, reason, compensates=compensates)

    def _ring_for_parent(self, parent_id: UUID) -> None:
        with suppress(ExecutionNotFoundError):
            self._needs.wake(self._needs.store.load_execution(parent_id).queue)

    def pause(self, claim: Claim) -> SliceOutcome:
        """Stop the execution because a pause was requested."""
        self._needs.store.pause(claim)
        return self.ended(claim, ExecutionStatus.PAUSED)

    def abandon(self, claim: Claim, error: ErrorRecord) -> None:
        """Give the execution up as after a crash; never raises for the database."""
        logger.error("Slice abandoned", extra={**facts_of(claim), "error": str(error)})
        try:
            kept = self._keep_cause(claim, error)
            self._needs.store.abandon(claim, kept, self._abandon_delay(claim))
        except LeaseLost:
            logger.warning("Lease lost, slice dropped", extra=facts_of(claim))
        except Exception:
            logger.exception("Lease could not be given back; it runs out", extra=facts_of(claim))

    def _abandon_delay(self, claim: Claim) -> timedelta:
        """Return a delay that doubles each time: what is away should have time to come back."""
        doublings = min(claim.execution.recoveries, 20)
        return min(self._limits.abandon_delay * (1 << doublings), _LONGEST_ABANDON)

    def _keep_cause(self, claim: Claim, error: ErrorRecord) -> ErrorRecord:
        """Add to why an undoing stops what it undoes for, which is told when it ends."""
        execution = self._needs.store.load_execution(claim.execution_id)
        if execution.ending is None:
            return error
        cause = undone_for(execution.error)
        return replace(error, undone_for=cause.to_text() if cause is not None else "")


def is_deferral(execution: Execution) -> bool:
    """Say whether the execution waited last because its workflow was unknown to a worker."""
    return execution.waiting_for.startswith(_DEFERRED)


def poison(claim: Claim) -> ErrorRecord:
    """Return what is recorded of an execution that keeps losing its workers."""
    last = claim.execution.error
    seen = f" The last error: {ErrorRecord.from_text(last)}" if last else ""
    return ErrorRecord(
        type="Poison",
        message=(
            f"{claim.execution.recoveries} workers in a row were lost while they ran it, or broke "
            f"off, without a new checkpoint.{seen}"
        ),
    )


def not_undone(failed: dict[str, str]) -> ErrorRecord:
    """Return what is recorded of undos that failed for good: their steps' keys, with the errors."""
    listed = "; ".join(f"{key}: {error}" for key, error in failed.items())
    return ErrorRecord(
        type="CompensationFailed",
        message=f"not undone: {listed}"[:1000],
        code=",".join(failed),
    )


def undone_for(text: str | None) -> ErrorRecord | None:
    """Return why an execution undoes its steps, by its error: that one, or what it holds."""
    if not text:
        return None
    error = ErrorRecord.from_text(text)
    return ErrorRecord.from_text(error.undone_for) if error.undone_for else error


def _unknown_since(claim: Claim) -> datetime:
    """Return since when nobody knew the workflow, as the last deferral noted it."""
    if not is_deferral(claim.execution):
        return claim.now
    return datetime.fromisoformat(claim.execution.waiting_for.removeprefix(_DEFERRED))


def _label(claim: Claim) -> str:
    return f"{claim.execution.workflow_name} version {claim.execution.workflow_version}"


def facts_of(claim: Claim) -> dict[str, object]:
    """Return what log records about the claim carry."""
    return {
        "execution_id": str(claim.execution_id),
        "workflow": claim.execution.workflow_name,
        "fence": claim.fence,
    }
