"""What the health page shows: facts only, its template makes them HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import Error as AnyDatabaseError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy, ngettext

from durable_django.admin.reports.links import ReportLinks
from durable_django.admin.reports.workflow_pages import StepRow
from durable_django.conf import readable_settings
from durable_django.control.figures.database_facts import size_of
from durable_django.control.figures.sparkbars import Sparkbars, lay_out
from durable_django.control.figures.step_latencies import StepLatency, step_latencies
from durable_django.control.figures.throughput import Minute, Throughput, throughput
from durable_django.control.health.checks import HealthCheck
from durable_django.control.health.report import HealthReport, HealthStatus, health_report
from durable_django.control.health.workers import HeldExecution, Worker
from durable_django.control.scope import visible_executions
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution

#: Workers say every few seconds that they are alive: to look more often shows nothing new.
_MIN_POLL_SECONDS = 5.0
_ENDS = ("completed", "failed", "cancelled")
_WORDS = {
    "started": gettext_lazy("started"),
    "completed": gettext_lazy("completed"),
    "failed": gettext_lazy("failed"),
    "cancelled": gettext_lazy("cancelled"),
}
_WAITING = (ExecutionStatus.SUSPENDED, ExecutionStatus.PAUSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """A worker, and what it holds if it is lost."""

    worker: Worker
    held: Sequence[tuple[str, HeldExecution]]


def build_health_page(request: HttpRequest, links: ReportLinks) -> dict[str, Any]:
    """Return the context of the health page; what cannot be read is left out, and said."""
    conf = readable_settings()
    executions = visible_executions(request.user)
    report = health_report(executions)
    wrong = [check for check in report.checks if not check.ok]
    context = {
        "report": report,
        "is_ok": report.status is HealthStatus.OK,
        "wrong": wrong,
        "fine": [check for check in report.checks if check.ok],
        "verdict": _verdict(report, wrong),
        "workers": _to_worker_rows(report, links),
        "alive": sum(worker.is_alive for worker in report.workers),
        "figures": _figures_of(report),
        "parked_url": links.to_search(f"status:{ExecutionStatus.PARKED.value}"),
        "has_counts": bool(report.counts),
        "retention_days": conf.retention_days,
        "poll_seconds": max(_MIN_POLL_SECONDS, conf.admin_poll_seconds),
        "live_url": f"{links.to_health()}?live",
        "now": report.checked_at,
    }
    if not report.counts:  # the database is away
        return context
    try:
        return context | _look_back(executions, report, links, is_whole=not conf.scope)
    except AnyDatabaseError:
        return context


def _look_back(
    executions: QuerySet[WorkflowExecution],
    report: HealthReport,
    links: ReportLinks,
    *,
    is_whole: bool,
) -> dict[str, Any]:
    hour = throughput(executions, report.checked_at)
    latencies = step_latencies(executions)
    return {
        "hour": hour,
        "totals": {kind: hour.total(kind) for kind in ("started", *_ENDS)},
        "finished_bars": _draw(hour, _ENDS),
        "started_bars": _draw(hour, ("started",)),
        "latencies": latencies,
        "slowest": _to_step_rows(latencies.slowest(), links),
        "most_failing": _to_step_rows(latencies.most_failing(), links),
        "size": size_of(executions, is_whole=is_whole),
    }


def _verdict(report: HealthReport, wrong: Sequence[HealthCheck]) -> str:
    if report.status is HealthStatus.DEGRADED:
        errors = sum(check.level == "error" for check in wrong)
        return ngettext("%d thing is wrong", "%d things are wrong", errors) % errors
    if wrong:
        count = len(wrong)
        return (
            ngettext(
                "It works, and %d thing is worth a look",
                "It works, and %d things are worth a look",
                count,
            )
            % count
        )
    return gettext("Everything is fine")


def _figures_of(report: HealthReport) -> dict[str, int]:
    counts = report.counts
    return {
        "ready": sum(queue.ready for queue in report.queues),
        "late": sum(queue.late for queue in report.queues),
        "running": counts.get(ExecutionStatus.RUNNING, 0)
        + counts.get(ExecutionStatus.COMPENSATING, 0),
        "waiting": sum(counts.get(status, 0) for status in _WAITING),
        "parked": counts.get(ExecutionStatus.PARKED, 0),
    }


def _to_worker_rows(report: HealthReport, links: ReportLinks) -> list[WorkerRow]:
    return [
        WorkerRow(
            worker=worker,
            held=[
                (links.to_execution(one.id), one)
                for one in report.held
                if one.worker_id == worker.id
            ],
        )
        for worker in report.workers
    ]


def _to_step_rows(steps: Sequence[StepLatency], links: ReportLinks) -> list[StepRow]:
    return [StepRow(step=step, url=links.to_workflow(step.workflow_name)) for step in steps]


def _draw(hour: Throughput, kinds: Sequence[str]) -> Sparkbars:
    return lay_out(
        [
            (_say(minute, kinds), {kind: getattr(minute, kind) for kind in kinds})
            for minute in hour.minutes
        ]
    )


def _say(minute: Minute, kinds: Sequence[str]) -> str:
    counts = ((number_format(getattr(minute, kind)), _WORDS[kind]) for kind in kinds)
    told = ", ".join(f"{count} {word}" for count, word in counts)
    # In the zone of the axis below.
    return f"{timezone.localtime(minute.at):%H:%M %Z}: {told}"
