"""Wait for signals: consume one that is there, or wait for it, or record that none came in time.

Consumption and its checkpoint are one transaction, and so are a timeout and its checkpoint: a
signal that comes later stays for the next wait of its name.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.signal import Signal, topic_of
from durable_django.domain.status import CheckpointKind, CheckpointStatus, WaitKind
from durable_django.domain.wait import Suspension, Wait, check_wait
from durable_django.engine.records import Call
from durable_django.engine.slice_state import SliceState
from durable_django.engine.suspension import WorkflowSuspended
from durable_django.exceptions import SignalTimeoutError

#: Stands for "no default": None and every other value may be one.
NO_DEFAULT: Any = ...


class SignalManager:
    """Serves the waits of one slice."""

    def __init__(self, state: SliceState) -> None:
        self._state = state

    def wait(
        self, name: str, timeout: timedelta | None, default: Any, mailbox: str | None = None
    ) -> Any:
        """Return the payload of the next signal of this name; see `WorkflowContext.wait_signal`.

        `mailbox` is the signal's name, where the call has another.
        """
        return self._wait(CheckpointKind.SIGNAL, name, mailbox or name, timeout, default)

    def wait_event(
        self, name: str, event: str, key: str, timeout: timedelta | None, default: Any
    ) -> Any:
        """Return the payload of the next broadcast; see `WorkflowContext.wait_event`."""
        return self._wait(CheckpointKind.EVENT, name, topic_of(event, key), timeout, default)

    def _wait(  # noqa: RET503 -- fail() raises
        self,
        kind: CheckpointKind,
        name: str,
        mailbox: str,
        timeout: timedelta | None,
        default: Any,
    ) -> Any:
        if timeout is not None:
            check_wait(f"Wait for {name!r}", timeout)
        call = self._state.replay.enter(kind, name)
        outcome = call.settled
        if outcome is None:
            self._state.check_may_begin()
            outcome = self._settle(call, mailbox, timeout)
        self._state.passed(call, outcome)
        if outcome.status is not CheckpointStatus.FAILED:
            return self._state.decode(outcome.output or "null", f"Payload of {kind} {name!r}")
        if default is not NO_DEFAULT:
            return default
        self._state.fail(call, SignalTimeoutError(self._state.execution_id, name, call.key))

    def _settle(self, call: Call, mailbox: str, timeout: timedelta | None) -> Checkpoint:
        """Return the wait's outcome, or leave the body to wait for one."""
        while True:
            signal = self._next_signal(mailbox)
            if signal is not None:
                return self._deliver(call, signal)
            timer = self._state.claim.timers.get(call.key)
            if timer is None or timer.fire_at > self._state.claim.now:
                self._suspend(call, mailbox, timeout)
            outcome = self._expire(call)
            if outcome is not None:
                return outcome

    def _next_signal(self, mailbox: str) -> Signal | None:
        return next((s for s in self._state.claim.signals if s.name == mailbox), None)

    def _deliver(self, call: Call, signal: Signal) -> Checkpoint:
        state = self._state
        checkpoint = replace(self._new_checkpoint(call), output=signal.payload)
        state.heed(state.write(state.needs.store.deliver_signal, state.claim, checkpoint, signal))
        state.claim.signals.remove(signal)
        state.claim.timers.pop(call.key, None)
        state.wrote(checkpoint)
        state.tell(lambda o: o.step_completed(state.execution, checkpoint))
        return checkpoint

    def _expire(self, call: Call) -> Checkpoint | None:
        state = self._state
        error = ErrorRecord(type="SignalTimeoutError", message="none came in time", code="timeout")
        checkpoint = replace(
            self._new_checkpoint(call),
            status=CheckpointStatus.FAILED,
            is_final=True,
            error=error.to_text(),
        )
        answer = state.write(state.needs.store.expire_wait, state.claim, checkpoint)
        if answer is Suspension.SIGNALLED:
            return None
        if not isinstance(answer, Suspension):
            state.heed(answer)
        state.claim.timers.pop(call.key, None)
        state.wrote(checkpoint)
        state.tell(lambda o: o.step_failed(state.execution, checkpoint))
        return checkpoint

    def _suspend(self, call: Call, mailbox: str, timeout: timedelta | None) -> None:
        timer = self._state.claim.timers.get(call.key)
        is_event = call.kind is CheckpointKind.EVENT
        wait = Wait(
            kind=WaitKind.EVENT if is_event else WaitKind.SIGNAL,
            name=mailbox,
            key=call.key,
            alarm=timer.fire_at if timer is not None else None,
            after=timeout if timer is None else None,
            registers_timer=timer is None and timeout is not None,
            topic=mailbox if is_event else "",
        )
        self._state.stop(WorkflowSuspended(wait))

    def _new_checkpoint(self, call: Call) -> Checkpoint:
        now = self._state.now()
        return Checkpoint(
            execution_id=self._state.execution_id,
            key=call.key,
            name=call.name,
            position=call.position,
            branch_position=call.branch_position,
            kind=call.kind,
            attempt=call.next_attempt,
            epoch=self._state.execution.epoch,
            status=CheckpointStatus.COMPLETED,
            started_at=now,
            completed_at=now,
        )
