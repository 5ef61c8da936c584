"""What people and programs do to an execution from outside, each act with its event.

An act and the event that tells of it are one transaction, which joins the caller's. A start or a
signal by nobody in particular has no event: its own row tells of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.event import CODE, MAX_REASON_LENGTH, Actor, EventType, NewEvent
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.identifiers import check_key, check_name, new_id
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus, Guarantee
from durable_django.engine.current_step import find_current_step
from durable_django.engine.forking import ForkPlan, plan_fork
from durable_django.engine.registry import Registry
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import DurableCallError, TimerNotFoundError
from durable_django.ports.checkpoint_store import CheckpointStore


class _Unchanged:
    """Says "the input of the origin", which no input can."""


UNCHANGED = _Unchanged()


class Acts:
    """The acts on executions; see `client` for what each promises."""

    def __init__(
        self,
        store: CheckpointStore,
        payloads: Payloads,
        registry: Registry,
        *,
        wake: Callable[[str], None] | None,
        transaction_depth: Callable[[], int],
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._registry = registry
        self._wake = wake
        self._transaction_depth = transaction_depth

    def send_signal(
        self,
        execution_id: UUID,
        name: str,
        payload: Any = None,
        *,
        dedupe_key: str | None = None,
        reason: str = "",
        by: Actor = CODE,
    ) -> tuple[Signal, bool]:
        """Send a signal; return it and whether it is new."""
        check_name("signal", name)
        if dedupe_key is not None:
            check_key("dedupe key", dedupe_key)
        text = self._payloads.encode(payload, f"Payload of signal {name!r}")

        def act() -> tuple[Signal, bool]:
            signal, is_new = self._store.add_signal(execution_id, name, text, dedupe_key)
            if is_new and by != CODE:
                details = {"name": name, "position": signal.position}
                self._note(execution_id, EventType.SIGNALLED, by, reason, details)
            return signal, is_new

        # Without an event the store's own transaction is enough.
        signal, is_new = act() if by == CODE else self._store.transact(act)
        if is_new:
            self._wake_for(execution_id)
        return signal, is_new

    def cancel(
        self, execution_id: UUID, *, reason: str = "", compensate: bool = True, by: Actor = CODE
    ) -> bool:
        """Ask for the execution to be cancelled; return whether this call was the first."""
        self._refuse_from_own_transaction(execution_id, "cancel")
        reason = reason[:MAX_REASON_LENGTH]

        def act() -> bool:
            is_new = self._store.request_cancel(execution_id, reason, compensates=compensate)
            if is_new:
                details = {"compensate": compensate}
                self._note(execution_id, EventType.CANCEL_REQUESTED, by, reason, details)
            return is_new

        return self._woken(execution_id, self._store.transact(act))

    def pause(self, execution_id: UUID, *, reason: str = "", by: Actor = CODE) -> bool:
        """Ask for the execution to be paused; return whether anything changed."""
        self._refuse_from_own_transaction(execution_id, "pause")

        def act() -> bool:
            is_new = self._store.request_pause(execution_id)
            if is_new:
                self._note(execution_id, EventType.PAUSE_REQUESTED, by, reason)
            return is_new

        return self._store.transact(act)

    def resume(self, execution_id: UUID, *, reason: str = "", by: Actor = CODE) -> bool:
        """Let a paused execution go on; return whether anything changed."""

        def act() -> bool:
            is_new = self._store.resume(execution_id)
            if is_new:
                self._note(execution_id, EventType.RESUMED, by, reason)
            return is_new

        return self._woken(execution_id, self._store.transact(act))

    def retry(self, execution_id: UUID, *, reason: str = "", by: Actor = CODE) -> ExecutionStatus:
        """Let a FAILED or PARKED execution run again; return its new status."""

        def act() -> ExecutionStatus:
            before = self._store.load_execution(execution_id)
            status = self._store.retry(execution_id)
            self._note(execution_id, EventType.RETRIED, by, reason, _what_ended(before))
            return status

        status = self._store.transact(act)
        self._wake_for(execution_id)
        return status

    def fire_timer(
        self, execution_id: UUID, key: str, *, reason: str = "", by: Actor = CODE
    ) -> None:
        """Have a sleep, a wait's timeout or the delay before a retry be over now."""

        def act() -> None:
            if not self._store.hasten(execution_id, key):
                raise TimerNotFoundError(execution_id, key)
            self._note(execution_id, EventType.TIMER_FIRED, by, reason, {"key": key})

        self._store.transact(act)
        self._wake_for(execution_id)

    def plan_fork(
        self, execution_id: UUID, from_step: str | None = None, *, version: int | None = None
    ) -> ForkPlan:
        """Say what a fork would reuse and what it would do again."""
        origin = self._store.load_execution(execution_id)
        plan = plan_fork(origin, self._store.list_calls(execution_id), from_step, version)
        self._registry.load(plan.workflow_name, plan.version)
        return plan

    def fork(
        self,
        execution_id: UUID,
        from_step: str | None = None,
        *,
        input: Any = UNCHANGED,  # noqa: A002 -- the word of the API and the table
        version: int | None = None,
        reason: str = "",
        by: Actor = CODE,
    ) -> Execution:
        """Start an execution that begins with this one's outcomes up to a step."""

        def act() -> Execution:
            plan = self.plan_fork(execution_id, from_step, version=version)
            new = self._forked(plan, input)
            fork = self._store.insert_fork(new, plan.position)
            told = {"step": from_step, "version": plan.version}
            for one, details in (
                (fork.id, {**told, "origin": str(execution_id)}),
                (execution_id, {**told, "fork": str(fork.id)}),
            ):
                self._note(one, EventType.FORKED, by, reason, details)
            return fork

        fork = self._store.transact(act)
        if self._wake is not None:
            self._wake(fork.queue)
        return fork

    def note_start(self, execution: Execution, by: Actor, reason: str = "") -> None:
        """Tell who started it."""
        self._note(execution.id, EventType.STARTED, by, reason, {"key": execution.key})

    def _forked(self, plan: ForkPlan, workflow_input: Any) -> NewExecution:
        origin = self._store.load_execution(plan.execution_id)
        definition = self._registry.load(plan.workflow_name, plan.version)
        text = origin.input
        if not isinstance(workflow_input, _Unchanged):
            given = workflow_input
            if not definition.takes_raw_input:
                given = definition.bind((), workflow_input)
            text = self._payloads.encode(given, f"Input of workflow {definition.name!r}")
        return NewExecution(
            id=new_id(),
            workflow_name=definition.name,
            workflow_version=definition.version,
            input=text,
            queue=origin.queue,
            priority=origin.priority,
            guarantee=Guarantee.BACKGROUND,
            correlation_id=origin.correlation_id,
            tags=origin.tags,
            subject=origin.subject,
            forked_from=origin.id,
            # What was undone is of an epoch before this one, so it is done again.
            epoch=origin.epoch + 1,
            expires_at=_expiry(definition.ttl, self._store),
        )

    def wake(self, execution_id: UUID) -> None:
        """Let a worker look at the execution once the caller's transaction commits; a hint only.

        For acts that the store writes by itself, such as the completion of a human task.
        """
        self._wake_for(execution_id)

    def _note(
        self,
        execution_id: UUID,
        type: EventType,  # noqa: A002 -- the word of the table
        by: Actor,
        reason: str,
        details: dict[str, Any] | None = None,
    ) -> None:
        event = NewEvent(execution_id=execution_id, type=type, actor=by)
        reason = reason[:MAX_REASON_LENGTH]
        self._store.add_event(replace(event, reason=reason, details=details or {}))

    def _woken(self, execution_id: UUID, is_new: bool) -> bool:  # noqa: FBT001 -- passed on
        if is_new:
            self._wake_for(execution_id)
        return is_new

    def _wake_for(self, execution_id: UUID) -> None:
        if self._wake is not None:
            self._wake(self._store.load_execution(execution_id).queue)

    def _refuse_from_own_transaction(self, execution_id: UUID, act: str) -> None:
        """Refuse what would be rolled back by the very stop it asks for.

        Raises:
            DurableCallError: An atomic action acts on its own execution.
        """
        step = find_current_step()
        if step is not None and step.execution_id == execution_id and self._transaction_depth():
            raise DurableCallError(
                f"The atomic action of step {step.key!r} cannot {act} its own execution: the "
                f"request would be rolled back with it. Raise an error, or {act} from outside."
            )


def _expiry(ttl: timedelta | None, store: CheckpointStore) -> Any:
    return None if ttl is None else store.now() + ttl


def _what_ended(before: Execution) -> dict[str, Any]:
    """Return what a retry is about to clear from the row, so that the history keeps it."""
    error = ErrorRecord.from_text(before.error) if before.error else None
    return {
        "was": str(before.status),
        "park_reason": None if before.park_reason is None else str(before.park_reason),
        "ended_at": before.finished_at.isoformat() if before.finished_at else None,
        "error_type": error.type if error else None,
        "error_message": error.message[:MAX_REASON_LENGTH] if error else None,
        "call": error.call if error else None,
    }
