"""Which Django permissions steer executions; the same for the admin and the REST API."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

_APP = "durable_django"


class Permission(StrEnum):
    """A permission on executions, on what is theirs and on what starts them, by its codename."""

    VIEW = "view_workflowexecution"
    #: Inputs, results and signal payloads, redacted even then.
    PAYLOADS = "view_payloads"
    START = "start_execution"
    #: Also firing a timer.
    SIGNAL = "signal_execution"
    CANCEL = "cancel_execution"
    #: Cancelling without undoing.
    TERMINATE = "terminate_execution"
    #: Also pausing and resuming.
    RETRY = "retry_execution"
    FORK = "fork_execution"
    BULK = "bulk_execution"
    #: Every human task, whoever it is for.
    VIEW_TASKS = "view_humantask"
    #: Claiming, releasing, delegating and completing the tasks that are for the user.
    COMPLETE_TASKS = "complete_humantask"
    #: Also cancelling, releasing for others, and making links for others.
    REASSIGN_TASKS = "reassign_humantask"
    VIEW_SCHEDULES = "view_schedule"
    #: Who adds or changes schedules decides what is started in the time to come, and with what.
    ADD_SCHEDULES = "add_schedule"
    CHANGE_SCHEDULES = "change_schedule"
    DELETE_SCHEDULES = "delete_schedule"
    #: Triggering, backfilling, enabling and disabling.
    RUN_SCHEDULES = "run_schedule"
    VIEW_QUEUES = "view_workqueue"
    #: Pausing, draining, resuming and limiting.
    CHANGE_QUEUES = "change_workqueue"


def allows(user: Any, permission: Permission) -> bool:
    """Say whether the user is active and has the permission."""
    return bool(user.is_active and user.has_perm(f"{_APP}.{permission}"))
