"""One step: its recorded outcome, or intent → action → outcome.

External (default): at least once. The intent is committed before the action, the outcome after
it; a crash between the two runs the action again, with the same idempotency key.
Atomic: exactly once. The action's writes, the fence and the checkpoint are one transaction.
At most once: an intent that a crash left open fails the step instead of running it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.identifiers import idempotency_key
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.domain.status import CheckpointKind, CheckpointStatus, Interrupt, WaitKind
from durable_django.domain.wait import Wait
from durable_django.engine.action_runner import ActionTimedOut
from durable_django.engine.business_errors import BusinessErrors
from durable_django.engine.current_step import StepInfo, running
from durable_django.engine.map_result import as_plain
from durable_django.engine.records import Call
from durable_django.engine.retry_executor import RetryExecutor, Verdict
from durable_django.engine.slice_state import SliceState, error_of
from durable_django.engine.suspension import WorkflowInterrupted, WorkflowSuspended
from durable_django.engine.undoables import Undoable
from durable_django.engine.witnesses import path_of, tell_differences
from durable_django.exceptions import (
    CheckpointNotCommittedError,
    DefinitionError,
    PayloadError,
    StepFailedError,
    StepTimeoutError,
    UnknownOutcomeError,
)

_ZERO = timedelta(0)
#: Stands for "no fallback": None and every other value may be one.
NO_FALLBACK: Any = ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOptions:
    """What a call of `ctx.step` asks for; see there."""

    compensate: Callable[[Any], object] | None = None
    compensate_retry: RetryPolicy | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy.none)
    timeout: timedelta | None = None
    atomic: bool = False
    at_most_once: bool = False
    raises: tuple[type[Exception], ...] = ()
    serialize: Callable[[Any], Any] | None = None
    deserialize: Callable[[Any], Any] | None = None
    fallback: Any = NO_FALLBACK

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, where it is written."""
        if self.atomic and self.at_most_once:
            raise DefinitionError("A step is atomic (exactly once) or at_most_once, not both.")
        if self.at_most_once and self.retry.max_attempts > 1:
            raise DefinitionError(
                "An at_most_once step has one attempt: leave out its retry policy."
            )
        if self.timeout is not None and self.timeout <= _ZERO:
            raise DefinitionError("A step's timeout is longer than 0.")


