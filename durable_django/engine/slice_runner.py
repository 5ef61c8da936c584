"""One slice: a claimed execution, from where it stands to its next wait or its end.

The only place that decides an execution's status; the store writes it under the claim's fence.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from durable_django.domain.claim import Claim
from durable_django.domain.definition import OnFailure, WorkflowDefinition
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.event import Actor, ActorKind, EventType, NewEvent
from durable_django.domain.status import CheckpointKind, ExecutionStatus, Interrupt, ParkReason
from durable_django.domain.wait import Suspension, Wait
from durable_django.engine.child_manager import ring_for_children
from durable_django.engine.child_outcomes import has_unseen_results
from durable_django.engine.context import WorkflowContext
from durable_django.engine.map_result import as_plain
from durable_django.engine.records import StepMismatch
from durable_django.engine.registry import Registry
from durable_django.engine.replay import Replay
from durable_django.engine.retry_executor import RetryExecutor
from durable_django.engine.saga_compensator import SagaCompensator
from durable_django.engine.slice_ender import (
    SliceEnder,
    facts_of,
    is_deferral,
    not_undone,
    poison,
    undone_for,
)
from durable_django.engine.slice_needs import SliceNeeds
from durable_django.engine.slice_outcome import EXPIRED_CODE, SliceLimits, SliceOutcome
from durable_django.engine.slice_state import SliceState
from durable_django.engine.suspension import (
    ReplayEnded,
    SliceAbandoned,
    SliceStopped,
    WorkflowInterrupted,
    WorkflowParked,
    WorkflowSuspended,
)
from durable_django.engine.task_notices import tell_of_opened
from durable_django.exceptions import NonDeterminismError, PayloadError
from durable_django.ports.checkpoint_store import LeaseLost

logger = logging.getLogger(__name__)


class SliceRunner:
    """Runs slices; may be used by many threads at once."""

    def __init__(
        self,
        needs: SliceNeeds,
        registry: Registry,
        limits: SliceLimits,
        on_mismatch: Callable[[StepMismatch], object],
    ) -> None:
        self._needs = needs
        self._registry = registry
        self._limits = limits
        self._ends = SliceEnder(needs, limits)
        self._on_mismatch = on_mismatch

    def run(self, claim: Claim) -> SliceOutcome:
        """Advance the execution as far as it goes now.

        Never raises for what workflow code does. A BaseException that is not ours (SystemExit of
        a killed worker, KeyboardInterrupt) passes through as a crash: the lease runs out.
        """
        try:
            return self._run(claim)
        except LeaseLost:
            logger.warning("Lease lost, slice dropped", extra=facts_of(claim))
        except SliceAbandoned as reason:
            self._ends.abandon(claim, reason.error)
        except Exception as error:
            # The database, not the workflow: all workflow code is called further in.
            logger.exception("Slice failed", extra=facts_of(claim))
            self._ends.abandon(claim, self._needs.errors.record(error))
        return SliceOutcome(execution_id=claim.execution_id, status=None)

    # --- before the body ---

    def _run(self, claim: Claim) -> SliceOutcome:
        definition = self._registry.find(
            claim.execution.workflow_name, claim.execution.workflow_version
        )
        if definition is None:
            return self._ends.defer(claim)
        if claim.execution.recoveries > self._limits.max_recoveries:
            return self._ends.park(claim, ParkReason.POISON, poison(claim))
        if claim.execution.recoveries:
            # From here on a lost worker is this execution's own: see `note_begun`.
            self._needs.store.note_begun(claim)
        if claim.is_recovery:
            self._tell_of_lost_worker(claim)
        self._announce(claim)
        state = SliceState(claim, self._needs, self._new_replay(claim))
        try:
            return self._advance(state, definition)
        finally:
            state.is_over = True

    def _tell_of_lost_worker(self, claim: Claim) -> None:
        """Leave a trace for people: the attempt it was in shows the time of both workers."""
        actor = Actor(kind=ActorKind.WORKER, id=claim.execution.lease_owner)
        event = NewEvent(
            execution_id=claim.execution_id,
            type=EventType.WORKER_LOST,
            actor=actor,
            details={"lost_in_a_row": claim.execution.recoveries},
        )
        self._needs.store.add_event(event)

    def _announce(self, claim: Claim) -> None:
        execution = claim.execution
        if _is_new(claim):
            self._needs.notifier.tell(lambda o: o.execution_started(execution))
        else:
            self._needs.notifier.tell(lambda o: o.execution_resumed(execution))

    def _new_replay(self, claim: Claim) -> Replay:
        def report(mismatch: StepMismatch) -> None:
            try:
                self._on_mismatch(mismatch)
            except NonDeterminismError as error:
                record = self._needs.errors.record(error)
                raise WorkflowParked(ParkReason.NONDETERMINISM, record) from error

        execution = claim.execution
        return Replay(
            execution.id,
            execution.epoch,
            claim.checkpoints,
            report,
            is_undoing=claim.status is ExecutionStatus.COMPENSATING,
            has_waited=_has_waited(claim),
        )

    # --- the body ---

    def _advance(self, state: SliceState, definition: WorkflowDefinition) -> SliceOutcome:
        interrupt = None if state.is_undoing else _interrupt_of(state.claim)
        if interrupt is not None:
            return self._interrupted(state, definition, interrupt)
        while True:
            try:
                output = self._call_body(state, definition)
            except SliceStopped as stop:
                outcome = self._leave(state, definition, stop)
            except Exception as error:  # noqa: BLE001 -- the boundary that records a failure
                return self._failed(state, definition, error)
            else:
                outcome = self._complete(state, definition, output)
            if outcome is not None:
                return outcome
            # Signals came in since: walk through the body again with what is known by now.
            state.rewind()

    def _leave(
        self, state: SliceState, definition: WorkflowDefinition, stop: SliceStopped
    ) -> SliceOutcome | None:
        """Do what the body was left for; None to run the body again."""
        if isinstance(stop, WorkflowSuspended):
            return self._suspend(state, definition, stop.wait)
        if isinstance(stop, WorkflowInterrupted):
            return self._interrupted(state, definition, stop.interrupt)
        if isinstance(stop, WorkflowParked):
            return self._ends.park(state.claim, stop.reason, stop.error)
        if isinstance(stop, ReplayEnded):
            return self._compensate(state)
        raise stop

    def _call_body(self, state: SliceState, definition: WorkflowDefinition) -> str:
        """Return the encoded result of the body."""
        what = f"Input of workflow {definition.name!r}"
        workflow_input = state.decode(state.execution.input, what)
        ctx = WorkflowContext(state, workflow_input)
        try:
            result = definition.call(ctx, workflow_input)
        except BaseException as error:
            # What left the body may itself hide a reason to leave that the body swallowed.
            state.raise_swallowed()
            if isinstance(error, Exception) and not state.is_undoing:
                state.replay.finish(error)
            raise
        state.raise_swallowed()
        state.replay.finish()
        if state.is_undoing:
            raise ReplayEnded
        return self._encode_result(state, definition, result)

    def _encode_result(self, state: SliceState, definition: WorkflowDefinition, result: Any) -> str:
        try:
            return self._needs.payloads.encode(
                as_plain(result), f"Result of workflow {definition.name!r}"
            )
        except PayloadError as error:
            # All the work is done: undoing it for a result that cannot be stored would be worse.
            raise WorkflowParked(ParkReason.PAYLOAD, self._needs.errors.record(error)) from error
        except Exception as error:  # noqa: BLE001 -- what a codec needs may be away
            state.abandon(error)

    # --- after the body ---

    def _complete(
        self, state: SliceState, definition: WorkflowDefinition, output: str
    ) -> SliceOutcome:
        self._ends.close_children(state.claim, "its parent has completed")
        interrupt = self._needs.store.complete(state.claim, output)
        if interrupt is not None:
            return self._interrupted(state, definition, interrupt)
        return self._ends.ended(state.claim, ExecutionStatus.COMPLETED)

    def _suspend(
        self, state: SliceState, definition: WorkflowDefinition, wait: Wait
    ) -> SliceOutcome | None:
        """Store the suspension; None if signals came in that the body has not seen."""
        answer = self._needs.store.suspend(state.claim, wait)
        if answer is Suspension.SIGNALLED:
            return None
        if isinstance(answer, Interrupt):
            return self._interrupted(state, definition, answer)
        ring_for_children(self._needs, wait)
        execution = state.execution
        self._needs.notifier.tell(lambda o: o.execution_suspended(execution, wait))
        tell_of_opened(state, wait)
        return SliceOutcome(
            execution_id=execution.id,
            status=state.claim.status if state.is_undoing else ExecutionStatus.SUSPENDED,
        )

    def _interrupted(
        self, state: SliceState, definition: WorkflowDefinition, interrupt: Interrupt
    ) -> SliceOutcome:
        if interrupt is Interrupt.PAUSE:
            return self._ends.pause(state.claim)
        if interrupt is Interrupt.EXPIRED:
            error = ErrorRecord(type="WorkflowExpired", message="TTL expired", code=EXPIRED_CODE)
            return self._unwind(state, definition, ExecutionStatus.FAILED, error)
        execution = self._needs.store.load_execution(state.execution_id)
        if not execution.cancel_compensates:
            return self._ends.finish(
                state.claim, ExecutionStatus.CANCELLED, None, compensates=False
            )
        return self._unwind(state, definition, ExecutionStatus.CANCELLED, None)

    def _failed(
        self, state: SliceState, definition: WorkflowDefinition, error: Exception
    ) -> SliceOutcome:
        if state.is_undoing:
            # The body fails again where it failed before: by now it has told all its undos.
            return self._compensate(state)
        if self._needs.store.load_execution(state.execution_id).cancel_requested_at is not None:
            # Accepted while the failure happened: it says how to end.
            return self._interrupted(state, definition, Interrupt.CANCEL)
        record = replace(self._needs.errors.record(error), call=state.find_failed_call(error))
        if definition.on_failure is OnFailure.PARK:
            return self._ends.park(state.claim, ParkReason.FAILURE, record)
        return self._unwind(state, definition, ExecutionStatus.FAILED, record)

    # --- undoing ---

    def _unwind(
        self,
        state: SliceState,
        definition: WorkflowDefinition,
        ending: ExecutionStatus,
        error: ErrorRecord | None,
    ) -> SliceOutcome:
        """End, undoing first what has an undo."""
        # First: what has completed by then is undone here, and all else undoes itself.
        self._ends.close_children(state.claim, f"its parent ends {ending}")
        if not _has_something_to_undo(state):
            return self._ends.finish(state.claim, ending, error)
        self._needs.store.begin_compensation(state.claim, ending, error)
        # Walk through the body once more: undos beyond where it stopped are known only then.
        state.rewind()
        return self._advance(state, definition)

    def _compensate(self, state: SliceState) -> SliceOutcome:
        state.latch = None
        try:
            failed = SagaCompensator(state, RetryExecutor()).compensate()
        except WorkflowSuspended as stop:
            return self._wait_to_undo(state, stop.wait)
        except WorkflowParked as stop:
            return self._ends.park(state.claim, stop.reason, stop.error)
        if failed:
            return self._ends.park(state.claim, ParkReason.COMPENSATION_FAILED, not_undone(failed))
        execution = self._needs.store.load_execution(state.execution_id)
        ending = execution.ending or ExecutionStatus.FAILED
        error = None if ending is ExecutionStatus.CANCELLED else undone_for(execution.error)
        return self._ends.finish(state.claim, ending, error)

    def _wait_to_undo(self, state: SliceState, wait: Wait) -> SliceOutcome:
        self._needs.store.suspend(state.claim, wait)
        execution = state.execution
        self._needs.notifier.tell(lambda o: o.execution_suspended(execution, wait))
        return SliceOutcome(execution_id=execution.id, status=state.claim.status)


def _interrupt_of(claim: Claim) -> Interrupt | None:
    """Return what was asked of the execution before it was claimed."""
    execution = claim.execution
    if execution.cancel_requested_at is not None:
        return Interrupt.CANCEL
    if execution.expires_at is not None and execution.expires_at <= claim.now:
        return Interrupt.EXPIRED
    return Interrupt.PAUSE if execution.pause_requested_at is not None else None


def _is_new(claim: Claim) -> bool:
    """Say whether no slice has run the body yet: at most it was given back or deferred unbegun."""
    execution = claim.execution
    is_untouched = not execution.waiting_for or is_deferral(execution)
    return is_untouched and not claim.checkpoints and not (execution.epoch or execution.recoveries)


def _has_waited(claim: Claim) -> bool:
    """Say whether the last slice came to a call that is not recorded, and waited there."""
    if claim.timers:
        return True
    execution = claim.execution
    # After a crash it is not known how far the body came since its last wait.
    return bool(execution.waiting_for) and not execution.recoveries and not is_deferral(execution)


def _has_something_to_undo(state: SliceState) -> bool:
    recorded = any(
        c.compensation
        and c.kind is not CheckpointKind.UNDO
        # Of a map the items may have completed, whatever became of it.
        and (
            c.status == "completed" or (c.kind is CheckpointKind.MAP and c.status != "compensated")
        )
        for c in state.claim.checkpoints
    )
    return recorded or bool(state.undoables) or has_unseen_results(state)
