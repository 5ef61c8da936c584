"""Durable execution for Django: the authoring door. Imports no Django.

Operate executions through `durable_django.client`, test workflows through
`durable_django.testing`.
"""

from __future__ import annotations

from durable_django.domain.limit import Limit
from durable_django.domain.recurrence import Recurrence
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.domain.status import ExecutionStatus, Guarantee
from durable_django.domain.task import Escalate, TaskAnswer
from durable_django.domain.task_form import Approval, Choice, MultiChoice, Text
from durable_django.engine.awaitables import Child, Event, Signal, Timer
from durable_django.engine.context import WorkflowContext
from durable_django.engine.current_step import current_step
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.map_result import MapResult
from durable_django.engine.recovery_scanner import RecoveryScanner
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import (
    BranchDroppedError,
    ChildCancelledError,
    ChildFailedError,
    ChildTimeoutError,
    DurableError,
    MapFailedError,
    ParallelFailedError,
    PollTimeoutError,
    RetryAfter,
    SignalTimeoutError,
    StepFailedError,
    StepTimeoutError,
    TaskCancelledError,
    TaskTimeoutError,
    Terminal,
    UnknownOutcomeError,
    WaitTimeoutError,
)

__all__ = [
    "Approval",
    "BranchDroppedError",
    "Child",
    "ChildCancelledError",
    "ChildFailedError",
    "ChildTimeoutError",
    "Choice",
    "DurableEngine",
    "DurableError",
    "Escalate",
    "Event",
    "ExecutionStatus",
    "Guarantee",
    "Limit",
    "MapFailedError",
    "MapResult",
    "MultiChoice",
    "ParallelFailedError",
    "PollTimeoutError",
    "RecoveryScanner",
    "Recurrence",
    "RetryAfter",
    "RetryPolicy",
    "Signal",
    "SignalTimeoutError",
    "StepFailedError",
    "StepTimeoutError",
    "TaskAnswer",
    "TaskCancelledError",
    "TaskTimeoutError",
    "Terminal",
    "Text",
    "Timer",
    "UnknownOutcomeError",
    "WaitTimeoutError",
    "WorkflowContext",
    "current_step",
    "workflow",
]
