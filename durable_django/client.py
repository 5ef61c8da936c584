"""Operate executions from Python: the same acts the admin, the REST API and the commands offer.

Start workflows through themselves (`order.start(…)`) or, by name, with `start`. Acts are row
writes in the caller's transaction: they commit or vanish with it. Each has an async twin.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async

from durable_django.conf import settings
from durable_django.domain.event import CODE, Actor, Event
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus
from durable_django.domain.task import Task
from durable_django.engine.acting import UNCHANGED
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.forking import ForkPlan
from durable_django.engine.recovery_scanner import RecoveryReport
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import ExecutionNotFoundError
from durable_django.runtime import engine, schedule_keeper

ExecutionId = UUID | str


def start(
    workflow: str,
    input: Mapping[str, Any] | None = None,  # noqa: A002 -- the word of the API and the table
    *,
    version: int | None = None,
    options: StartOptions | None = None,
    reason: str = "",
    by: Actor = CODE,
) -> ExecutionHandle[Any]:
    """Start a workflow by its name, with arguments by name; see `StartRequest.start`.

    Who acts (`by`) and why (`reason`) are written with every act as an event of the execution; a
    start and a signal by nobody in particular need none, their own rows tell of them.

    Raises:
        UnknownWorkflowError: No such workflow (or version) is registered.
        TypeError: The arguments do not fit it.
    """
    return engine().start_by_name(
        workflow, input, version=version, options=options, reason=reason, by=by
    )


def get(execution_id: ExecutionId) -> ExecutionHandle[Any]:
    """Return a handle on an execution.

    Raises:
        ExecutionNotFoundError: No such execution.
    """
    return engine().get(to_id(execution_id))


def find(workflow: str, key: str) -> ExecutionHandle[Any] | None:
    """Return a handle on the workflow's execution with this key, or None."""
    return engine().find(workflow, key)


def list_executions(
    *,
    status: Collection[ExecutionStatus] = (),
    workflow: str | None = None,
    queue: str | None = None,
    limit: int = 100,
) -> list[Execution]:
    """Return executions, newest first."""
    return engine().store.list_executions(
        status=status, workflow_name=workflow, queue=queue, limit=limit
    )


def signal(
    execution_id: ExecutionId,
    name: str,
    payload: Any = None,
    *,
    dedupe_key: str | None = None,
    by: Actor = CODE,
) -> Signal:
    """Send an execution a signal.

    It waits in the execution's mailbox until the workflow asks for its name; signals of one name
    are consumed in order, once each. A `dedupe_key` makes sending idempotent: the first payload
    with the key stays.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It has ended, or is undoing its steps: nothing would consume it.
        PayloadError: The payload is not JSON-storable.
        DefinitionError: The name or the dedupe key is not legal.
    """
    return engine().send_signal(to_id(execution_id), name, payload, dedupe_key=dedupe_key, by=by)


def send_signal(
    execution_id: ExecutionId,
    name: str,
    payload: Any = None,
    *,
    dedupe_key: str | None = None,
    reason: str = "",
    by: Actor = CODE,
) -> tuple[Signal, bool]:
    """Do as `signal` does, and say whether the signal is new or its dedupe key was known."""
    return engine().acts.send_signal(
        to_id(execution_id), name, payload, dedupe_key=dedupe_key, reason=reason, by=by
    )


def broadcast(
    name: str, payload: Any = None, *, key: str = "", reason: str = "", by: Actor = CODE
) -> int:
    """Tell every execution that waits for this event now; return how many were told.

    They wait with `ctx.wait_event(name, key)`. Who comes later hears nothing of it: what must not
    be missed is sent as a signal. It is written in the caller's transaction, to all or nobody.

    Raises:
        PayloadError: The payload is not JSON-storable.
        DefinitionError: The name or the key is not legal.
    """
    return engine().broadcasts.broadcast(name, payload, key=key, reason=reason, by=by)


def list_children(
    execution_id: ExecutionId, *, after: ExecutionId | None = None, limit: int = 100
) -> list[Execution]:
    """Return up to `limit` executions that this one started, that come after one.

    Ordered by id, which is: oldest first, to the millisecond.
    """
    return engine().store.list_children(
        to_id(execution_id), after=None if after is None else to_id(after), limit=limit
    )


def list_tasks(execution_id: ExecutionId) -> list[Task]:
    """Return what the execution asked of people, over or not, in the order in which it asked.

    To claim or complete one as a user: `durable_django.control.human_tasks`.
    """
    return engine().store.list_tasks(to_id(execution_id))


def cancel(
    execution_id: ExecutionId, *, reason: str = "", compensate: bool = True, by: Actor = CODE
) -> bool:
    """Cancel an execution; return whether this call was the first to ask for it.

    Noticed at its next durable call, at once if it waits. An accepted cancel never ends COMPLETED.
    Completed steps are undone first, unless `compensate` is False.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It has ended, or is undoing its steps already.
    """
    return engine().acts.cancel(to_id(execution_id), reason=reason, compensate=compensate, by=by)


def pause(execution_id: ExecutionId, *, reason: str = "", by: Actor = CODE) -> bool:
    """Pause an execution until `resume`; return whether anything changed.

    One that runs is paused at its next durable call. Timers go on: what falls due meanwhile is
    passed at once after the resume. The time to live stands still in effect: nothing expires
    while paused, and at the resume it does.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It has ended, is parked, or is undoing or about to be cancelled.
    """
    return engine().acts.pause(to_id(execution_id), reason=reason, by=by)


