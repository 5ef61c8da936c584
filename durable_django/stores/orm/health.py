"""Questions of people about all executions at once, for `durable_doctor` and the system checks.

They read, are not part of the port, and are not for hot paths: some look at every live execution.
Ages are taken from the database's clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from durable_django.domain.execution import Execution
from durable_django.domain.status import (
    CLAIMABLE_STATUSES,
    ExecutionStatus,
    Guarantee,
    SignalStatus,
    WaitKind,
)
from durable_django.models import WorkflowExecution, WorkflowSignal
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.db_now import DBNow
from durable_django.stores.orm.rows import EXECUTION_FIELDS, to_datetime, to_execution

_CLAIMABLE = sorted(status.value for status in CLAIMABLE_STATUSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """What is overdue in one queue under one guarantee."""

    queue: str
    guarantee: Guarantee
    count: int
    #: The longest overdue alarm.
    since: datetime


def load_clock(alias: str) -> datetime:
    """Return the database's clock, aware UTC."""
    return Database(alias, None, 0).now()


def list_overdue(
    alias: str, *, queues: Collection[str] | None = None, limit: int = 1000
) -> list[Execution]:
    """Return the executions that `recover` would take, longest overdue first; None is any queue."""
    rows = _overdue(alias, timedelta(0))
    if queues is not None:
        rows = rows.filter(queue__in=sorted(queues))
    return _to_executions(rows.order_by("wake_at", "id"), limit)


def list_lags(alias: str, late_by: timedelta) -> list[Lag]:
    """Return what has been overdue for longer than `late_by`, ordered by queue, then guarantee."""
    rows = (
        _overdue(alias, late_by)
        .values("queue", "guarantee")
        .annotate(count=Count("id"), since=Min("wake_at"))
        .order_by("queue", "guarantee")
    )
    return [
        Lag(
            queue=row["queue"],
            guarantee=Guarantee(row["guarantee"]),
            count=row["count"],
            since=to_datetime(row["since"]),
        )
        for row in rows
    ]


def list_stuck(alias: str, limit: int = 100) -> list[Execution]:
    """Return live executions that nothing would ever wake again. There must be none.

    They have no alarm, and wait for no signal, or for one that is in their mailbox already.
    """
    arrived = WorkflowSignal.objects.filter(
        execution_id=OuterRef("pk"),
        name=OuterRef("waiting_for"),
        status=SignalStatus.PENDING.value,
    )
    rows = WorkflowExecution.objects.using(alias).filter(
        Q(Exists(arrived)) | ~Q(waiting_kind=WaitKind.SIGNAL.value),
        status__in=_CLAIMABLE,
        wake_at__isnull=True,
    )
    return _to_executions(rows.order_by("id"), limit)


def count_live(alias: str) -> dict[ExecutionStatus, int]:
    """Return how many executions there are in each status that is not terminal; 0 is left out."""
    live = [status.value for status in ExecutionStatus if not status.is_terminal]
    rows = (
        WorkflowExecution.objects.using(alias)
        .filter(status__in=live)
        .values("status")
        .annotate(count=Count("id"))
        .order_by("status")
    )
    return {ExecutionStatus(row["status"]): row["count"] for row in rows}


def list_live_workflows(alias: str) -> list[tuple[str, int]]:
    """Return the names and versions that live executions have, ordered."""
    rows = (
        WorkflowExecution.objects.using(alias)
        .filter(status__in=[status.value for status in ExecutionStatus if not status.is_terminal])
        .order_by("workflow_name", "workflow_version")
        .values_list("workflow_name", "workflow_version")
        .distinct()
    )
    return list(rows)


def _overdue(alias: str, late_by: timedelta) -> QuerySet[WorkflowExecution]:
    return WorkflowExecution.objects.using(alias).filter(
        status__in=_CLAIMABLE, wake_at__lte=DBNow(-late_by)
    )


def _to_executions(rows: QuerySet[WorkflowExecution], limit: int) -> list[Execution]:
    return [to_execution(row) for row in rows.values_list(*EXECUTION_FIELDS)[:limit]]
