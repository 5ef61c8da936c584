"""Human tasks: ask a person, and wait for the answer, holding no worker.

The task's row is the truth: a completed one is an answer, however late it is looked at. Its
timeout is a durable timer; when to remind and to escalate is in the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.identifiers import new_id
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ParkReason,
    TaskStatus,
    WaitKind,
)
from durable_django.domain.task import NewTask, Task, TaskAnswer
from durable_django.domain.wait import Suspension, Wait
from durable_django.engine.records import Call
from durable_django.engine.signal_manager import NO_DEFAULT
from durable_django.engine.slice_state import SliceState, error_of
from durable_django.engine.suspension import WorkflowParked, WorkflowSuspended
from durable_django.engine.task_answers import read_answer, with_answer
from durable_django.engine.task_options import TaskOptions
from durable_django.engine.task_times import earliest, is_due, timed
from durable_django.exceptions import (
    PayloadError,
    TaskCancelledError,
    TaskNotFoundError,
    TaskTimeoutError,
)

#: Codes of recorded failures.
_TIMEOUT, _CANCELLED, _WITHDRAWN = "timeout", "cancelled", "withdrawn"


class TaskManager:
    """Serves the questions of one slice."""

    def __init__(self, state: SliceState) -> None:
        self._state = state
        self._store = state.needs.store

    def ask(  # noqa: RET503 -- fail() raises
        self, name: str, read: Callable[[], TaskOptions], default: Any
    ) -> Any:
        """Return the `TaskAnswer`, or the default; see `TaskCalls.ask`.

        What is asked is read when it is asked first: later it may read otherwise, or not at all.
        """
        call = self._state.replay.enter(CheckpointKind.TASK, name)
        outcome = call.settled
        if outcome is None:
            self._state.check_may_begin()
            outcome = self._settle(call, read)
        self._state.passed(call, outcome)
        if outcome.status is not CheckpointStatus.FAILED:
            return self._answer(call, outcome)
        error = error_of(outcome)
        if error.code == _CANCELLED:
            cancelled = TaskCancelledError(self._state.execution_id, name, error.message, call.key)
            self._state.fail(call, cancelled)
        if default is not NO_DEFAULT:
            return default
        self._state.fail(call, TaskTimeoutError(self._state.execution_id, name, call.key))

    def _answer(self, call: Call, outcome: Checkpoint) -> TaskAnswer:
        what = f"Answer of task {call.name!r}"
        answer: TaskAnswer = self._state.decode(outcome.output or "null", what, read_answer)
        return answer

    # --- what has become of the task ---

    def _settle(self, call: Call, read: Callable[[], TaskOptions]) -> Checkpoint:
        """Return the call's outcome, or leave the body to wait for it."""
        while True:
            attempt = call.open_intent
            if attempt is None:
                self._open(call, read())
            task = self._find(attempt)
            if task is None or _is_withdrawn(task):
                self._set_aside(attempt)
                continue
            outcome = self._look_at(call, attempt, task)
            if outcome is not None:
                return outcome

    def _find(self, attempt: Checkpoint) -> Task | None:
        """Return the attempt's task as it is now; None if its row is gone."""

        def find() -> Task | None:
            try:
                return self._store.load_task(UUID(attempt.idempotency_key))
            except TaskNotFoundError:
                return None

        return self._state.write(find)

    def _look_at(self, call: Call, attempt: Checkpoint, task: Task) -> Checkpoint | None:
        """Return the outcome; None if there is news to look at, else leave to wait."""
        if task.status is TaskStatus.COMPLETED:
            return self._complete(call, attempt, task)
        if task.status is TaskStatus.CANCELLED:
            return self._fail(call, _failed(attempt, _cancellation(task), self._state.now()))
        if is_due(self._ends_at(call, task), self._state.claim.now):
            return self._expire(call, attempt)
        task = self._remind(attempt, self._escalate(attempt, task))
        if task.status.is_active:
            self._wait(call, task)
        return None

    def _complete(self, call: Call, attempt: Checkpoint, task: Task) -> Checkpoint:
        state = self._state
        try:
            outcome = with_answer(state.needs.payloads, attempt, task, state.now())
        except PayloadError as error:
            # The answer was accepted: a person raises the limit, and retries.
            state.stop(WorkflowParked(ParkReason.PAYLOAD, state.needs.errors.record(error)))
        except Exception as error:  # noqa: BLE001 -- what a codec needs may be away
            state.abandon(error)
        self._close(call, outcome)
        state.tell(lambda o: o.step_completed(state.execution, outcome))
        return outcome

    def _fail(self, call: Call, outcome: Checkpoint) -> Checkpoint:
        self._close(call, outcome)
        self._state.tell(lambda o: o.step_failed(self._state.execution, outcome))
        return outcome

    def _close(self, call: Call, outcome: Checkpoint) -> None:
        self._state.write(self._store.record_outcome, self._state.claim, outcome)
        self._state.claim.timers.pop(call.key, None)
        self._state.wrote(outcome)

    def _expire(self, call: Call, attempt: Checkpoint) -> Checkpoint | None:
        """Record that the time was up; None if the task was over before, or there is news."""
        state = self._state
        error = ErrorRecord(
            type="TaskTimeoutError", message="nobody answered in time", code=_TIMEOUT
        )
        outcome = _failed(attempt, error, state.now())
        answer = state.write(self._store.expire_task, state.claim, outcome)
        if answer is Suspension.SIGNALLED:
            return None
        if not isinstance(answer, Suspension):
            state.heed(answer)
        state.claim.timers.pop(call.key, None)
        state.wrote(outcome)
        state.tell(lambda o: o.step_failed(state.execution, outcome))
        return outcome

    def _set_aside(self, attempt: Checkpoint) -> None:
        """Close the attempt whose task ended with its execution: the retried call asks anew."""
        error = ErrorRecord(
            type="TaskWithdrawn", message="it ended with its execution", code=_WITHDRAWN
        )
        outcome = replace(_failed(attempt, error, self._state.now()), is_final=False)
        self._state.write(self._store.record_outcome, self._state.claim, outcome)
        self._state.wrote(outcome)

    # --- while nobody answers ---

    def _remind(self, attempt: Checkpoint, task: Task) -> Task:
        """Remind of the task if it is time to, and return it as it is then."""
        state = self._state
        if not is_due(task.remind_at, state.claim.now) or not task.status.is_active:
            return task
        state.heed(state.write(self._store.remind_task, state.claim, task.id))
        after = self._find(attempt) or task
        if after.reminders > task.reminders:
            state.tell(lambda o: o.task_reminded(state.execution, after))
        return after

    def _escalate(self, attempt: Checkpoint, task: Task) -> Task:
        """Escalate the task if it is time to, and return it as it is then."""
        state = self._state
        if not is_due(task.escalate_at, state.claim.now):
            return task
        state.heed(state.write(self._store.escalate_task, state.claim, task.id))
        after = self._find(attempt) or task
        if after.escalated_at is not None:
            state.tell(lambda o: o.task_escalated(state.execution, after))
        return after

    def _ends_at(self, call: Call, task: Task) -> datetime | None:
        """Return when its time is up: as the row says, or earlier if the timer was hastened."""
        timer = self._state.claim.timers.get(call.key)
        return earliest(task.expires_at, None if timer is None else timer.fire_at)

    def _wait(self, call: Call, task: Task) -> NoReturn:
        beside = earliest(task.remind_at, task.escalate_at)
        wait = Wait(kind=WaitKind.TASK, name=call.key, key=call.key)
        if call.key in self._state.claim.timers:
            wait = replace(wait, alarm=earliest(self._ends_at(call, task), beside))
        else:
            # Without a timer: opened while other branches were busy, if it has an end at all.
            wait = timed(wait, task.expires_at, beside, self._state.now())
        self._state.stop(WorkflowSuspended(wait))

    # --- asking ---

    def _open(self, call: Call, options: TaskOptions) -> NoReturn:
        state = self._state
        new = self._new_task(call, options)
        attempt = Checkpoint(
            execution_id=state.execution_id,
            key=call.key,
            name=call.name,
            position=call.position,
            branch_position=call.branch_position,
            kind=CheckpointKind.TASK,
            attempt=call.next_attempt,
            epoch=state.execution.epoch,
            action=options.form,
            idempotency_key=str(new.id),
        )
        delays = [d for d in (options.remind, options.escalate_after) if d is not None]
        now = state.now()
        wait = Wait(kind=WaitKind.TASK, name=call.key, key=call.key, asking=((attempt, new),))
        beside = now + min(delays) if delays else None
        ends_at = None if options.timeout is None else now + options.timeout
        if state.share is not None:
            # The execution may wait much later, when other branches have come as far as they can.
            wait = timed(wait, ends_at, beside, now)
        else:
            wait = replace(
                wait,
                after=options.timeout,
                registers_timer=options.timeout is not None,
                alarm=beside,
            )
        state.stop(WorkflowSuspended(wait))

    def _new_task(self, call: Call, options: TaskOptions) -> NewTask:
        what = f"Display of task {call.name!r}"
        # One object a line: an object's own keys are sorted when it is stored.
        lines = [{label: value} for label, value in options.display.items()]
        display = self._state.needs.payloads.encode(lines, what) if lines else ""
        return NewTask(
            id=new_id(),
            execution_id=self._state.execution_id,
            key=call.key,
            name=call.name,
            title=options.title,
            description=options.description,
            display=display,
            form=options.form,
            fields=options.fields,
            assignee=options.assignee,
            candidates=options.candidates,
            not_by=options.not_by,
            priority=options.priority,
            due=options.due,
            timeout=options.timeout,
            remind_every=options.remind,
            escalate_after=options.escalate_after,
            escalate_to=options.escalate_to,
        )


def _failed(attempt: Checkpoint, error: ErrorRecord, now: datetime) -> Checkpoint:
    return replace(
        attempt,
        status=CheckpointStatus.FAILED,
        is_final=True,
        error=error.to_text(),
        completed_at=now,
    )


def _is_withdrawn(task: Task) -> bool:
    """Say whether nobody decided about the task: it went with an end that a retry took back."""
    return task.status in (TaskStatus.CANCELLED, TaskStatus.EXPIRED) and task.actor is None


def _cancellation(task: Task) -> ErrorRecord:
    reason = f": {task.comment}" if task.comment else ""
    return ErrorRecord(
        type="TaskCancelledError", message=f"by {task.actor}{reason}", code=_CANCELLED
    )
