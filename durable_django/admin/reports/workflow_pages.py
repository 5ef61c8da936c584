"""What the pages about workflows show: facts only, their templates make them HTML."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from inspect import Signature
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from durable_django.admin.list.filters import PERIOD, Period, list_periods
from durable_django.admin.reports.links import ReportLinks
from durable_django.control.badges import badge_of_status
from durable_django.control.bulk import BULK_WORKFLOW
from durable_django.control.figures.sparkbars import ShareBar, lay_out_share
from durable_django.control.figures.statistics import Figures
from durable_django.control.figures.step_latencies import StepLatency, step_latencies
from durable_django.control.figures.workflow_overview import (
    VersionOverview,
    WorkflowOverview,
    load_overview,
    source_of,
)
from durable_django.control.payloads.error_excerpts import ErrorExcerpt
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import visible_executions
from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine

_DEFAULT_PERIOD = "24h"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodTab:
    """One period to choose."""

    period: Period
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRow:
    """One execution that failed."""

    url: str
    execution: WorkflowExecution
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step, and the page of its workflow if that is another than this."""

    step: StepLatency
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One version of a workflow."""

    overview: VersionOverview
    source: str
    live_url: str
    #: Badge and count of each status that a live execution of it has.
    live: Sequence[tuple[Any, int]]
    ends: ShareBar


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRow:
    """One workflow in the table of all."""

    overview: WorkflowOverview
    url: str
    list_url: str
    live_url: str
    failed_url: str
    #: Empty if the user may not start it.
    start_url: str
    failure_url: str
    error: str
    ends: ShareBar


def build_workflows_page(request: HttpRequest, links: ReportLinks) -> dict[str, Any]:
    """Return the context of the page of all workflows."""
    tabs, period, since = _choose_period(request, links.to_workflows())
    overview = load_overview(visible_executions(request.user), engine().registry, since)
    rows = [_to_row(request, links, one, period) for one in overview.workflows]
    return {
        "rows": rows,
        "missing": [(one.name, two) for one in overview.workflows for two in one.missing],
        "warned": [row for row in rows if row.overview.warnings],
        "is_live_complete": overview.live.is_complete,
        "is_sampled": any(one.statistics.is_sampled for one in overview.workflows),
        "periods": tabs,
        "period": period,
        "now": timezone.now(),
    }


def build_workflow_page(request: HttpRequest, links: ReportLinks, name: str) -> dict[str, Any]:
    """Return the context of the page of one workflow.

    Raises:
        Http404: Neither the code nor the history knows it.
    """
    tabs, period, since = _choose_period(request, links.to_workflow(name))
    executions = visible_executions(request.user)
    overview = load_overview(executions, engine().registry, since, [name])
    if not overview.workflows:
        raise Http404(name)
    [workflow] = overview.workflows
    latencies = step_latencies(executions.filter(workflow_name=name))
    return {
        "row": _to_row(request, links, workflow, period),
        "workflow": workflow,
        "facts": _facts_of(workflow.definition),
        "versions": [_to_version_row(links, workflow.name, one) for one in workflow.versions],
        "is_live_complete": overview.live.is_complete,
        "steps": [StepRow(step=step) for step in latencies.steps],
        "steps_caption": gettext("%(attempts)d attempts of the newest %(executions)d executions")
        % {"attempts": latencies.attempts, "executions": latencies.executions},
        "failures": _load_failures(executions, links, workflow),
        "periods": tabs,
        "period": period,
        "now": timezone.now(),
    }


def _choose_period(
    request: HttpRequest, url: str
) -> tuple[list[PeriodTab], Period, datetime | None]:
    periods = {period.name: period for period in list_periods()}
    chosen = periods.get(request.GET.get(PERIOD, "")) or periods[_DEFAULT_PERIOD]
    tabs = [
        PeriodTab(period=one, url=f"{url}?{PERIOD}={one.name}", is_chosen=one is chosen)
        for one in periods.values()
    ]
    return tabs, chosen, None if chosen.length is None else timezone.now() - chosen.length


def _to_row(
    request: HttpRequest, links: ReportLinks, workflow: WorkflowOverview, period: Period
) -> WorkflowRow:
    failure = workflow.statistics.last_failure
    can_start = (
        workflow.definition is not None
        and workflow.name != BULK_WORKFLOW
        and allows(request.user, Permission.START)
    )
    return WorkflowRow(
        overview=workflow,
        url=links.to_workflow(workflow.name),
        list_url=links.to_executions(workflow.name, period.name),
        live_url=links.to_live(workflow.name),
        failed_url=links.to_executions(workflow.name, period.name, ExecutionStatus.FAILED),
        start_url=links.to_start(workflow.name) if can_start else "",
        failure_url=links.to_execution(failure.execution_id) if failure else "",
        error=_say_error(failure.error) if failure else "",
        ends=_draw_ends(workflow.statistics.figures),
    )


def _to_version_row(links: ReportLinks, name: str, version: VersionOverview) -> VersionRow:
    return VersionRow(
        overview=version,
        source=source_of(version.definition) if version.definition else "",
        live_url=links.to_live(name, version.version),
        live=[(badge_of_status(status), count) for status, count in version.live.items()],
        ends=_draw_ends(version.figures),
    )


def _draw_ends(figures: Figures) -> ShareBar:
    return lay_out_share(
        {
            "completed": figures.completed,
            "failed": figures.failed,
            "cancelled": figures.cancelled,
        }
    )


def _facts_of(definition: WorkflowDefinition | None) -> dict[str, Any]:
    if definition is None:
        return {}
    return {
        "signature": "" if definition.takes_raw_input else _say_signature(definition.signature),
        "queue": definition.queue,
        "ttl": definition.ttl,
        "guarantee": definition.guarantee,
        "on_failure": definition.on_failure,
        "tags": definition.tags,
        "is_exposed": definition.expose,
    }


class _Written(str):
    """An annotation as it stands in the source, where it was never evaluated."""

    __slots__ = ()
    __repr__ = str.__str__


def _say_signature(signature: Signature) -> str:
    """Return it as it is written: `(order_id: int, *, gift: bool = False) -> str`."""
    parameters = [
        one.replace(annotation=_write(one.annotation)) for one in signature.parameters.values()
    ]
    returned = _write(signature.return_annotation)
    return str(signature.replace(parameters=parameters, return_annotation=returned))


def _write(annotation: Any) -> Any:
    return _Written(annotation) if isinstance(annotation, str) else annotation


def _load_failures(
    executions: QuerySet[WorkflowExecution], links: ReportLinks, workflow: WorkflowOverview
) -> list[FailureRow]:
    ids = workflow.statistics.failed_ids
    if not ids:
        return []
    columns = ("pk", "workflow_version", "key", "finished_at")
    rows = executions.filter(pk__in=ids).only(*columns)
    found = {row.pk: row for row in rows.annotate(error_excerpt=ErrorExcerpt.of_column())}
    return [
        FailureRow(
            url=links.to_execution(id_),
            execution=found[id_],
            error=_say_error(ErrorExcerpt.from_text(found[id_].error_excerpt)),
        )
        for id_ in ids
        if id_ in found
    ]


def _say_error(error: ErrorExcerpt | None) -> str:
    if error is None:
        return ""
    # The module is in the way here; the whole name is on the execution's page.
    kind = error.type.rpartition(".")[2]
    return redact_text(f"{kind}: {error.message}" if error.message else kind)
