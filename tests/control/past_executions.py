"""Executions of a made-up past, inserted row by row: statistics look at rows, not at the engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from durable_django.control.figures.bounded import first_id_at
from durable_django.domain.identifiers import workflow_id
from durable_django.domain.status import CLAIMABLE_STATUSES, CheckpointStatus, ExecutionStatus
from durable_django.models import StepCheckpoint, WorkflowExecution

_numbers: Iterator[int] = count(1)


def now() -> datetime:
    """Return the present to the microsecond that every database keeps."""
    return datetime.now(UTC)


def ago(**units: float) -> datetime:
    return now() - timedelta(**units)


def id_at(instant: datetime) -> UUID:
    """Return a fresh UUIDv7 as it would have been made at that instant."""
    return UUID(int=first_id_at(instant).int + next(_numbers))


def insert(
    name: str = "shop.order",
    *,
    created_at: datetime | None = None,
    took: timedelta | None = None,
    **fields: Any,
) -> WorkflowExecution:
    """Insert an execution: with `took`, one that began when it was created and finished."""
    created_at = created_at or now()
    status = ExecutionStatus(fields.pop("status", "completed" if took is not None else "pending"))
    alarm = created_at if status in CLAIMABLE_STATUSES else None
    version = fields.pop("workflow_version", 1)
    defaults: dict[str, Any] = {
        "started_at": created_at if took is not None else None,
        "finished_at": created_at + took if took is not None else None,
        "wake_at": alarm,
        "order_at": fields.get("wake_at", alarm),
        "updated_at": created_at,
    }
    return WorkflowExecution.objects.create(
        id=id_at(created_at),
        workflow_id=workflow_id(name, version),
        workflow_name=name,
        workflow_version=version,
        status=status.value,
        created_at=created_at,
        **(defaults | fields),
    )


def insert_attempt(
    execution: WorkflowExecution, name: str, took: timedelta, **fields: Any
) -> StepCheckpoint:
    """Insert an attempt of a step that ended `took` after it began."""
    began = execution.created_at
    defaults: dict[str, Any] = {
        "key": name,
        "kind": "step",
        "attempt": 1,
        "position": 1,
        "status": CheckpointStatus.COMPLETED.value,
        "started_at": began,
        "completed_at": began + took,
    }
    return StepCheckpoint.objects.create(execution=execution, name=name, **(defaults | fields))