class StepExecutor:
    """Runs the steps of one slice."""

    def __init__(self, state: SliceState, retries: RetryExecutor) -> None:
        self._state = state
        self._store = state.needs.store
        self._payloads = state.needs.payloads
        self._retries = retries
        self._business = BusinessErrors(state.needs.errors, self._payloads)

    def execute(
        self, name: str, action: Callable[..., Any], args: tuple[Any, ...], options: StepOptions
    ) -> Any:
        """Return the step's result; see `WorkflowContext.step`."""
        call = self._state.replay.enter(CheckpointKind.STEP, name)
        if call.settled is not None:
            tell_differences(call.settled, action, as_plain(args), self._payloads)
            return self.recorded(call, call.settled, options)
        self._state.check_may_begin()
        self._wait_for_retry(call)
        if options.at_most_once and call.open_intent is not None:
            return self._fail_unknown(call, call.open_intent, options)
        if options.fallback is not NO_FALLBACK:
            self._encode_fallback(call, options)  # refused, if at all, before anything runs
        text = (
            self._payloads.encode(as_plain(args), f"Arguments of step {call.key!r}") if args else ""
        )
        while True:
            attempt = self._new_attempt(call, action, text, options)
            outcome = self._attempt(call, attempt, partial(action, *args), options)
            if outcome is not None:
                return self.recorded(call, outcome, options)

    # --- what is known already ---

    def recorded(self, call: Call, outcome: Checkpoint, options: StepOptions) -> Any:
        """Return the result that is recorded, or raise the failure."""
        self._state.passed(call, outcome)
        if outcome.status is CheckpointStatus.FAILED:
            return self._recorded_failure(call, outcome, options)
        value = self._decode(call, outcome.output or "null", options)
        if options.compensate is not None:
            self._state.undoables[call.key] = Undoable(
                checkpoint=outcome,
                handler=options.compensate,
                result=value,
                retry=options.compensate_retry or self._state.needs.undo_retry,
                atomic=options.atomic,
                times_undone=call.times_undone,
            )
        return value

    def _recorded_failure(  # noqa: RET503 -- fail() raises
        self, call: Call, outcome: Checkpoint, options: StepOptions
    ) -> Any:
        if outcome.output is not None and options.fallback is not NO_FALLBACK:
            return self._state.decode(outcome.output, f"Fallback of step {call.key!r}")
        error = error_of(outcome)
        business = self._business.rebuild(error, options.raises)
        self._state.fail(call, business or step_error(call.key, error))

    def _decode(self, call: Call, text: str, options: StepOptions) -> Any:
        return self._state.decode(text, f"Result of step {call.key!r}", options.deserialize)

    def _wait_for_retry(self, call: Call) -> None:
        last = call.attempts[-1] if call.attempts else None
        if last is None or last.retry_at is None or last.retry_at <= self._state.claim.now:
            return
        self._suspend_until(call, last)

    def _suspend_until(self, call: Call, failed: Checkpoint) -> NoReturn:
        wait = Wait(kind=WaitKind.RETRY, name=call.name, key=call.key, alarm=failed.retry_at)
        self._state.stop(WorkflowSuspended(wait))

    def _fail_unknown(self, call: Call, intent: Checkpoint, options: StepOptions) -> Any:
        error = ErrorRecord(
            type="UnknownOutcomeError",
            message="a crash came between its beginning and its end: it may have run, or not",
            code="unknown_outcome",
            attempts=len(call.attempts),
        )
        outcome = self._close_failed(call, intent, error, None, options)
        return self.recorded(call, outcome, options)

    # --- one attempt ---

    def _new_attempt(
        self, call: Call, action: Callable[..., Any], text: str, options: StepOptions
    ) -> Checkpoint:
        if call.open_intent is not None:
            return call.open_intent
        return Checkpoint(
            execution_id=self._state.execution_id,
            key=call.key,
            name=call.name,
            position=call.position,
            branch_position=call.branch_position,
            kind=call.kind,
            attempt=call.next_attempt,
            epoch=self._state.execution.epoch,
            action=path_of(action),
            compensation=path_of(options.compensate) if options.compensate else "",
            input=text,
            input_digest=self._payloads.digest(text) if text else "",
            idempotency_key=idempotency_key(self._state.execution_id, call.key, call.times_undone),
            started_at=self._state.now(),
        )

    def _attempt(
        self, call: Call, attempt: Checkpoint, action: Callable[[], Any], options: StepOptions
    ) -> Checkpoint | None:
        """Run one attempt; return the step's outcome, or None to try again at once."""
        failures: list[Exception] = []

        def perform() -> Checkpoint:
            try:
                return self._perform(call, attempt, action, options)
            except Exception as error:  # the one boundary that records a step's failure
                failures.append(error)
                raise

        self._state.heed(self._begin(call, attempt, options))
        try:
            if options.atomic:
                return self._run_atomic(attempt, perform)
            return self._run_external(perform)
        except Exception as error:  # noqa: BLE001 -- the action's failure, or the database's
            if failures and not isinstance(error, CheckpointNotCommittedError):
                return self._failed(call, attempt, failures[0], options)
            self._state.abandon(error)

    def _begin(self, call: Call, attempt: Checkpoint, options: StepOptions) -> Interrupt | None:
        """Commit the intent, unless it says nothing new or the action is atomic with its outcome."""
        if not options.atomic and attempt is not call.open_intent:
            refused = self._state.write(
                self._store.record_intent,
                self._state.claim,
                attempt,
                must_survive=options.at_most_once,
            )
            if refused is not None:
                return refused
            self._state.replay.note(attempt)
        self._state.tell(lambda o: o.step_started(self._state.execution, attempt))
        return None

    def _run_external(self, perform: Callable[[], Checkpoint]) -> Checkpoint:
        outcome = perform()
        self._store.record_outcome(self._state.claim, outcome)
        return self._completed(outcome)

    def _run_atomic(self, attempt: Checkpoint, perform: Callable[[], Checkpoint]) -> Checkpoint:
        outcome = self._store.run_atomic(self._state.claim, attempt, perform)
        if isinstance(outcome, Interrupt):
            self._state.stop(WorkflowInterrupted(outcome))
        return self._completed(outcome)

    def _perform(
        self, call: Call, attempt: Checkpoint, action: Callable[[], Any], options: StepOptions
    ) -> Checkpoint:
        info = StepInfo(
            execution_id=attempt.execution_id,
            key=call.key,
            attempt=attempt.attempt,
            idempotency_key=attempt.idempotency_key,
        )
        # An atomic action must stay on the thread whose connection holds the transaction.
        timeout = None if options.atomic else options.timeout
        begun = self._state.now()
        with running(info):
            value = self._state.run_action(action, timeout)
        if options.atomic and options.timeout and self._state.now() - begun > options.timeout:
            raise ActionTimedOut(options.timeout)
        text = self._encode(call, value, options)
        return replace(
            attempt,
            status=CheckpointStatus.COMPLETED,
            output=text,
            completed_at=self._state.now(),
        )

    def _encode(self, call: Call, value: Any, options: StepOptions) -> str:
        what = f"Result of step {call.key!r}"
        # There and back: what could be written and never read again is refused before it is.
        text, _ = self._payloads.round_trip(value, what, options.serialize, options.deserialize)
        return text

    def _encode_fallback(self, call: Call, options: StepOptions) -> str:
        return self._payloads.encode(options.fallback, f"Fallback of step {call.key!r}")

    def _completed(self, outcome: Checkpoint) -> Checkpoint:
        self._state.wrote(outcome)
        self._state.tell(lambda o: o.step_completed(self._state.execution, outcome))
        return outcome

    # --- failure ---

    def _failed(
        self, call: Call, attempt: Checkpoint, error: Exception, options: StepOptions
    ) -> Checkpoint | None:
        tried = sum(1 for row in call.attempts if row.attempt != attempt.attempt) + 1
        verdict = self._retries.judge(options.retry, error, tried, business=options.raises)
        if isinstance(error, options.raises):
            record = self._business.record(error, options.raises, attempts=tried)
        else:
            record = self._state.needs.errors.record(error, code=code_of(error), attempts=tried)
        outcome = self._close_failed(call, attempt, record, verdict, options)
        if outcome.is_final:
            return outcome
        if verdict.delay:
            self._suspend_until(call, outcome)
        return None

    def _close_failed(
        self,
        call: Call,
        attempt: Checkpoint,
        error: ErrorRecord,
        verdict: Verdict | None,
        options: StepOptions,
    ) -> Checkpoint:
        delay = verdict.delay if verdict is not None else None
        now = self._state.now()
        fallback = None
        if delay is None and options.fallback is not NO_FALLBACK:
            fallback = self._encode_fallback(call, options)
        outcome = replace(
            attempt,
            status=CheckpointStatus.FAILED,
            error=error.to_text(),
            output=fallback,
            is_final=delay is None,
            retry_at=None if delay is None else now + delay,
            completed_at=now,
        )
        self._state.write(self._store.record_outcome, self._state.claim, outcome)
        self._state.wrote(outcome)
        if delay is None:
            self._state.tell(lambda o: o.step_failed(self._state.execution, outcome))
        else:
            self._state.tell(lambda o: o.step_retried(self._state.execution, outcome, delay))
        return outcome


def step_error(key: str, error: ErrorRecord) -> StepFailedError:
    """Return the error that the body sees for a step that failed for good."""
    classes = {"timeout": StepTimeoutError, "unknown_outcome": UnknownOutcomeError}
    cls = classes.get(error.code, StepFailedError)
    return cls(key, error.type, error.message, error.attempts)


def code_of(error: Exception) -> str:
    """Say in one word what kind of failure this is, where the type does not."""
    if isinstance(error, ActionTimedOut):
        return "timeout"
    return "payload" if isinstance(error, PayloadError) else ""
