"""Undo what was done: completed steps that have an undo, newest first.

Each undo is itself a checkpointed, retried step that is given the step's result. One that fails
for good does not stop the rest; the execution is then parked with the list of what is not undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.identifiers import idempotency_key
from durable_django.domain.status import CheckpointKind, CheckpointStatus, ParkReason, WaitKind
from durable_django.domain.wait import Wait
from durable_django.engine.current_step import StepInfo, running
from durable_django.engine.records import Call
from durable_django.engine.retry_executor import RetryExecutor
from durable_django.engine.slice_state import SliceState, error_of
from durable_django.engine.step_executor import code_of
from durable_django.engine.suspension import WorkflowParked, WorkflowSuspended
from durable_django.engine.undoables import Undoable
from durable_django.engine.witnesses import path_of
from durable_django.exceptions import CheckpointNotCommittedError, NonDeterminismError


class SagaCompensator:
    """Runs the undos of one slice."""

    def __init__(self, state: SliceState, retries: RetryExecutor) -> None:
        self._state = state
        self._store = state.needs.store
        self._retries = retries

    def compensate(self) -> dict[str, str]:
        """Undo everything that is not undone yet; return what could not be, with its error.

        Raises:
            WorkflowSuspended: An undo failed and is tried again later.
            WorkflowParked: A completed step says it has an undo, and the code gave none.
        """
        failed: dict[str, str] = {}
        self._check_all_known()
        # In the reverse order of the walk through the body.
        for told in reversed(list(self._state.undoables.values())):
            if isinstance(told, Undoable):
                failed |= self._undo_all([told])
                continue
            of_items = self._undo_all(told.newest_first())
            failed |= of_items
            if told.whole is not None and not of_items:
                self._mark_undone(told.whole)
        return failed

    def _undo_all(self, undoables: Iterable[Undoable]) -> dict[str, str]:
        failed: dict[str, str] = {}
        for undoable in undoables:
            # What is COMPENSATED was undone before, in this epoch or in one that ended in a park.
            if undoable.checkpoint.status is not CheckpointStatus.COMPLETED:
                continue
            call = self._state.replay.enter_undo(undoable.checkpoint)
            outcome = call.settled or self._undo(call, undoable)
            if outcome.status is CheckpointStatus.FAILED:
                failed[undoable.checkpoint.key] = str(error_of(outcome))
        return failed

    def _mark_undone(self, whole: Checkpoint) -> None:
        """Note of a completed map that all of it is undone: if it is made again, it begins anew."""
        call = self._state.replay.enter_undo(whole)
        if whole.status is not CheckpointStatus.COMPLETED or call.settled is not None:
            return
        now = self._state.now()
        undo = replace(
            self._new_attempt(call, whole.compensation, call.times_undone),
            status=CheckpointStatus.COMPLETED,
            output="null",
            completed_at=now,
        )
        self._state.write(self._store.record_undo, self._state.claim, undo, whole)
        self._state.wrote(undo)

    def _check_all_known(self) -> None:
        for recorded in self._state.claim.checkpoints:
            if (
                recorded.status is CheckpointStatus.COMPLETED
                and recorded.compensation
                and recorded.key not in self._state.undoables
            ):
                error = NonDeterminismError(
                    self._state.execution_id,
                    recorded.position,
                    f"step {recorded.key!r}, undone by {recorded.compensation}",
                    "no such step with an undo",
                )
                record = self._state.needs.errors.record(error)
                self._state.stop(WorkflowParked(ParkReason.NONDETERMINISM, record))

    def _undo(self, call: Call, undoable: Undoable) -> Checkpoint:
        self._wait_for_retry(call)
        while True:
            attempt = call.open_intent or self._new_attempt(
                call, path_of(undoable.handler), undoable.times_undone
            )
            outcome = self._attempt(call, attempt, undoable)
            if outcome is not None:
                return outcome

    def _wait_for_retry(self, call: Call) -> None:
        last = call.attempts[-1] if call.attempts else None
        if last is not None and last.retry_at and last.retry_at > self._state.claim.now:
            self._suspend_until(call, last)

    def _suspend_until(self, call: Call, failed: Checkpoint) -> NoReturn:
        wait = Wait(kind=WaitKind.RETRY, name=call.key, key=call.key, alarm=failed.retry_at)
        self._state.stop(WorkflowSuspended(wait))

    def _new_attempt(self, call: Call, action: str, times_undone: int) -> Checkpoint:
        return Checkpoint(
            execution_id=self._state.execution_id,
            key=call.key,
            name=call.name,
            position=call.position,
            branch_position=call.branch_position,
            kind=CheckpointKind.UNDO,
            attempt=call.next_attempt,
            epoch=self._state.execution.epoch,
            action=action,
            idempotency_key=idempotency_key(self._state.execution_id, call.key, times_undone),
            started_at=self._state.now(),
        )

    def _attempt(self, call: Call, attempt: Checkpoint, undoable: Undoable) -> Checkpoint | None:
        if not self._state.needs.may_begin(self._state.claim):
            self._state.lose_lease()
        failures: list[Exception] = []

        def perform() -> Checkpoint:
            try:
                return self._perform(attempt, undoable)
            except Exception as error:  # the boundary that records an undo's failure
                failures.append(error)
                raise

        if not undoable.atomic and attempt is not call.open_intent:
            self._state.write(self._store.record_intent, self._state.claim, attempt)
            self._state.replay.note(attempt)
        try:
            outcome = self._run(attempt, undoable, perform)
        except Exception as error:  # noqa: BLE001 -- the action's failure, or the database's
            if failures and not isinstance(error, CheckpointNotCommittedError):
                return self._failed(call, attempt, failures[0], undoable)
            self._state.abandon(error)
        self._state.wrote(outcome)
        self._state.tell(lambda o: o.step_compensated(self._state.execution, outcome))
        return outcome

    def _run(
        self, attempt: Checkpoint, undoable: Undoable, perform: Callable[[], Checkpoint]
    ) -> Checkpoint:
        claim, undone = self._state.claim, undoable.checkpoint
        if undoable.atomic:
            return self._store.run_atomic_undo(claim, attempt, undone, perform)
        outcome = perform()
        self._store.record_undo(claim, outcome, undone)
        return outcome

    def _perform(self, attempt: Checkpoint, undoable: Undoable) -> Checkpoint:
        info = StepInfo(
            execution_id=attempt.execution_id,
            key=attempt.key,
            attempt=attempt.attempt,
            idempotency_key=attempt.idempotency_key,
        )
        with running(info):
            self._state.needs.actions.run(lambda: undoable.handler(undoable.result), None)
        return replace(
            attempt,
            status=CheckpointStatus.COMPLETED,
            output="null",
            completed_at=self._state.now(),
        )

    def _failed(
        self, call: Call, attempt: Checkpoint, error: Exception, undoable: Undoable
    ) -> Checkpoint | None:
        tried = sum(1 for row in call.attempts if row.attempt != attempt.attempt) + 1
        verdict = self._retries.judge(undoable.retry, error, tried)
        record = self._state.needs.errors.record(error, code=code_of(error), attempts=tried)
        now = self._state.now()
        outcome = replace(
            attempt,
            status=CheckpointStatus.FAILED,
            error=record.to_text(),
            is_final=verdict.is_final,
            retry_at=None if verdict.delay is None else now + verdict.delay,
            completed_at=now,
        )
        self._state.write(self._store.record_outcome, self._state.claim, outcome)
        self._state.wrote(outcome)
        return self._follow(call, outcome, verdict.delay)

    def _follow(
        self, call: Call, outcome: Checkpoint, delay: timedelta | None
    ) -> Checkpoint | None:
        execution = self._state.execution
        if delay is None:
            self._state.tell(lambda o: o.step_failed(execution, outcome))
            return outcome
        self._state.tell(lambda o: o.step_retried(execution, outcome, delay))
        if delay:
            self._suspend_until(call, outcome)
        return None
