"""How many, how long, how often in vain: figures about the executions a user may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import describe
from durable_django.api.http.query import QueryParameter, one_of
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import instant
from durable_django.conf import settings
from durable_django.control.figures.bounded import MAX_COUNTED, count_capped, first_id_at
from durable_django.control.figures.statistics import (
    Executions,
    WorkflowStatistics,
    count_by_status,
    list_statistics,
)
from durable_django.control.scope import visible_executions
from durable_django.domain.status import TERMINAL_STATUSES
from durable_django.models import Workflow
from durable_django.runtime import engine

_PERIODS = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7)}
#: The most workflows that figures are told of, by name.
MAX_WORKFLOWS = 200


class StatsSerializer(serializers.Serializer[Any]):
    """Figures of a period. Counts end at 10000; `is_capped` says that there are more.

    By workflow a result has `workflow`, `started`, `completed`, `failed`, `cancelled`,
    `failure_rate`, `p50_seconds`, `p95_seconds` and `is_sampled`; by status `status` and `count`,
    of what was started in the period; ungrouped `started`, `completed`, `failed` and `cancelled`.
    """

    period = serializers.ChoiceField(choices=list(_PERIODS))
    since = serializers.DateTimeField()
    group_by = serializers.ChoiceField(choices=["workflow", "status", "none"])
    results = serializers.ListField(child=serializers.DictField())


class StatsView(DurableView):
    """Figures of a period."""

    query_parameters: ClassVar = (
        QueryParameter(
            name="period",
            description="How far to look back.",
            schema={"type": "string", "enum": list(_PERIODS), "default": "24h"},
            parse=one_of(*_PERIODS),
            default="24h",
        ),
        QueryParameter(
            name="group_by",
            description="What a result is about.",
            schema={"type": "string", "enum": ["workflow", "status", "none"], "default": "none"},
            parse=one_of("workflow", "status", "none"),
            default="none",
        ),
    )

    @describe(
        operation_id="stats_retrieve",
        summary="How many executions were started and how they ended.",
        tag="reports",
        answers={200: StatsSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return the figures."""
        since = engine().store.now() - _PERIODS[self.query["period"]]
        group = _GROUPS[self.query["group_by"]]
        answer = {**self.query, "since": instant(since)}
        return Response({**answer, "results": group(visible_executions(request.user), since)})


def _by_workflow(executions: Executions, since: datetime) -> list[dict[str, Any]]:
    registered = {definition.name for definition in engine().registry.list_definitions()}
    rows = Workflow.objects.using(settings().database).order_by("name")
    names = sorted({*registered, *rows.values_list("name", flat=True).distinct()})
    return [
        _represent(statistics)
        for statistics in list_statistics(executions, names[:MAX_WORKFLOWS], since)
    ]


def _by_status(executions: Executions, since: datetime) -> list[dict[str, Any]]:
    counts = count_by_status(executions.filter(pk__gte=first_id_at(since)))
    return [{"status": str(status), **_capped(count)} for status, count in counts.items()]


def _ungrouped(executions: Executions, since: datetime) -> list[dict[str, Any]]:
    finished = executions.filter(finished_at__gte=since)
    questions = {"started": executions.filter(pk__gte=first_id_at(since))} | {
        str(status): finished.filter(status=status.value) for status in sorted(TERMINAL_STATUSES)
    }
    counts = count_capped(questions)
    is_capped = any(count > MAX_COUNTED for count in counts.values())
    told = {what: min(count, MAX_COUNTED) for what, count in counts.items()}
    return [{**told, "is_capped": is_capped}]


def _represent(statistics: WorkflowStatistics) -> dict[str, Any]:
    figures = statistics.figures
    started = _capped(statistics.started)
    return {
        "workflow": statistics.name,
        "started": started["count"],
        "is_capped": started["is_capped"],
        "completed": figures.completed,
        "failed": figures.failed,
        "cancelled": figures.cancelled,
        "failure_rate": figures.failure_rate,
        "p50_seconds": _seconds(figures.p50),
        "p95_seconds": _seconds(figures.p95),
        "is_sampled": statistics.is_sampled,
    }


def _capped(count: int) -> dict[str, Any]:
    return {"count": min(count, MAX_COUNTED), "is_capped": count > MAX_COUNTED}


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


_GROUPS: Mapping[str, Callable[[Executions, datetime], list[dict[str, Any]]]] = {
    "workflow": _by_workflow,
    "status": _by_status,
    "none": _ungrouped,
}
