"""Durable execution for Django: the authoring door. Imports no Django.

Operate executions through `durable_django.client`, test workflows through
`durable_django.testing`.
"""

from __future__ import annotations

from durable_django.domain.retry_policy import RetryPolicy
from durable_django.domain.status import ExecutionStatus, Guarantee
from durable_django.engine.context import WorkflowContext
from durable_django.engine.current_step import current_step
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.recovery_scanner import RecoveryScanner
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import (
    DurableError,
    RetryAfter,
    SignalTimeoutError,
    StepFailedError,
    StepTimeoutError,
    Terminal,
    UnknownOutcomeError,
)

__all__ = [
    "DurableEngine",
    "DurableError",
    "ExecutionStatus",
    "Guarantee",
    "RecoveryScanner",
    "RetryAfter",
    "RetryPolicy",
    "SignalTimeoutError",
    "StepFailedError",
    "StepTimeoutError",
    "Terminal",
    "UnknownOutcomeError",
    "WorkflowContext",
    "current_step",
    "workflow",
]
