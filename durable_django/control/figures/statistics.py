"""Figures about many executions, each read from a bounded part of the history.

Nothing here groups or counts the whole history: every question stops at a limit, and every answer
says when it did. Executions come as a queryset (`control.scope.visible_executions(user)`), so that
the figures are about what the user may see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import QuerySet

from durable_django.control.figures.bounded import (
    MAX_COUNTED,
    count_capped,
    first_id_at,
    select_from,
)
from durable_django.control.payloads.error_excerpts import ErrorExcerpt
from durable_django.domain.status import TERMINAL_STATUSES, ExecutionStatus
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.rows import to_datetime, to_uuid

#: The newest executions that percentiles are taken from, of all asked-for workflows together.
SAMPLE_ROWS = 6_000
#: And of one workflow.
MAX_SAMPLE = 2_000
_MIN_SAMPLE = 50
MAX_FAILED = 20

Executions = QuerySet[WorkflowExecution]
_LIVE = [status for status in ExecutionStatus if not status.is_terminal]
_ENDS = [status for status in ExecutionStatus if status.is_terminal]
_T = TypeVar("_T")


def count_by_status(
    executions: Executions, limit: int = MAX_COUNTED + 1
) -> dict[ExecutionStatus, int]:
    """Return how many executions are in each status, counted no further than `limit`; one query."""
    return count_capped(
        {status: executions.filter(status=status.value) for status in ExecutionStatus}, limit
    )


# --- figures of workflows ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How some finished executions ended, and how long they took from their start to their end."""

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    #: None if none of them ever began.
    p50: timedelta | None = None
    p95: timedelta | None = None

    @property
    def finished(self) -> int:
        """How many there are."""
        return self.completed + self.failed + self.cancelled

    @property
    def failure_rate(self) -> float | None:
        """Failed ones among those nobody cancelled, 0 to 1; None if there are none."""
        decided = self.completed + self.failed
        return self.failed / decided if decided else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The newest failure among some executions."""

    execution_id: UUID
    at: datetime
    error: ErrorExcerpt


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowStatistics:
    """What became of a workflow's executions lately."""

    name: str
    #: Started since then, counted no further than `MAX_COUNTED` and one.
    started: int = 0
    #: How many of the newest executions the rest was taken from.
    sampled: int = 0
    #: Whether there are older ones since then that were not looked at.
    is_sampled: bool = False
    figures: Figures = field(default_factory=Figures)
    #: By version, those that have finished executions among the sampled.
    versions: Mapping[int, Figures] = field(default_factory=dict)
    last_failure: Failure | None = None
    #: The failed ones among the sampled, the latest failure first; at most `MAX_FAILED`.
    failed_ids: Sequence[UUID] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Finished:
    id: UUID
    version: int
    status: ExecutionStatus
    started_at: datetime | None
    finished_at: datetime


def workflow_statistics(
    executions: Executions, name: str, since: datetime | None
) -> WorkflowStatistics:
    """Return the statistics of one workflow: see `list_statistics`."""
    return list_statistics(executions, [name], since)[0]


