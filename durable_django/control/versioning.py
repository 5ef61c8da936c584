"""Say in one short text which state of an execution somebody has seen: what an ETag holds.

Two equal versions mean: nothing that is stored of the execution, its checkpoints, timers,
signals and events has changed in between. Costs one statement, whatever the execution's size,
and reads no payload.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Model, Q, QuerySet, Value

from durable_django.domain.status import (
    CheckpointStatus,
    SignalStatus,
    TimerStatus,
)
from durable_django.models import (
    ExecutionEvent,
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)

#: What of the row the version is made of; the row may leave out (`only()`) anything else.
VERSIONED_FIELDS = (
    "id",
    "status",
    "fence",
    "begun_fence",
    "epoch",
    "recoveries",
    "signal_count",
    # The lease's renewal and the adoption of an orphan do not touch `updated_at`.
    "guarantee",
    "wake_at",
    "waiting_kind",
    "waiting_for",
    "cancel_requested_at",
    "pause_requested_at",
    "progress",
    "updated_at",
    "finished_at",
)
_LENGTH = 32
_NOBODY = Q(pk__isnull=True)


def version_of(execution: WorkflowExecution) -> str:
    """Return the version of an execution as it was read: 32 hexadecimal digits, without quotes.

    A strong validator of the data. A page that also depends on who looks, in which language, or
    on the time must add these.
    """
    # The row was read first, so a change in between makes the tag a mixture: it matches
    # neither state, and the next look asks again.
    facts = [getattr(execution, name) for name in VERSIONED_FIELDS]
    rows = list(_count_children(execution.pk, execution._state.db))  # noqa: SLF001 -- Django documents it
    text = repr([*facts, sorted(rows, key=str)])
    return sha256(text.encode()).hexdigest()[:_LENGTH]


def _count_children(execution_id: UUID, alias: str | None) -> QuerySet[Any, Any]:
    # Instants may have only milliseconds (SQLite); the counts tell apart what shares one.
    checkpoints = _summary(
        StepCheckpoint,
        newest=Max("pk"),
        latest=Max("completed_at"),
        open=Count("pk", filter=Q(status=CheckpointStatus.INTENT)),
        undone=Count("pk", filter=Q(status=CheckpointStatus.COMPENSATED)),
    )
    timers = _summary(
        WorkflowTimer,
        newest=Max("pk"),
        latest=Max("fire_at"),
        open=Count("pk", filter=Q(status=TimerStatus.PENDING)),
        undone=Count("pk", filter=Q(status=TimerStatus.CANCELLED)),
    )
    signals = _summary(
        WorkflowSignal,
        newest=Max("position"),
        latest=Max("delivered_at"),
        open=Count("pk", filter=Q(status=SignalStatus.PENDING)),
        undone=Count("pk", filter=Q(status=SignalStatus.DELIVERED)),
    )
    events = _summary(
        ExecutionEvent,
        newest=Max("pk"),
        latest=Max("created_at"),
        open=Count("pk", filter=_NOBODY),
        undone=Count("pk", filter=_NOBODY),
    )
    own = [
        rows.using(alias).filter(execution_id=execution_id)
        for rows in (checkpoints, timers, signals, events)
    ]
    return own[0].union(*own[1:], all=True)


def _summary(model: type[Model], **aggregates: Any) -> QuerySet[Any, Any]:
    rows = model._default_manager.order_by()  # noqa: SLF001 -- Django documents it
    named = rows.values(table=Value(model.__name__))
    summary: QuerySet[Any, Any] = named.annotate(total=Count("pk"), **aggregates).values_list(
        "table", "total", "newest", "latest", "open", "undone"
    )
    return summary
