"""The admin: look at executions, understand them, steer them."""

from __future__ import annotations

from durable_django.admin.execution_admin import WorkflowExecutionAdmin

__all__ = ["WorkflowExecutionAdmin"]
