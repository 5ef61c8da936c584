"""What is told of schedules and queues: plain JSON, secrets hidden."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rest_framework.request import Request

from durable_django.api.http.links import link_to
from durable_django.api.representing import instant
from durable_django.api.schedule_serializers import QUEUE_ACTIONS, SCHEDULE_ACTIONS
from durable_django.control.payloads.payload_view import payload_json
from durable_django.control.permissions import Permission, allows
from durable_django.control.queues.acting import may_control
from durable_django.control.queues.rows import QueueRow
from durable_django.control.schedules.acting import MOST_BACKFILLED, may
from durable_django.control.schedules.rows import ScheduleRow, TickRow
from durable_django.domain.schedule import Schedule
from durable_django.scheduling.tick_requester import Backfill

#: Of what the code defines.
_EDITING = frozenset({"change", "delete"})


def represent_schedule(request: Request, row: ScheduleRow) -> dict[str, Any]:
    """Return a schedule; no further queries."""
    schedule = row.schedule
    late = row.late_by
    return {
        **_represent_options(schedule),
        "input": payload_json(schedule.input, may_see=allows(request.user, Permission.PAYLOADS)),
        "in_words": row.words,
        "problem": row.problem or None,
        "next_runs": [{"at": instant(one.at), "local": _local(one.local)} for one in row.next_runs],
        "source": schedule.source.value,
        "is_enabled": schedule.is_enabled,
        "disabled_reason": row.disabled_reason,
        "consecutive_failures": schedule.consecutive_failures,
        "next_tick_at": instant(schedule.next_tick_at),
        "last_tick_at": instant(schedule.last_tick_at),
        "late_seconds": None if late is None else int(late.total_seconds()),
        "last_tick": None if row.last is None else represent_tick(request, row.last),
        "changed_by": schedule.actor_name,
        "created_at": instant(schedule.created_at),
        "updated_at": instant(schedule.updated_at),
        "actions": _actions_on(request, row),
        "links": {
            "self": link_to(request, "schedule", name=row.name),
            "ticks": link_to(request, "schedule-ticks", name=row.name),
        },
    }


def represent_tick(request: Request, row: TickRow) -> dict[str, Any]:
    """Return what became of one tick."""
    execution = row.execution
    return {
        "tick_at": instant(row.tick.tick_at),
        "local": _local(row.local),
        "kind": row.tick.kind.value,
        "outcome": row.tick.outcome.value,
        "detail": row.detail,
        "execution": execution
        and {
            "id": str(execution.pk),
            "status": execution.status,
            "link": link_to(request, "execution", execution_id=execution.pk),
        },
        "created_at": instant(row.tick.created_at),
    }


def represent_backfill(done: Backfill) -> dict[str, Any]:
    """Return what a backfill started, or would start."""
    return {
        "dry_run": done.is_dry_run,
        "count": len(done.ticks),
        "ticks": [instant(tick_at) for tick_at in done.ticks[:MOST_BACKFILLED]],
        "execution_ids": [str(one) for one in done.execution_ids],
    }


def represent_queue(request: Request, row: QueueRow) -> dict[str, Any]:
    """Return a queue; no further queries."""
    control, figures = row.control, row.figures
    return {
        "name": row.name,
        "mode": control.mode.value,
        "max_running": control.max_running,
        "rate": None if control.rate is None else str(control.rate),
        "reason": row.reason,
        "changed_by": control.changed_by,
        "changed_at": instant(control.changed_at),
        "is_drained": row.standing.is_drained,
        "figures": {
            "due": figures.due,
            "running": figures.running,
            "waiting": figures.waiting,
            "held_back": row.held_back,
            "begun": figures.begun,
        },
        "actions": list(QUEUE_ACTIONS) if may_control(request.user) else [],
        "links": {"self": link_to(request, "queue", name=row.name)},
    }


def _represent_options(schedule: Schedule) -> dict[str, Any]:
    every = schedule.every
    return {
        "name": schedule.name,
        "description": schedule.description,
        "workflow": schedule.workflow_name,
        "version": schedule.workflow_version,
        "tick_argument": schedule.tick_argument,
        "cron": schedule.cron or None,
        "every_seconds": None if every is None else int(every.total_seconds()),
        "anchor_at": instant(schedule.anchor_at),
        "timezone": schedule.timezone,
        "queue": schedule.queue,
        "priority": schedule.priority,
        "tags": list(schedule.tags),
        "gap": schedule.gap.value,
        "fold": schedule.fold.value,
        "misfire": schedule.misfire.value,
        "misfire_grace_seconds": int(schedule.misfire_grace.total_seconds()),
        "overlap": schedule.overlap.value,
        "disable_after": schedule.disable_after,
    }


def _actions_on(request: Request, row: ScheduleRow) -> list[str]:
    barred = {"change"} if row.is_of_code else set[str]()
    if not row.is_deletable:
        barred |= _EDITING
    return [act for act in SCHEDULE_ACTIONS if act not in barred and may(request.user, act)]


def _local(at: datetime) -> str:
    return at.isoformat()
