"""Which Django permissions steer executions; the same for the admin and the REST API."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

_APP = "durable_django"


class Permission(StrEnum):
    """A permission on executions, by its codename."""

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


def allows(user: Any, permission: Permission) -> bool:
    """Say whether the user is active and has the permission."""
    return bool(user.is_active and user.has_perm(f"{_APP}.{permission}"))
