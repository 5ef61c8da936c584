"""Say how the whole installation is: what is fine, what is not, and what to do about it.

Made to be asked every few seconds: every question stops at a limit. `durable_doctor` asks more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from django.db import Error as AnyDatabaseError
from django.db import connections
from django.db.models import QuerySet

from durable_django.conf import DurableSettings, readable_settings
from durable_django.control.figures.statistics import (
    LiveVersions,
    count_by_status,
    count_live_versions,
)
from durable_django.control.health.checks import (
    MAX_HELD,
    HealthCheck,
    Level,
    Unregistered,
    describe,
    judge_held,
    judge_parked,
    judge_queues,
    judge_retention,
    judge_strays,
    judge_unregistered,
    judge_workers,
    look_at_clock,
)
from durable_django.control.health.controls import (
    judge_controls,
    judge_schedules,
    load_controls,
    load_schedules,
)
from durable_django.control.health.queues import (
    Queue,
    Timers,
    list_queue_names,
    list_strays,
    load_work_at_hand,
)
from durable_django.control.health.workers import HeldExecution, Worker, list_held_by, list_workers
from durable_django.control.setup_messages import list_setup_messages
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.registry import default_registry
from durable_django.models import WorkflowExecution

_WORKED_ON = (
    ExecutionStatus.PENDING,
    ExecutionStatus.RUNNING,
    ExecutionStatus.SUSPENDED,
    ExecutionStatus.COMPENSATING,
)


class HealthStatus(StrEnum):
    """The whole in one word: degraded if any check is an error; warnings are not."""

    OK = "ok"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """How the installation was at one moment."""

    status: HealthStatus
    #: What is wrong comes first.
    checks: Sequence[HealthCheck]
    #: By the database's clock; by this machine's if the database does not answer.
    checked_at: datetime
    workers: Sequence[Worker] = ()
    queues: Sequence[Queue] = ()
    timers: Timers = field(default_factory=lambda: Timers(waiting=0, next_at=None, late=0))
    #: Held by lost workers, the next to be recovered first; at most `MAX_HELD`.
    held: Sequence[HeldExecution] = ()
    unregistered: Sequence[Unregistered] = ()
    #: Executions that are not finished and such as are, capped: see `statistics.count_by_status`.
    counts: dict[ExecutionStatus, int] = field(default_factory=dict)
    oldest_finished_at: datetime | None = None


def health_report(
    executions: QuerySet[WorkflowExecution] | None = None, *, now: datetime | None = None
) -> HealthReport:
    """Return how the installation is; what is counted is among `executions`, by default all.

    A database that is away is an answer too, not an error.
    """
    conf = readable_settings()
    settled = [describe(message) for message in list_setup_messages()]
    if conf.database not in connections:
        return _conclude([*settled], datetime.now(UTC))
    if executions is None:
        executions = WorkflowExecution.objects.using(conf.database)
    try:
        clock, there = look_at_clock(conf.database)
        return _look_into_database(conf, executions, now or there, [*settled, clock])
    except AnyDatabaseError as error:
        away = HealthCheck(
            code="database",
            level=Level.ERROR,
            summary=f"It does not answer: {str(error).strip()}.",
            remedy="Is it up, and has `manage.py migrate` run? Check DATABASES.",
        )
        return _conclude([*settled, away], datetime.now(UTC))


def list_unregistered(live: LiveVersions) -> list[Unregistered]:
    """Return the versions that live executions need and this process has no code for."""
    return [
        Unregistered(workflow_name=name, version=version, count=live.of(name, version))
        for name, version in live.counts
        if default_registry.find(name, version) is None
    ]


def _look_into_database(
    conf: DurableSettings,
    executions: QuerySet[WorkflowExecution],
    now: datetime,
    checks: list[HealthCheck],
) -> HealthReport:
    workers = list_workers(conf, now)
    served = {queue for worker in workers if worker.is_alive for queue in worker.queues}
    known = {*conf.queues, *default_registry.queues(), *served}
    work = load_work_at_hand(executions, {*known, *list_queue_names(conf.database)}, served, now)
    counts = count_by_status(executions)
    lost = [worker.id for worker in workers if not worker.is_alive]
    held = list_held_by(executions, lost, MAX_HELD)
    unregistered = list_unregistered(count_live_versions(executions))
    oldest = _find_oldest_finished(executions)
    checks += [
        judge_workers(workers, has_work=any(counts[status] for status in _WORKED_ON)),
        judge_held(held, now),
        judge_queues(work.queues),
        *judge_strays(list_strays(executions, now)),
        judge_parked(counts[ExecutionStatus.PARKED]),
        judge_unregistered(unregistered),
        judge_retention(oldest, conf, now),
        judge_schedules(load_schedules(conf.database), now),
        judge_controls(load_controls(conf.database)),
    ]
    return _conclude(
        checks,
        now,
        workers=workers,
        # One that nobody names and nothing waits in is history.
        queues=[queue for queue in work.queues if queue.ready or queue.name in known],
        timers=work.timers,
        held=held,
        unregistered=unregistered,
        counts=counts,
        oldest_finished_at=oldest,
    )


def _conclude(checks: list[HealthCheck], now: datetime, **facts: object) -> HealthReport:
    order = [Level.ERROR, Level.WARNING, Level.OK]
    is_degraded = any(check.level is Level.ERROR for check in checks)
    return HealthReport(
        status=HealthStatus.DEGRADED if is_degraded else HealthStatus.OK,
        checks=sorted(checks, key=lambda check: order.index(check.level)),
        checked_at=now,
        **facts,  # type: ignore[arg-type]  # fields, by name
    )


def _find_oldest_finished(executions: QuerySet[WorkflowExecution]) -> datetime | None:
    rows = executions.filter(finished_at__isnull=False).order_by("finished_at")
    return rows.values_list("finished_at", flat=True).first()
