"""What a user may do to executions: with which permission, and in which state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from durable_django.control.permissions import Permission, allows
from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.models import WorkflowExecution


class Action(StrEnum):
    """What a user may do."""

    START = "start"
    SIGNAL = "signal"
    FIRE_TIMER = "fire_timer"
    CANCEL = "cancel"
    #: Cancel without undoing.
    TERMINATE = "terminate"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    FORK = "fork"


PERMISSION_OF: Mapping[Action, Permission] = {
    Action.START: Permission.START,
    Action.SIGNAL: Permission.SIGNAL,
    Action.FIRE_TIMER: Permission.SIGNAL,
    Action.CANCEL: Permission.CANCEL,
    Action.TERMINATE: Permission.TERMINATE,
    Action.PAUSE: Permission.RETRY,
    Action.RESUME: Permission.RETRY,
    Action.RETRY: Permission.RETRY,
    Action.FORK: Permission.FORK,
}


#: How the names of this package's own workflows begin.
OWN_WORKFLOWS = "durable."
#: What may be done to those, and nothing else.
OF_OWN_WORKFLOWS = frozenset({Action.PAUSE, Action.RESUME, Action.RETRY})


def allowed_actions(user: Any, execution: WorkflowExecution | Execution) -> list[Action]:
    """Return what the user may do to the execution as it stands, in the order of `Action`.

    For what is shown: the act itself asks again.
    """
    return [
        action
        for action, permission in PERMISSION_OF.items()
        if action is not Action.START
        and is_possible(action, execution)
        and allows(user, permission)
    ]


def is_possible(action: Action, execution: WorkflowExecution | Execution) -> bool:
    """Say whether the execution's present state allows the act."""
    if is_own(execution) and action not in OF_OWN_WORKFLOWS:
        return False
    rule = _POSSIBLE.get(action)
    return rule is None or rule(execution, ExecutionStatus(execution.status))


def is_own(execution: WorkflowExecution | Execution) -> bool:
    """Say whether it is an execution of this package's own, such as `durable.bulk`."""
    return execution.workflow_name.startswith(OWN_WORKFLOWS)


def _may_cancel(execution: WorkflowExecution | Execution, status: ExecutionStatus) -> bool:
    if status in (ExecutionStatus.PAUSED, ExecutionStatus.PARKED):
        return execution.ending is None
    return status in _ON_ITS_WAY and execution.cancel_requested_at is None


def _may_pause(execution: WorkflowExecution | Execution, status: ExecutionStatus) -> bool:
    return (
        status in _ON_ITS_WAY
        and execution.cancel_requested_at is None
        and execution.pause_requested_at is None
    )


def _may_resume(execution: WorkflowExecution | Execution, status: ExecutionStatus) -> bool:
    if status is ExecutionStatus.PAUSED:
        return True
    return status in _ON_ITS_WAY and execution.pause_requested_at is not None


def _may_retry(_: WorkflowExecution | Execution, status: ExecutionStatus) -> bool:
    return status in (ExecutionStatus.FAILED, ExecutionStatus.PARKED)


def _may_signal(_: WorkflowExecution | Execution, status: ExecutionStatus) -> bool:
    return not status.is_terminal and status is not ExecutionStatus.COMPENSATING


def _may_fire(execution: WorkflowExecution | Execution, status: ExecutionStatus) -> bool:
    # A wait for a signal has a timer if it has a timeout; only the timers' rows say so.
    return not status.is_terminal and execution.waiting_kind in _MAY_HAVE_TIMERS


_MAY_HAVE_TIMERS = frozenset(
    {
        WaitKind.TIMER,
        WaitKind.RETRY,
        WaitKind.SIGNAL,
        WaitKind.EVENT,
        WaitKind.CHILD,
        WaitKind.MAP,
        WaitKind.POLL,
        WaitKind.SEVERAL,
    }
)
_ON_ITS_WAY = (ExecutionStatus.PENDING, ExecutionStatus.RUNNING, ExecutionStatus.SUSPENDED)
_POSSIBLE: Mapping[Action, Callable[[WorkflowExecution | Execution, ExecutionStatus], bool]] = {
    Action.CANCEL: _may_cancel,
    Action.TERMINATE: _may_cancel,
    Action.PAUSE: _may_pause,
    Action.RESUME: _may_resume,
    Action.RETRY: _may_retry,
    Action.SIGNAL: _may_signal,
    Action.FIRE_TIMER: _may_fire,
}