def list_statistics(
    executions: Executions, names: Sequence[str], since: datetime | None
) -> list[WorkflowStatistics]:
    """Return the statistics of workflows since an instant (None: ever), in the order of the names.

    Three queries for up to 200 workflows. What finished is looked for among the newest executions
    of each, `MAX_SAMPLE` of one and `SAMPLE_ROWS` of all, so that a long history costs no more than
    a short one; executions that were live longer than that many newer ones are passed over.
    """
    if not names:
        return []
    rows_of = {name: executions.filter(workflow_name=name) for name in names}
    first = {} if since is None else {"pk__gte": first_id_at(since)}
    started = count_capped({name: rows.filter(**first) for name, rows in rows_of.items()})
    size = min(MAX_SAMPLE, max(_MIN_SAMPLE, SAMPLE_ROWS // len(names)))
    finished, sampled = _sample(rows_of, size)
    lately = {
        name: [row for row in rows if since is None or row.finished_at >= since]
        for name, rows in finished.items()
    }
    failed = {name: _list_failed(rows) for name, rows in lately.items()}
    failures = _load_failures(executions, [rows[0] for rows in failed.values() if rows])
    return [
        WorkflowStatistics(
            name=name,
            started=started[name],
            sampled=sampled[name],
            is_sampled=sampled[name] >= size and started[name] > size,
            figures=_figures_of(lately[name]),
            versions={
                version: _figures_of(rows)
                for version, rows in sorted(_group(lately[name], lambda row: row.version).items())
            },
            last_failure=failures[failed[name][0].id] if failed[name] else None,
            failed_ids=[row.id for row in failed[name][:MAX_FAILED]],
        )
        for name in names
    ]


def _sample(
    rows_of: Mapping[str, Executions], size: int
) -> tuple[dict[str, list[_Finished]], dict[str, int]]:
    sources = {
        name: rows.order_by("-id").values_list(
            "id", "workflow_version", "status", "started_at", "finished_at"
        )[:size]
        for name, rows in rows_of.items()
    }
    columns = "id, workflow_version, status, started_at, finished_at"
    finished: dict[str, list[_Finished]] = {name: [] for name in rows_of}
    sampled = dict.fromkeys(rows_of, 0)
    for name, (id_, version, status, started_at, finished_at) in select_from(sources, columns):
        sampled[name] += 1
        if finished_at is not None and status in TERMINAL_STATUSES:
            finished[name].append(
                _Finished(
                    id=to_uuid(id_),
                    version=version,
                    status=ExecutionStatus(status),
                    started_at=to_datetime(started_at) if started_at is not None else None,
                    finished_at=to_datetime(finished_at),
                )
            )
    return finished, sampled


def _figures_of(rows: Collection[_Finished]) -> Figures:
    # Of those that came to their end: a cancel or a failure says nothing of how long it takes.
    took = sorted(
        row.finished_at - row.started_at
        for row in rows
        if row.started_at is not None and row.status is ExecutionStatus.COMPLETED
    )
    counts = {status: sum(row.status is status for row in rows) for status in _ENDS}
    return Figures(
        completed=counts[ExecutionStatus.COMPLETED],
        failed=counts[ExecutionStatus.FAILED],
        cancelled=counts[ExecutionStatus.CANCELLED],
        p50=percentile(took, 0.5),
        p95=percentile(took, 0.95),
    )


def _list_failed(rows: Iterable[_Finished]) -> list[_Finished]:
    failed = [row for row in rows if row.status is ExecutionStatus.FAILED]
    return sorted(failed, key=lambda row: (row.finished_at, row.id), reverse=True)


def _load_failures(executions: Executions, rows: Collection[_Finished]) -> dict[UUID, Failure]:
    found = executions.filter(pk__in=[row.id for row in rows])
    texts = dict(found.values_list("pk", ErrorExcerpt.of_column())) if rows else {}
    return {
        row.id: Failure(
            execution_id=row.id,
            at=row.finished_at,
            error=ErrorExcerpt.from_text(texts.get(row.id)) or ErrorExcerpt(type="", message=""),
        )
        for row in rows
    }


# --- who is live ---


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVersions:
    """How many live executions each workflow and version has, by status."""

    counts: Mapping[tuple[str, int], Mapping[ExecutionStatus, int]]
    #: Whether every live execution was counted: else only the oldest of each status.
    is_complete: bool

    def of(self, name: str, version: int) -> int:
        """Return how many live executions a version has."""
        return sum(self.counts.get((name, version), {}).values())

    def versions_of(self, name: str) -> list[int]:
        """Return the versions of a workflow that have live executions, ordered."""
        return sorted(version for other, version in self.counts if other == name)


def count_live_versions(executions: Executions, limit: int = MAX_COUNTED) -> LiveVersions:
    """Return the live executions by workflow and version, from the oldest `limit` of each status.

    The oldest, because they are those whose code may be gone. One query.
    """
    sources = {
        status: executions.filter(status=status.value)
        .order_by("id")
        .values_list("workflow_name", "workflow_version")[:limit]
        for status in _LIVE
    }
    columns = "workflow_name, workflow_version, COUNT(*)"
    counts: dict[tuple[str, int], dict[ExecutionStatus, int]] = {}
    totals = dict.fromkeys(_LIVE, 0)
    grouped = select_from(sources, columns, "GROUP BY workflow_name, workflow_version")
    for status, (name, version, count) in grouped:
        counts.setdefault((name, version), {})[status] = count
        totals[status] += count
    return LiveVersions(
        counts=dict(sorted(counts.items())), is_complete=max(totals.values()) < limit
    )


# --- shared ---


def percentile(ordered: Sequence[timedelta], share: float) -> timedelta | None:
    """Return the smallest value that `share` (0 to 1) of them do not exceed: nearest rank."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _group(rows: Iterable[_T], key: Callable[[_T], int]) -> dict[int, list[_T]]:
    groups: dict[int, list[_T]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups
