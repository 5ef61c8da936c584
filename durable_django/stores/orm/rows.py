"""Rows to domain values and back.

What the ORM and what a raw cursor fetches both pass through here: the ORM's values are converted
already, and converting them once more changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import models

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.event import Actor, ActorKind, Event, EventType
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    Guarantee,
    ParentClosePolicy,
    ParkReason,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.timer import Timer
from durable_django.models import (
    ExecutionEvent,
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)

EXECUTIONS = WorkflowExecution._meta.db_table  # noqa: SLF001 -- Django's documented model API
CHECKPOINTS = StepCheckpoint._meta.db_table  # noqa: SLF001
TIMERS = WorkflowTimer._meta.db_table  # noqa: SLF001
SIGNALS = WorkflowSignal._meta.db_table  # noqa: SLF001


def _columns_of(model: type[models.Model], names: Sequence[str]) -> tuple[str, ...]:
    columns = {field.attname: str(field.column) for field in model._meta.concrete_fields}  # noqa: SLF001
    return tuple(columns[name] for name in names)


#: The fields of each value, in its order; the model's fields have the same names.
EXECUTION_FIELDS = tuple(field.name for field in fields(Execution))
CHECKPOINT_FIELDS = tuple(field.name for field in fields(Checkpoint))
TIMER_FIELDS = tuple(field.name for field in fields(Timer))
SIGNAL_FIELDS = tuple(field.name for field in fields(Signal))
#: The same as columns, for statements that the ORM does not write.
EXECUTION_COLUMNS = _columns_of(WorkflowExecution, EXECUTION_FIELDS)
CHECKPOINT_COLUMNS = _columns_of(StepCheckpoint, CHECKPOINT_FIELDS)


def to_uuid(value: Any) -> UUID:
    """Return a UUID, however the driver gave it."""
    return value if isinstance(value, UUID) else UUID(value)


def to_datetime(value: Any) -> datetime:
    """Return an aware UTC instant, however the driver gave it."""
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)


def _to_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _to_tags(value: Any) -> tuple[str, ...]:
    return tuple(_to_json(value))


_EXECUTION_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "id": to_uuid,
    "status": ExecutionStatus,
    "guarantee": Guarantee,
    "tags": _to_tags,
    "forked_from": to_uuid,
    "parent_id": to_uuid,
    "parent_wait": WaitKind,
    "on_parent_close": ParentClosePolicy,
    "holds_key": bool,
    "park_reason": ParkReason,
    "ending": ExecutionStatus,
    "wake_at": to_datetime,
    "waiting_kind": WaitKind,
    "expires_at": to_datetime,
    "cancel_requested_at": to_datetime,
    "cancel_compensates": bool,
    "pause_requested_at": to_datetime,
    "progress": _to_json,
    "created_at": to_datetime,
    "started_at": to_datetime,
    "updated_at": to_datetime,
    "finished_at": to_datetime,
}
_CHECKPOINT_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "execution_id": to_uuid,
    "kind": CheckpointKind,
    "status": CheckpointStatus,
    "is_final": bool,
    "retry_at": to_datetime,
    "started_at": to_datetime,
    "completed_at": to_datetime,
}
_TIMER_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "execution_id": to_uuid,
    "fire_at": to_datetime,
    "status": TimerStatus,
}
_SIGNAL_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "id": to_uuid,
    "execution_id": to_uuid,
    "status": SignalStatus,
    "created_at": to_datetime,
    "delivered_at": to_datetime,
}


def to_execution(row: Sequence[Any]) -> Execution:
    """Return the value of a row of `EXECUTION_FIELDS`."""
    return Execution(**_converted(EXECUTION_FIELDS, _EXECUTION_CONVERTERS, row))


def to_checkpoint(row: Sequence[Any]) -> Checkpoint:
    """Return the value of a row of `CHECKPOINT_FIELDS`."""
    return Checkpoint(**_converted(CHECKPOINT_FIELDS, _CHECKPOINT_CONVERTERS, row))


def to_timer(row: Sequence[Any]) -> Timer:
    """Return the value of a row of `TIMER_FIELDS`."""
    return Timer(**_converted(TIMER_FIELDS, _TIMER_CONVERTERS, row))


def to_signal(row: Sequence[Any]) -> Signal:
    """Return the value of a row of `SIGNAL_FIELDS`."""
    return Signal(**_converted(SIGNAL_FIELDS, _SIGNAL_CONVERTERS, row))


def to_event(row: ExecutionEvent) -> Event:
    """Return the value of a row."""
    return Event(
        id=row.pk,
        execution_id=row.execution_id,
        type=EventType(row.type),
        actor=Actor(kind=ActorKind(row.actor_kind), id=row.actor_id, name=row.actor_name),
        reason=row.reason,
        details=row.details,
        created_at=row.created_at,
    )


def _converted(
    names: Sequence[str], converters: dict[str, Callable[[Any], Any]], row: Sequence[Any]
) -> dict[str, Any]:
    values = dict(zip(names, row, strict=True))
    for name, convert in converters.items():
        if values[name] is not None:
            values[name] = convert(values[name])
    return values
