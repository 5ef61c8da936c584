"""Children: executions that a workflow starts, and waits for or not.

A child and its parent's wait are one transaction, so that a crash neither doubles it nor leaves
it unknown. Every end of a child tells the parent. Its id is derived from the parent and the call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NoReturn
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    WaitKind,
)
from durable_django.domain.wait import Suspension, Wait, check_wait
from durable_django.engine.cancelling import cancel_child
from durable_django.engine.child_outcomes import (
    CANCELLED,
    TIMEOUT,
    failed_outcome,
    outcome_of,
)
from durable_django.engine.child_plans import (
    ChildOptions,
    find_holder_of_key,
    plan_child,
    with_free_key,
)
from durable_django.engine.records import Call
from durable_django.engine.same_start import check_same_start
from durable_django.engine.signal_manager import NO_DEFAULT
from durable_django.engine.slice_needs import SliceNeeds
from durable_django.engine.slice_state import SliceState, error_of
from durable_django.engine.suspension import WorkflowSuspended
from durable_django.engine.undoables import Undoable
from durable_django.engine.witnesses import path_of
from durable_django.exceptions import (
    ChildCancelledError,
    ChildFailedError,
    ChildTimeoutError,
)


class ChildManager:
    """Starts and awaits the children of one slice."""

    def __init__(self, state: SliceState) -> None:
        self._state = state
        self._store = state.needs.store

    # --- awaited ---

    def child(self, name: str, target: Any, args: tuple[Any, ...], options: ChildOptions) -> Any:
        """Return the child's result; see `WorkflowContext.child`."""
        if options.timeout is not None:
            check_wait(f"Child {name!r}", options.timeout)
        call = self._state.replay.enter(CheckpointKind.CHILD, name)
        outcome = call.settled or self._completed_unseen(call, options)
        if outcome is None:
            self._state.check_may_begin()
            outcome = self._settle(call, target, args, options)
        self._state.passed(call, outcome)
        if outcome.status is CheckpointStatus.FAILED:
            return self._recorded_failure(call, outcome, options)
        value = self._state.decode(outcome.output or "null", f"Result of child {call.key!r}")
        self._remember_undo(call, outcome, value, options)
        return value

    def _settle(
        self, call: Call, target: Any, args: tuple[Any, ...], options: ChildOptions
    ) -> Checkpoint:
        """Return the call's outcome, or leave the body to wait for it."""
        attempt = call.open_intent or self._adopt(call, options)
        if attempt is None:
            self._begin(call, target, args, options)
        while True:
            child = self._find(attempt)
            timer = self._state.claim.timers.get(call.key)
            is_late = timer is not None and timer.fire_at <= self._state.claim.now
            has_ended = child is not None and child.is_terminal
            if is_late and not (child is not None and child.status is ExecutionStatus.COMPLETED):
                outcome = self._give_up(call, attempt)
            elif child is None or has_ended:
                outcome = self._close(call, outcome_of(attempt, child, self._state))
            else:
                self._wait(call, options)
            if outcome is not None:
                return outcome

    def _completed_unseen(self, call: Call, options: ChildOptions) -> Checkpoint | None:
        """While undoing, close the call of a child that completed before the body came to see it."""
        attempt = call.open_intent
        if not self._state.is_undoing or attempt is None or options.compensate is None:
            return None
        child = self._find(attempt)
        if child is None or child.status is not ExecutionStatus.COMPLETED:
            return None
        return self._close(call, outcome_of(attempt, child, self._state))

    def _adopt(self, call: Call, options: ChildOptions) -> Checkpoint | None:
        """Take up the child of a failed attempt if it has gone on since, because a person retried it.

        Another one beside it would do again what it has done.
        """
        last = call.history[-1] if call.history else None
        if last is None or last.status is not CheckpointStatus.FAILED:
            return None
        child = self._find(last)
        if child is None or child.status in (ExecutionStatus.FAILED, ExecutionStatus.CANCELLED):
            return None
        if child.cancel_requested_at is not None and not child.is_terminal:
            return None  # it is on its way to being CANCELLED
        state = self._state
        attempt = self._new_attempt(call, child, options)
        state.heed(state.write(self._store.record_intent, state.claim, attempt))
        state.opened(attempt)
        return attempt

    def _begin(
        self, call: Call, target: Any, args: tuple[Any, ...], options: ChildOptions
    ) -> NoReturn:
        child = with_free_key(
            self._state, plan_child(self._state, call, target, args, options, WaitKind.CHILD)
        )
        attempt = self._new_attempt(call, child, options)
        wait = replace(self._new_wait(call, options), starting=((attempt, child),))
        self._state.stop(WorkflowSuspended(wait))

    def _wait(self, call: Call, options: ChildOptions) -> NoReturn:
        self._state.stop(WorkflowSuspended(self._new_wait(call, options)))

    def _new_wait(self, call: Call, options: ChildOptions) -> Wait:
        timer = self._state.claim.timers.get(call.key)
        return Wait(
            kind=WaitKind.CHILD,
            name=call.key,
            key=call.key,
            alarm=timer.fire_at if timer is not None else None,
            after=options.timeout if timer is None else None,
            registers_timer=timer is None and options.timeout is not None,
        )

    def _find(self, attempt: Checkpoint) -> Execution | None:
        key = UUID(attempt.idempotency_key)
        return self._state.write(self._store.find_executions, [key]).get(key)

    def _give_up(self, call: Call, attempt: Checkpoint) -> Checkpoint | None:
        """Cancel the child and record that its time was up; None if there is news."""
        # Before it is recorded: a crash in between finds the timer due, whatever became of it.
        state, child_id = self._state, UUID(attempt.idempotency_key)
        reason = f"{call.key}: its time was up"
        state.write(cancel_child, state.needs, state.claim, child_id, reason)
        error = ErrorRecord(
            type="ChildTimeoutError", message="it did not end in time", code=TIMEOUT
        )
        return self._close(call, failed_outcome(attempt, error, state), is_late=True)

    def _close(
        self, call: Call, outcome: Checkpoint, *, is_late: bool = False
    ) -> Checkpoint | None:
        state = self._state
        answer = state.write(
            self._store.settle,
            state.claim,
            outcome,
            fired=[call.key] if is_late else [],
            released=[] if is_late else [call.key],
            unless_news=is_late,
        )
        if answer is Suspension.SIGNALLED:
            return None
        if not isinstance(answer, Suspension):
            state.heed(answer)
        state.claim.timers.pop(call.key, None)
        state.wrote(outcome)
        if outcome.status is CheckpointStatus.FAILED:
            state.tell(lambda o: o.step_failed(state.execution, outcome))
        else:
            state.tell(lambda o: o.step_completed(state.execution, outcome))
        return outcome

    def _recorded_failure(self, call: Call, outcome: Checkpoint, options: ChildOptions) -> Any:  # noqa: RET503 -- fail() raises
        error = error_of(outcome)
        child = outcome.idempotency_key
        if error.code == TIMEOUT:
            if options.default is not NO_DEFAULT:
                return options.default
            self._state.fail(call, ChildTimeoutError(call.key, child, error.type, error.message))
        cls = ChildCancelledError if error.code == CANCELLED else ChildFailedError
        self._state.fail(call, cls(call.key, child, error.type, error.message))

    def _remember_undo(
        self, call: Call, outcome: Checkpoint, value: Any, options: ChildOptions
    ) -> None:
        if options.compensate is None:
            return
        self._state.undoables[call.key] = Undoable(
            checkpoint=outcome,
            handler=options.compensate,
            result=value,
            retry=options.compensate_retry or self._state.needs.undo_retry,
            atomic=False,
            times_undone=call.times_undone,
        )

    # --- detached ---

    def start(self, name: str, target: Any, args: tuple[Any, ...], options: ChildOptions) -> UUID:
        """Return the id of a child that nobody waits for; see `WorkflowContext.start_child`."""
        call = self._state.replay.enter(CheckpointKind.CHILD, name)
        outcome = call.settled
        if outcome is None:
            self._state.check_may_begin()
            outcome = self._start(call, target, args, options)
        self._state.passed(call, outcome)
        return UUID(outcome.idempotency_key)

    def _start(
        self, call: Call, target: Any, args: tuple[Any, ...], options: ChildOptions
    ) -> Checkpoint:
        state = self._state
        child = plan_child(state, call, target, args, options, WaitKind.NOTHING)
        holder = find_holder_of_key(state, child)
        if holder is not None:
            check_same_start(holder, child, state.needs.payloads)
        outcome = replace(
            self._new_attempt(call, child, options),
            status=CheckpointStatus.COMPLETED,
            output="null",
            idempotency_key=str(child.id if holder is None else holder.id),
            completed_at=state.now(),
        )
        if holder is not None:
            return self._close(call, outcome) or outcome
        state.heed(state.write(self._store.start_child, state.claim, outcome, child))
        state.claim.checkpoints.append(outcome)
        state.wrote(outcome)
        state.needs.wake(child.queue)
        state.tell(lambda o: o.step_completed(state.execution, outcome))
        return outcome

    # --- both ---

    def _new_attempt(
        self, call: Call, child: NewExecution | Execution, options: ChildOptions
    ) -> Checkpoint:
        state = self._state
        return Checkpoint(
            execution_id=state.execution_id,
            key=call.key,
            name=call.name,
            position=call.position,
            branch_position=call.branch_position,
            kind=CheckpointKind.CHILD,
            attempt=call.next_attempt,
            epoch=state.execution.epoch,
            action=child.workflow_name,
            compensation=path_of(options.compensate) if options.compensate else "",
            input=child.input,
            idempotency_key=str(child.id),
            started_at=state.now(),
        )


def ring_for_children(needs: SliceNeeds, wait: Wait) -> None:
    """Have workers look at the children that were started with this wait."""
    for part in wait.parts or (wait,):
        for _, child in part.starting:
            if child.start_at is None:
                needs.wake(child.queue)
