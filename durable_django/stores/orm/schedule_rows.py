"""Schedules and ticks: rows to domain values and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from durable_django.domain.recurrence import check_policy
from durable_django.domain.schedule import (
    FoldPolicy,
    GapPolicy,
    MisfirePolicy,
    OverlapPolicy,
    Schedule,
    ScheduleSource,
    ScheduleTick,
    TickKind,
    TickOutcome,
)
from durable_django.models import Schedule as ScheduleRow
from durable_django.models import ScheduleTick as TickRow
from durable_django.stores.orm.rows import to_datetime

#: The columns that hold a fact of a schedule as it is.
_PLAIN = (
    "name",
    "workflow_name",
    "workflow_version",
    "description",
    "input",
    "tick_argument",
    "queue",
    "priority",
    "cron",
    "anchor_at",
    "timezone",
    "is_enabled",
    "disabled_reason",
    "disable_after",
    "consecutive_failures",
    "next_tick_at",
    "last_tick_at",
    "actor_name",
    "created_at",
    "updated_at",
)


def to_schedule(row: ScheduleRow) -> Schedule:
    """Return the schedule that a row holds.

    Raises:
        ScheduleError: It holds a policy that this code does not know: one of a later version, say.
    """
    facts: dict[str, Any] = {name: getattr(row, name) for name in _PLAIN}
    return Schedule(
        **facts,
        tags=tuple(row.tags),
        every=None if row.every_seconds is None else timedelta(seconds=row.every_seconds),
        gap=check_policy("gap", GapPolicy, row.gap),
        fold=check_policy("fold", FoldPolicy, row.fold),
        misfire=check_policy("misfire", MisfirePolicy, row.misfire),
        misfire_grace=timedelta(seconds=row.misfire_grace_seconds),
        overlap=check_policy("overlap", OverlapPolicy, row.overlap),
        source=check_policy("source", ScheduleSource, row.source),
    )


def schedule_columns(schedule: Schedule) -> dict[str, Any]:
    """Return what the columns of the schedule's row hold."""
    every = schedule.every
    return {name: getattr(schedule, name) for name in _PLAIN} | {
        "tags": list(schedule.tags),
        "every_seconds": None if every is None else int(every.total_seconds()),
        "gap": str(schedule.gap),
        "fold": str(schedule.fold),
        "misfire": str(schedule.misfire),
        "misfire_grace_seconds": int(schedule.misfire_grace.total_seconds()),
        "overlap": str(schedule.overlap),
        "source": str(schedule.source),
    }


def to_tick(row: TickRow, schedule_name: str) -> ScheduleTick:
    """Return the tick that a row holds."""
    return ScheduleTick(
        schedule_name=schedule_name,
        tick_at=to_datetime(row.tick_at),
        outcome=TickOutcome(row.outcome),
        kind=TickKind(row.kind),
        execution_id=row.execution_id,
        detail=row.detail,
        created_at=row.created_at,
    )


def tick_columns(tick: ScheduleTick) -> dict[str, Any]:
    """Return what the columns of the tick's row hold, but for the schedule it belongs to."""
    return {
        "tick_at": tick.tick_at,
        "kind": str(tick.kind),
        "outcome": str(tick.outcome),
        "execution_id": tick.execution_id,
        "detail": tick.detail,
        "created_at": tick.created_at,
    }
