"""The admin: look at executions, understand them, steer them."""

from __future__ import annotations

from durable_django.admin.execution_admin import WorkflowExecutionAdmin
from durable_django.admin.human_task_admin import HumanTaskAdmin
from durable_django.admin.queue_admin import QueueAdmin
from durable_django.admin.schedule_admin import ScheduleAdmin

__all__ = ["HumanTaskAdmin", "QueueAdmin", "ScheduleAdmin", "WorkflowExecutionAdmin"]
