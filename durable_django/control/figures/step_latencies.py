"""How long steps take and how often they fail, sampled from the newest executions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from durable_django.control.figures.statistics import percentile
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.models import StepCheckpoint, WorkflowExecution

#: The newest executions whose steps are looked at.
MAX_EXECUTIONS = 500
#: And the most attempts of theirs.
MAX_ATTEMPTS = 10_000
_ENDED = (CheckpointStatus.COMPLETED, CheckpointStatus.FAILED, CheckpointStatus.COMPENSATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLatency:
    """What the sampled attempts of one step took."""

    workflow_name: str
    step: str
    #: Attempts that ended, and those of them that failed.
    attempts: int
    failures: int
    p50: timedelta
    p95: timedelta

    @property
    def failure_rate(self) -> float:
        """Failed attempts among all, 0 to 1."""
        return self.failures / self.attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLatencies:
    """The latencies of all steps that were met in the sample, by workflow and step."""

    steps: Sequence[StepLatency]
    #: How many attempts were looked at, of how many executions.
    attempts: int
    executions: int

    def slowest(self, most: int = 10) -> list[StepLatency]:
        """Return the steps with the longest p95, the longest first."""
        return sorted(self.steps, key=lambda step: step.p95, reverse=True)[:most]

    def most_failing(self, most: int = 10) -> list[StepLatency]:
        """Return the steps with failed attempts, the largest share of them first."""
        failing = [step for step in self.steps if step.failures]
        failing.sort(key=lambda step: (step.failure_rate, step.failures), reverse=True)
        return failing[:most]


def step_latencies(
    executions: QuerySet[WorkflowExecution],
    most_executions: int = MAX_EXECUTIONS,
    most_attempts: int = MAX_ATTEMPTS,
) -> StepLatencies:
    """Return what the steps of the newest executions took; two queries, both bounded.

    An attempt lasts from its beginning to its end; the waits between attempts do not count.
    """
    newest = executions.order_by("-id").values_list("pk", "workflow_name")[:most_executions]
    names: dict[UUID, str] = dict(newest)
    if not names:
        return StepLatencies(steps=(), attempts=0, executions=0)
    attempts = (
        StepCheckpoint.objects.using(executions.db)
        .filter(
            execution_id__in=list(names),
            kind=CheckpointKind.STEP.value,
            status__in=[status.value for status in _ENDED],
            started_at__isnull=False,
            completed_at__isnull=False,
        )
        .values_list("execution_id", "name", "status", "started_at", "completed_at")
    )[:most_attempts]
    took: dict[tuple[str, str], list[timedelta]] = {}
    failures: dict[tuple[str, str], int] = {}
    for id_, step, status, began, ended in attempts:
        if began is None or ended is None:  # the query leaves them out
            continue
        slot = (names[id_], step)
        # An atomic step is stamped by two clocks, which may differ by a hair.
        took.setdefault(slot, []).append(max(ended - began, timedelta(0)))
        failures[slot] = failures.get(slot, 0) + (status == CheckpointStatus.FAILED)
    return StepLatencies(
        steps=[
            _latency(workflow_name, step, sorted(times), failures[workflow_name, step])
            for (workflow_name, step), times in sorted(took.items())
        ],
        attempts=sum(map(len, took.values())),
        executions=len(names),
    )


def _latency(
    workflow_name: str, step: str, times: Sequence[timedelta], failures: int
) -> StepLatency:
    return StepLatency(
        workflow_name=workflow_name,
        step=step,
        attempts=len(times),
        failures=failures,
        p50=percentile(times, 0.5) or timedelta(0),
        p95=percentile(times, 0.95) or timedelta(0),
    )
