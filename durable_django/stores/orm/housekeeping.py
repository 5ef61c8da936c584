"""Delete what ended long ago."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from durable_django.domain.status import TERMINAL_STATUSES, ExecutionStatus
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.database import Database


def delete_finished(
    db: Database, *, before: datetime, statuses: Collection[ExecutionStatus], limit: int
) -> int:
    def delete() -> int:
        # Locked, so that none of them is retried between the look and the deletion.
        finished = _finished(db, before, statuses).order_by("finished_at")
        if db.connection.features.has_select_for_update_skip_locked:
            finished = finished.select_for_update(skip_locked=True)
        ids = list(finished.values_list("pk", flat=True)[:limit])
        # By the ORM: whatever points to an execution with a foreign key goes with it.
        WorkflowExecution.objects.using(db.alias).filter(pk__in=ids).delete()
        return len(ids)

    return db.transact(delete)


def count_finished(db: Database, *, before: datetime, statuses: Collection[ExecutionStatus]) -> int:
    return _finished(db, before, statuses).count()


def _finished(
    db: Database, before: datetime, statuses: Collection[ExecutionStatus]
) -> QuerySet[WorkflowExecution]:
    # Only what has ended has an end. The statuses not wanted are excluded, and not the others
    # looked for, or SQLite would take the index of the statuses and sort a million rows.
    unwanted = sorted(str(status) for status in TERMINAL_STATUSES.difference(statuses))
    rows = WorkflowExecution.objects.using(db.alias).filter(finished_at__lt=before)
    # What a parent waited for, it reads when it goes on: it may be paused for months.
    parents = WorkflowExecution.objects.using(db.alias).filter(
        pk=OuterRef("parent_id"), finished_at__isnull=True
    )
    rows = rows.exclude(~Q(parent_wait="") & Exists(parents))
    return rows.exclude(status__in=unwanted) if unwanted else rows
