"""Read executions and what is theirs."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus
from durable_django.domain.timer import Timer
from durable_django.exceptions import ExecutionNotFoundError
from durable_django.models import (
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.rows import (
    CHECKPOINT_FIELDS,
    EXECUTION_COLUMNS,
    EXECUTION_FIELDS,
    EXECUTIONS,
    SIGNAL_FIELDS,
    TIMER_FIELDS,
    to_checkpoint,
    to_execution,
    to_signal,
    to_timer,
)

_COLUMNS = ", ".join(EXECUTION_COLUMNS)


def load_execution(db: Database, execution_id: UUID) -> Execution:
    # By a cursor: whoever waits for a result asks again and again, and the ORM takes ten times as
    # long to write this statement as SQLite takes to answer it.
    sql = f"SELECT {_COLUMNS} FROM {EXECUTIONS} WHERE id = %s"
    for row in db.fetch(sql, [db.uuid(execution_id)]):
        return to_execution(row)
    raise ExecutionNotFoundError(execution_id)


def find_execution_by_key(db: Database, workflow_name: str, key: str) -> Execution | None:
    rows = WorkflowExecution.objects.using(db.alias).filter(
        workflow_name=workflow_name, key=key, holds_key=True
    )
    for row in rows.values_list(*EXECUTION_FIELDS):
        return to_execution(row)
    return None


def list_executions(
    db: Database,
    *,
    status: Collection[ExecutionStatus],
    workflow_name: str | None,
    queue: str | None,
    limit: int,
) -> list[Execution]:
    rows = WorkflowExecution.objects.using(db.alias).order_by("-id")
    if status:
        rows = rows.filter(status__in=sorted({str(one) for one in status}))
    if workflow_name is not None:
        rows = rows.filter(workflow_name=workflow_name)
    if queue is not None:
        rows = rows.filter(queue=queue)
    return [to_execution(row) for row in rows.values_list(*EXECUTION_FIELDS)[:limit]]


def list_checkpoints(db: Database, execution_id: UUID) -> list[Checkpoint]:
    rows = StepCheckpoint.objects.using(db.alias).filter(execution_id=execution_id)
    ordered = rows.order_by("position", "key", "attempt")
    return [to_checkpoint(row) for row in ordered.values_list(*CHECKPOINT_FIELDS)]


def list_timers(db: Database, execution_id: UUID) -> list[Timer]:
    rows = WorkflowTimer.objects.using(db.alias).filter(execution_id=execution_id)
    return [to_timer(row) for row in rows.order_by("fire_at", "key").values_list(*TIMER_FIELDS)]


def list_signals(db: Database, execution_id: UUID) -> list[Signal]:
    rows = WorkflowSignal.objects.using(db.alias).filter(execution_id=execution_id)
    return [to_signal(row) for row in rows.order_by("position").values_list(*SIGNAL_FIELDS)]
