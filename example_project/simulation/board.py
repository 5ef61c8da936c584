"""Read where the executions stand: one query, through the ORM, like any other table."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max, OuterRef, Subquery

from durable_django import ExecutionStatus
from durable_django.domain.error_record import ErrorRecord
from durable_django.models import StepCheckpoint, WorkflowExecution

ENDED = {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where one execution stands."""

    id: UUID
    status: ExecutionStatus
    #: What it waits for, or the step it did last.
    at: str
    #: The most attempts that any of its steps took.
    attempts: int
    #: How often a worker was lost over it.
    recoveries: int
    error: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @property
    def has_settled(self) -> bool:
        """Whether nothing more happens to it, unless a person acts."""
        return self.status in ENDED or self.status is ExecutionStatus.PARKED

    def is_waiting_for(self, name: str) -> bool:
        """Say whether it waits for the signal, timer, task or child of this name."""
        return self.at.endswith(f" {name}")

    @property
    def error_class(self) -> str:
        return self.error.rpartition(".")[2]

    @property
    def seconds(self) -> float:
        """Return how long it took, or has taken until it was last written."""
        return ((self.finished_at or self.updated_at) - self.created_at).total_seconds()


def read_lines(ids: Collection[UUID]) -> dict[UUID, Line]:
    """Return where each execution stands."""
    last = StepCheckpoint.objects.filter(execution=OuterRef("pk")).order_by("-pk")
    rows = WorkflowExecution.objects.filter(pk__in=ids).annotate(
        last_key=Subquery(last.values("key")[:1]),
        attempts=Max("checkpoints__attempt"),
    )
    return {row.pk: _to_line(row) for row in rows}


def _to_line(row: WorkflowExecution) -> Line:
    record = ErrorRecord.from_text(row.error) if row.error else None
    waits = f"{row.waiting_kind} {row.waiting_for}" if row.waiting_kind else ""
    return Line(
        id=row.pk,
        status=ExecutionStatus(row.status),
        at=waits or getattr(row, "last_key", None) or "",
        attempts=getattr(row, "attempts", None) or 0,
        recoveries=row.recoveries,
        error=record.type if record is not None else "",
        created_at=row.created_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )
