"""Values with defaults, so that a test states only what matters to it.

Each takes its value's fields as keywords.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.identifiers import idempotency_key, new_id
from durable_django.domain.schedule import Schedule, ScheduleTick, TickOutcome
from durable_django.domain.signal import Signal
from durable_django.domain.status import CheckpointKind, CheckpointStatus, ExecutionStatus
from durable_django.domain.task import NewTask, Task
from durable_django.domain.timer import Timer

_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make_new_execution(**fields: Any) -> NewExecution:
    """Return what a start of `shop.order` hands to a store, with a fresh id."""
    new = NewExecution(id=new_id(), workflow_name="shop.order", workflow_version=1, input="{}")
    return replace(new, **fields)


def make_execution(**fields: Any) -> Execution:
    """Return a RUNNING execution of `shop.order` that is in no store."""
    execution = Execution(
        id=new_id(),
        workflow_name="shop.order",
        workflow_version=1,
        status=ExecutionStatus.RUNNING,
        fence=1,
        created_at=_NOW,
        updated_at=_NOW,
    )
    return replace(execution, **fields)


def make_checkpoint(execution_id: UUID, key: str = "charge", **fields: Any) -> Checkpoint:
    """Return the intent of the first attempt of a step."""
    checkpoint = Checkpoint(
        execution_id=execution_id,
        key=key,
        name=key,
        position=1,
        kind=CheckpointKind.STEP,
        idempotency_key=idempotency_key(execution_id, key),
    )
    return replace(checkpoint, **fields)


def make_outcome(execution_id: UUID, key: str = "charge", **fields: Any) -> Checkpoint:
    """Return the COMPLETED first attempt of a step."""
    done: dict[str, Any] = {"status": CheckpointStatus.COMPLETED, "output": '"done"'}
    return make_checkpoint(execution_id, key, **(done | fields))


def make_error(**fields: Any) -> ErrorRecord:
    """Return a declined card."""
    return replace(
        ErrorRecord(type="shop.CardDeclined", message="The card was declined."), **fields
    )


def make_signal(execution_id: UUID, name: str = "packed", **fields: Any) -> Signal:
    """Return a pending signal that is in no store."""
    signal = Signal(
        id=new_id(),
        execution_id=execution_id,
        name=name,
        payload="null",
        position=1,
        created_at=_NOW,
    )
    return replace(signal, **fields)


def make_task(execution_id: UUID, name: str = "approve", **fields: Any) -> Task:
    """Return an open task that is in no store."""
    task = Task(
        id=new_id(),
        execution_id=execution_id,
        key=name,
        name=name,
        created_at=_NOW,
        updated_at=_NOW,
    )
    return replace(task, **fields)


def make_asking(
    execution_id: UUID, name: str = "approve", *, attempt: int = 1, **fields: Any
) -> tuple[Checkpoint, NewTask]:
    """Return what `Wait.asking` holds of one task; the fields are the new task's."""
    new = NewTask(id=new_id(), execution_id=execution_id, key=name, name=name)
    new = replace(new, **fields)
    checkpoint = make_checkpoint(
        execution_id,
        new.key,
        kind=CheckpointKind.TASK,
        attempt=attempt,
        idempotency_key=str(new.id),
    )
    return checkpoint, new


def make_timer(execution_id: UUID, key: str = "cooling_off", **fields: Any) -> Timer:
    """Return a pending timer that is in no store."""
    return replace(Timer(execution_id=execution_id, key=key, fire_at=_NOW), **fields)


def make_schedule(**fields: Any) -> Schedule:
    """Return a schedule that starts `shop.order` every hour, and is in no store."""
    schedule = Schedule(
        name="nightly",
        workflow_name="shop.order",
        cron="0 * * * *",
        created_at=_NOW,
        updated_at=_NOW,
    )
    return replace(schedule, **fields)


def make_tick(**fields: Any) -> ScheduleTick:
    """Return the tick of a schedule that was started at noon."""
    tick = ScheduleTick(
        schedule_name="nightly",
        tick_at=datetime(2026, 3, 10, 12, tzinfo=UTC),
        outcome=TickOutcome.STARTED,
        created_at=_NOW,
    )
    return replace(tick, **fields)


def make_claim(execution: Execution | None = None, **fields: Any) -> Claim:
    """Return a claim on an execution of which nothing was recorded yet."""
    held = execution or make_execution()
    claim = Claim(
        execution=held,
        fence=held.fence,
        status=held.status,
        now=_NOW,
        signal_count=held.signal_count,
    )
    return replace(claim, **fields)