def resume(execution_id: ExecutionId, *, reason: str = "", by: Actor = CODE) -> bool:
    """Let a paused execution go on; return whether anything changed.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It is not paused.
    """
    return engine().acts.resume(to_id(execution_id), reason=reason, by=by)


def retry(execution_id: ExecutionId, *, reason: str = "", by: Actor = CODE) -> ExecutionStatus:
    """Let a FAILED or PARKED execution run again; return its new status.

    Completed checkpoints are kept; the step that failed, and steps that were undone, run again.
    One whose undo failed goes on undoing.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It is neither FAILED nor PARKED.
    """
    return engine().acts.retry(to_id(execution_id), reason=reason, by=by)


def fire_timer(execution_id: ExecutionId, key: str, *, reason: str = "", by: Actor = CODE) -> None:
    """Have a sleep, a wait's timeout, or the delay before a step's next attempt be over now.

    `key` is the key of the call: its name and, from the second of the name on, its number.

    Raises:
        ExecutionNotFoundError: No such execution.
        TimerNotFoundError: It has no such timer, or it is over already.
        InvalidTransitionError: It has ended.
    """
    engine().acts.fire_timer(to_id(execution_id), key, reason=reason, by=by)


def plan_fork(
    execution_id: ExecutionId, from_step: str | None = None, *, version: int | None = None
) -> ForkPlan:
    """Say what `fork` would reuse and what it would do again; change nothing.

    Raises:
        ExecutionNotFoundError: No such execution.
        StepNotFoundError: It has recorded no such step.
        UnknownWorkflowError: The version is not registered here.
    """
    return engine().acts.plan_fork(to_id(execution_id), from_step, version=version)


def fork(
    execution_id: ExecutionId,
    from_step: str | None = None,
    *,
    input: Any = UNCHANGED,  # noqa: A002 -- the word of the API and the table
    version: int | None = None,
    reason: str = "",
    by: Actor = CODE,
) -> ExecutionHandle[Any]:
    """Start an execution that begins with this one's outcomes, and makes a step again.

    `from_step` is the key of the first call that is made again; None runs all of it again. What
    was recorded before it is reused, except what was undone, which is done again. The fork has its
    own id, no key, and its own idempotency keys; tags, subject, queue, priority and correlation id
    are the origin's. The origin stays as it is. A fork that fails undoes the reused steps as its
    own: do not let both executions undo them.

    Args:
        execution_id: The origin, whatever its status.
        from_step: The key of a recorded call.
        input: Other arguments, by name; by default the origin's.
        version: Another registered version of the workflow; by default the origin's.
        reason: Why, for the audit.
        by: Who, for the audit.

    Raises:
        ExecutionNotFoundError: No such execution.
        StepNotFoundError: It has recorded no such step.
        UnknownWorkflowError: The version is not registered here.
        TypeError: The arguments do not fit the workflow.
        PayloadError: They are not JSON-storable.
    """
    acts = engine().acts
    forked = acts.fork(
        to_id(execution_id), from_step, input=input, version=version, reason=reason, by=by
    )
    return ExecutionHandle(engine(), forked, is_new=True)


def list_events(execution_id: ExecutionId, *, after: int = 0, limit: int = 100) -> list[Event]:
    """Return up to `limit` of what was done to an execution after event `after`, oldest first."""
    return engine().store.list_events(to_id(execution_id), after=after, limit=limit)


def observe(execution_id: ExecutionId, timeout: timedelta | None = None) -> Iterator[Execution]:
    """Yield the execution now and after every change that is seen, up to its end or `timeout`.

    Raises:
        ExecutionNotFoundError: No such execution.
    """
    return engine().observe(to_id(execution_id), timeout)


def recover(queues: Collection[str] | None = None, limit: int = 1000) -> RecoveryReport:
    """Advance, in this process, what is due and nobody took; return what became of it.

    Includes FOREGROUND executions whose process has gone. First, schedules tick that are due.
    """
    if settings().run_schedules:
        keeper = schedule_keeper()
        keeper.sync()
        keeper.run_due()
    return engine().recover(queues if queues is not None else served_queues(), limit)


def served_queues() -> tuple[str, ...]:
    """Return the queues the settings serve and those registered workflows name, ordered."""
    return tuple(sorted({*settings().queues, *engine().registry.queues()}))


def to_id(execution_id: ExecutionId) -> UUID:
    """Return the id as a UUID.

    Raises:
        ExecutionNotFoundError: It is no UUID, so no execution has it.
    """
    if isinstance(execution_id, UUID):
        return execution_id
    try:
        return UUID(str(execution_id))
    except ValueError:
        raise ExecutionNotFoundError(execution_id) from None


astart = sync_to_async(start)
aget = sync_to_async(get)
afind = sync_to_async(find)
asignal = sync_to_async(signal)
abroadcast = sync_to_async(broadcast)
acancel = sync_to_async(cancel)
apause = sync_to_async(pause)
aresume = sync_to_async(resume)
aretry = sync_to_async(retry)
afire_timer = sync_to_async(fire_timer)
afork = sync_to_async(fork)
