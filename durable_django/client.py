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
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.recovery_scanner import RecoveryReport
from durable_django.engine.workflow_function import StartOptions
from durable_django.exceptions import ExecutionNotFoundError
from durable_django.runtime import engine

ExecutionId = UUID | str


def start(
    workflow: str,
    input: Mapping[str, Any] | None = None,  # noqa: A002 -- the word of the API and the table
    *,
    version: int | None = None,
    options: StartOptions | None = None,
) -> ExecutionHandle[Any]:
    """Start a workflow by its name, with arguments by name; see `StartRequest.start`.

    Raises:
        UnknownWorkflowError: No such workflow (or version) is registered.
        TypeError: The arguments do not fit it.
    """
    return engine().start_by_name(workflow, input, version=version, options=options)


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
    execution_id: ExecutionId, name: str, payload: Any = None, *, dedupe_key: str | None = None
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
    return engine().send_signal(to_id(execution_id), name, payload, dedupe_key=dedupe_key)


def cancel(execution_id: ExecutionId, *, reason: str = "", compensate: bool = True) -> bool:
    """Cancel an execution; return whether this call was the first to ask for it.

    Noticed at its next durable call, at once if it waits. An accepted cancel never ends COMPLETED.
    Completed steps are undone first, unless `compensate` is False.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It has ended, or is undoing its steps already.
    """
    return engine().cancel(to_id(execution_id), reason=reason, compensate=compensate)


def pause(execution_id: ExecutionId) -> bool:
    """Pause an execution until `resume`; return whether anything changed.

    One that runs is paused at its next durable call. Timers go on: what falls due meanwhile is
    passed at once after the resume. The time to live stands still in effect: nothing expires
    while paused, and at the resume it does.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It has ended, is parked, or is undoing or about to be cancelled.
    """
    return engine().pause(to_id(execution_id))


def resume(execution_id: ExecutionId) -> bool:
    """Let a paused execution go on; return whether anything changed.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It is not paused.
    """
    return engine().resume(to_id(execution_id))


def retry(execution_id: ExecutionId) -> ExecutionStatus:
    """Let a FAILED or PARKED execution run again; return its new status.

    Completed checkpoints are kept; the step that failed, and steps that were undone, run again.
    One whose undo failed goes on undoing.

    Raises:
        ExecutionNotFoundError: No such execution.
        InvalidTransitionError: It is neither FAILED nor PARKED.
    """
    return engine().retry(to_id(execution_id))


def observe(execution_id: ExecutionId, timeout: timedelta | None = None) -> Iterator[Execution]:
    """Yield the execution now and after every change that is seen, up to its end or `timeout`.

    Raises:
        ExecutionNotFoundError: No such execution.
    """
    return engine().observe(to_id(execution_id), timeout)


def recover(queues: Collection[str] | None = None, limit: int = 1000) -> RecoveryReport:
    """Advance, in this process, what is due and nobody took; return what became of it.

    Includes FOREGROUND executions whose process has gone.
    """
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
acancel = sync_to_async(cancel)
apause = sync_to_async(pause)
aresume = sync_to_async(resume)
aretry = sync_to_async(retry)
