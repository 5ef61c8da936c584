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
from durable_django.models import LimitTicket, Schedule, WorkflowExecution, WorkflowSignal
from durable_django.stores.orm import queue_claiming
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.db_now import DBNow
from durable_django.stores.orm.queue_gates import Lines
from durable_django.stores.orm.rows import EXECUTION_FIELDS, to_datetime, to_execution
from durable_django.stores.orm.work_queues import list_queues

#: What ends such a wait comes from outside: it needs no alarm.
WAITS_FOR_OTHERS = (
    WaitKind.SIGNAL.value,
    WaitKind.EVENT.value,
    WaitKind.CHILD.value,
    WaitKind.MAP.value,
    WaitKind.TASK.value,
    WaitKind.SEVERAL.value,
    WaitKind.LIMIT.value,
)
_READS_MAIL = (WaitKind.SIGNAL.value, WaitKind.EVENT.value)
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


def list_schedules(alias: str) -> list[Schedule]:
    """Return the rows of all schedules, ordered by name: some may hold what cannot be read."""
    return list(Schedule.objects.using(alias).order_by("name"))


def list_overdue(
    alias: str, *, queues: Collection[str] | None = None, limit: int = 1000
) -> list[Execution]:
    """Return the executions that `recover` would take, longest overdue first; None is any queue."""
    rows = _overdue(alias, timedelta(0))
    if queues is not None:
        rows = rows.filter(queue__in=sorted(queues))
    return _to_executions(rows.order_by("wake_at", "id"), limit)


def list_lags(alias: str, late_by: timedelta) -> list[Lag]:
    """Return what has been overdue for longer than `late_by`, ordered by queue, then guarantee.

    Left out are queues of which nothing may be claimed now, because they are paused or full.
    """
    rows = (
        _overdue(alias, late_by)
        .values("queue", "guarantee")
        .annotate(count=Count("id"), since=Min("wake_at"))
        .order_by("queue", "guarantee")
    )
    lags = [
        Lag(
            queue=row["queue"],
            guarantee=Guarantee(row["guarantee"]),
            count=row["count"],
            since=to_datetime(row["since"]),
        )
        for row in rows
    ]
    held_up = find_held_up(alias, {lag.queue for lag in lags})
    return [
        lag for lag in lags if lag.queue not in held_up or lag.guarantee is Guarantee.FOREGROUND
    ]


def find_held_up(alias: str, names: Collection[str]) -> set[str]:
    """Return those of the queues whose control lets nothing be claimed now."""
    if not names:
        return set()
    db = Database(alias, None, 0)
    controlled = {queue.name for queue in list_queues(db) if queue.is_controlled}
    return {
        name
        for name in controlled.intersection(names)
        if not queue_claiming.count_due(db, Lines(), name, 1)
    }


def list_stuck(alias: str, limit: int = 100) -> list[Execution]:
    """Return live executions that nothing would ever wake again. There must be none.

    They have no alarm, and wait for nothing that comes from outside, or for a signal that is in
    their mailbox already, or in no line of a limit.
    """
    arrived = WorkflowSignal.objects.filter(
        execution_id=OuterRef("pk"),
        name=OuterRef("waiting_for"),
        status=SignalStatus.PENDING.value,
    )
    in_line = LimitTicket.objects.filter(execution_id=OuterRef("pk"), admitted_at__isnull=True)
    rows = WorkflowExecution.objects.using(alias).filter(
        (Q(waiting_kind__in=_READS_MAIL) & Q(Exists(arrived)))
        | (Q(waiting_kind=WaitKind.LIMIT.value) & ~Q(Exists(in_line)))
        | ~Q(waiting_kind__in=WAITS_FOR_OTHERS),
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
