"""Tables: what is stored of workflows, executions, checkpoints, timers, signals and events.

Shape and constraints only: the engine decides, the ORM store writes. Rows written past the store
lose its promises; reading them, joining them and filtering on them is what they are for.

Payloads are text, because the databases disagree about what JSON may hold; JSONField is only for
what people filter on. No rule rests on a conditional constraint, which MariaDB drops silently:
where a rule needs a condition, the column is NULL outside it.
"""

from __future__ import annotations

from durable_django.models.control import BulkOperation, IdempotencyRecord, SignalHook
from durable_django.models.execution import Workflow, WorkflowExecution
from durable_django.models.queues import LimitGroup, LimitTicket, WorkQueue
from durable_django.models.records import (
    EventSubscription,
    ExecutionEvent,
    StepCheckpoint,
    WorkflowSignal,
    WorkflowTimer,
)
from durable_django.models.schedules import Schedule, ScheduleTick
from durable_django.models.tasks import HumanTask, HumanTaskCandidate, HumanTaskLink
from durable_django.models.workers import Doorbell, WorkerHeartbeat

__all__ = [
    "BulkOperation",
    "Doorbell",
    "EventSubscription",
    "ExecutionEvent",
    "HumanTask",
    "HumanTaskCandidate",
    "HumanTaskLink",
    "IdempotencyRecord",
    "LimitGroup",
    "LimitTicket",
    "Schedule",
    "ScheduleTick",
    "SignalHook",
    "StepCheckpoint",
    "WorkQueue",
    "WorkerHeartbeat",
    "Workflow",
    "WorkflowExecution",
    "WorkflowSignal",
    "WorkflowTimer",
]
