"""Poll: make a check again and again, at intervals that hold no worker, until it says yes.

A check that says no leaves no row: its attempt stays open, and a crash makes it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NoReturn

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.identifiers import idempotency_key
from durable_django.domain.status import CheckpointKind, CheckpointStatus, WaitKind
from durable_django.domain.wait import Wait, check_wait
from durable_django.engine.current_step import StepInfo, running
from durable_django.engine.records import Call
from durable_django.engine.signal_manager import NO_DEFAULT
from durable_django.engine.slice_state import SliceState, error_of
from durable_django.engine.step_executor import step_error
from durable_django.engine.suspension import WorkflowSuspended
from durable_django.engine.witnesses import path_of
from durable_django.exceptions import DefinitionError, PollTimeoutError

_TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True, kw_only=True)
class PollOptions:
    """What a call of `ctx.poll` asks for; see there."""

    every: timedelta
    timeout: timedelta | None = None
    default: Any = NO_DEFAULT
    retry_on: tuple[type[Exception], ...] = ()


class PollManager:
    """Makes the checks of one slice."""

    def __init__(self, state: SliceState) -> None:
        self._state = state
        self._store = state.needs.store

    def poll(self, name: str, check: Callable[[], Any], options: PollOptions) -> Any:  # noqa: RET503 -- fail() raises
        """Return what the check said at last; see `WorkflowContext.poll`."""
        _check(name, options)
        call = self._state.replay.enter(CheckpointKind.POLL, name)
        outcome = call.settled
        if outcome is None:
            self._state.check_may_begin()
            outcome = self._settle(call, check, options)
        self._state.passed(call, outcome)
        if outcome.status is not CheckpointStatus.FAILED:
            return self._state.decode(outcome.output or "null", f"Result of poll {call.key!r}")
        error = error_of(outcome)
        if error.code != _TIMEOUT:
            self._state.fail(call, step_error(call.key, error))
        if options.default is not NO_DEFAULT:
            return options.default
        self._state.fail(call, PollTimeoutError(self._state.execution_id, call.key))

    def _settle(self, call: Call, check: Callable[[], Any], options: PollOptions) -> Checkpoint:
        attempt = call.open_intent or self._begin(call, check)
        self._wait_for_next(call, attempt, options)
        outcome = self._check_once(attempt, check, options)
        if outcome is None:
            if not self._is_late(attempt, options):
                self._wait(call, attempt, self._state.now() + options.every, options)
            outcome = self._late(attempt)
        self._record(outcome)
        return outcome

    def _begin(self, call: Call, check: Callable[[], Any]) -> Checkpoint:
        state = self._state
        attempt = Checkpoint(
            execution_id=state.execution_id,
            key=call.key,
            name=call.name,
            position=call.position,
            branch_position=call.branch_position,
            kind=CheckpointKind.POLL,
            attempt=call.next_attempt,
            epoch=state.execution.epoch,
            action=path_of(check),
            idempotency_key=idempotency_key(state.execution_id, call.key),
            started_at=state.now(),
        )
        state.heed(state.write(self._store.record_intent, state.claim, attempt))
        state.opened(attempt)
        return attempt

    def _wait_for_next(self, call: Call, attempt: Checkpoint, options: PollOptions) -> None:
        """Leave the body if it is too early to check again, and not too late either."""
        due = attempt.retry_at
        if due is None or due <= self._state.claim.now or self._is_late(attempt, options):
            return
        self._wait(call, attempt, due, options)

    def _wait(
        self, call: Call, attempt: Checkpoint, due: datetime, options: PollOptions
    ) -> NoReturn:
        deadline = self._deadline(attempt, options)
        wait = Wait(
            kind=WaitKind.POLL,
            name=call.key,
            key=call.key,
            alarm=due if deadline is None else min(due, deadline),
            postponed=replace(attempt, retry_at=due) if attempt.retry_at != due else None,
        )
        self._state.stop(WorkflowSuspended(wait))

    def _deadline(self, attempt: Checkpoint, options: PollOptions) -> datetime | None:
        if options.timeout is None or attempt.started_at is None:
            return None
        return attempt.started_at + options.timeout

    def _is_late(self, attempt: Checkpoint, options: PollOptions) -> bool:
        deadline = self._deadline(attempt, options)
        return deadline is not None and deadline <= self._state.now()

    def _check_once(
        self, attempt: Checkpoint, check: Callable[[], Any], options: PollOptions
    ) -> Checkpoint | None:
        """Return the outcome, if the check says yes or breaks; None for "not yet"."""
        state = self._state
        info = StepInfo(
            execution_id=attempt.execution_id,
            key=attempt.key,
            attempt=attempt.attempt,
            idempotency_key=attempt.idempotency_key,
        )
        try:
            with running(info):
                value = state.run_action(check, None)
            if not value:
                return None
            what = f"Result of poll {attempt.key!r}"
            text, _ = state.needs.payloads.round_trip(value, what, None, None)
        except options.retry_on:
            return None
        except Exception as error:  # noqa: BLE001 -- the boundary that records a check's failure
            return self._failed(attempt, state.needs.errors.record(error))
        return replace(
            attempt, status=CheckpointStatus.COMPLETED, output=text, completed_at=state.now()
        )

    def _late(self, attempt: Checkpoint) -> Checkpoint:
        message = "the check did not say yes in time"
        return self._failed(
            attempt, ErrorRecord(type="PollTimeoutError", message=message, code=_TIMEOUT)
        )

    def _failed(self, attempt: Checkpoint, error: ErrorRecord) -> Checkpoint:
        return replace(
            attempt,
            status=CheckpointStatus.FAILED,
            is_final=True,
            retry_at=None,
            error=error.to_text(),
            completed_at=self._state.now(),
        )

    def _record(self, outcome: Checkpoint) -> None:
        state = self._state
        state.write(self._store.record_outcome, state.claim, outcome)
        state.wrote(outcome)
        if outcome.status is CheckpointStatus.FAILED:
            state.tell(lambda o: o.step_failed(state.execution, outcome))
        else:
            state.tell(lambda o: o.step_completed(state.execution, outcome))


def _check(name: str, options: PollOptions) -> None:
    check_wait(f"Poll {name!r}", options.every)
    if not options.every:
        raise DefinitionError(f"Poll {name!r}: every is longer than 0.")
    if options.timeout is not None:
        check_wait(f"Poll {name!r}", options.timeout)
