"""Read what an execution started, and the items of its maps."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Substr

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind, ExecutionStatus, WaitKind
from durable_django.models import EventSubscription, StepCheckpoint, WorkflowExecution
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.prefixes import begins_with
from durable_django.stores.orm.rows import (
    CHECKPOINT_FIELDS,
    EXECUTION_FIELDS,
    to_checkpoint,
    to_execution,
)

_UNDO_PREFIX = "~undo/"


def find_executions(db: Database, ids: Collection[UUID]) -> dict[UUID, Execution]:
    rows = WorkflowExecution.objects.using(db.alias).filter(pk__in=list(ids))
    found = map(to_execution, rows.values_list(*EXECUTION_FIELDS))
    return {execution.id: execution for execution in found}


def list_children(
    db: Database,
    parent_id: UUID,
    *,
    keys: Collection[str] | None,
    open_only: bool,
    after: UUID | None,
    limit: int,
) -> list[Execution]:
    rows = WorkflowExecution.objects.using(db.alias).filter(parent_id=parent_id)
    if keys is not None:
        rows = rows.filter(parent_key__in=list(keys))
    if open_only:
        rows = rows.filter(finished_at__isnull=True)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    return [to_execution(row) for row in rows.order_by("pk").values_list(*EXECUTION_FIELDS)[:limit]]


def count_children(db: Database, parent_id: UUID, call: str) -> dict[ExecutionStatus, int]:
    rows = WorkflowExecution.objects.using(db.alias).filter(
        begins_with("parent_key", f"{call}/"), parent_id=parent_id, parent_wait=WaitKind.MAP.value
    )
    counted = rows.order_by().values_list("status").annotate(count=Count("pk"))
    return {ExecutionStatus(status): count for status, count in counted}


def list_calls(db: Database, execution_id: UUID) -> list[Checkpoint]:
    rows = StepCheckpoint.objects.using(db.alias).filter(execution_id=execution_id)
    ordered = without_items(rows).order_by("position", "key", "attempt")
    return [to_checkpoint(row) for row in ordered.values_list(*CHECKPOINT_FIELDS)]


def without_items(rows: QuerySet[StepCheckpoint, Any]) -> QuerySet[StepCheckpoint, Any]:
    """Return the attempts among these that are of no item of a map, nor of an item's undo."""
    undone = Substr(OuterRef("key"), len(_UNDO_PREFIX) + 1)
    items = StepCheckpoint.objects.using(rows.db).filter(
        execution_id=OuterRef("execution_id"), key=undone, kind=CheckpointKind.ITEM.value
    )
    is_undo = Q(kind=CheckpointKind.UNDO.value)
    return rows.exclude(kind=CheckpointKind.ITEM.value).exclude(is_undo & Exists(items))


def list_items(db: Database, execution_id: UUID, keys: Collection[str]) -> list[Checkpoint]:
    rows = StepCheckpoint.objects.using(db.alias).filter(
        execution_id=execution_id, key__in=list(keys), kind=CheckpointKind.ITEM.value
    )
    ordered = rows.order_by("key", "attempt").values_list(*CHECKPOINT_FIELDS)
    return [to_checkpoint(row) for row in ordered]


def list_subscribers(db: Database, topic: str, *, after: UUID | None, limit: int) -> list[UUID]:
    rows = EventSubscription.objects.using(db.alias).filter(topic=topic)
    if after is not None:
        rows = rows.filter(execution_id__gt=after)
    ids = rows.order_by("execution_id").values_list("execution_id", flat=True).distinct()
    return list(ids[:limit])
