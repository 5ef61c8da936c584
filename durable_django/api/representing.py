"""What is told of executions and what belongs to them: plain JSON, secrets and payloads hidden.

Times are RFC 3339 in UTC, durations seconds, ids lower-case UUIDs. The shapes are documented in
`serializers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rest_framework.request import Request

from durable_django.api.http.links import link_to
from durable_django.control.actions import allowed_actions
from durable_django.control.groups import read_group
from durable_django.control.items import ItemCount, count_items
from durable_django.control.payloads.payload_view import payload_json
from durable_django.control.payloads.redaction import redact, redact_text
from durable_django.control.permissions import Permission, allows
from durable_django.control.waiting import child_id_of
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.event import EventType
from durable_django.domain.status import CheckpointKind, ExecutionStatus, WaitKind
from durable_django.engine.group_record import GroupRecord
from durable_django.models import (
    ExecutionEvent,
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)
from durable_django.stores.orm.rows import CHECKPOINT_FIELDS, to_checkpoint

#: In these, `waiting_kind` says what wakes it; elsewhere it is what it waited for last.
_WAITING_STATUSES = (ExecutionStatus.SUSPENDED, ExecutionStatus.COMPENSATING)
#: Elsewhere the alarm is the end of a worker's lease, or nothing.
_ALARMED_STATUSES = (ExecutionStatus.PENDING, ExecutionStatus.SUSPENDED)


def represent_execution(request: Request, execution: WorkflowExecution) -> dict[str, Any]:
    """Return an execution as one of many: what its row says, no payloads, no further queries."""
    return {
        "id": str(execution.pk),
        "workflow": execution.workflow_name,
        "version": execution.workflow_version,
        "status": execution.status,
        "key": execution.key,
        "queue": execution.queue,
        "priority": execution.priority,
        "tags": list(execution.tags),
        "subject": execution.subject,
        "correlation_id": execution.correlation_id,
        "forked_from": str(execution.forked_from) if execution.forked_from else None,
        "parent": str(execution.parent_id) if execution.parent_id else None,
        "parent_call": execution.parent_key,
        "depth": execution.depth,
        "on_parent_close": execution.on_parent_close if execution.parent_id else None,
        "epoch": execution.epoch,
        "progress": redact(execution.progress),
        "waiting": _represent_wait(execution),
        "wake_at": instant(execution.wake_at) if execution.status in _ALARMED_STATUSES else None,
        "park_reason": execution.park_reason,
        "error": represent_error(execution.error),
        "created_at": instant(execution.created_at),
        "started_at": instant(execution.started_at),
        "updated_at": instant(execution.updated_at),
        "finished_at": instant(execution.finished_at),
        "expires_at": instant(execution.expires_at),
        "pause_requested_at": instant(execution.pause_requested_at),
        "links": {"self": link_to(request, "execution", execution_id=execution.pk)},
    }


def represent_whole(request: Request, execution: WorkflowExecution) -> dict[str, Any]:
    """Return an execution by itself: also who cancelled it and what the user may do to it."""
    actions = [str(action) for action in allowed_actions(request.user, execution)]
    return represent_execution(request, execution) | {
        "cancel": represent_cancel(execution),
        "actions": actions,
    }


def represent_cancel(execution: WorkflowExecution) -> dict[str, Any] | None:
    """Return who asked for it to be cancelled, when and why; None if nobody did."""
    if execution.cancel_requested_at is None:
        return None
    asked = execution.events.filter(type=EventType.CANCEL_REQUESTED).order_by("-id").first()
    return {
        "requested_at": instant(execution.cancel_requested_at),
        "requested_by": represent_actor(asked) if asked else None,
        "reason": redact_text(execution.cancel_reason),
        "compensate": execution.cancel_compensates,
    }


def represent_payloads(request: Request, execution: WorkflowExecution) -> dict[str, Any]:
    """Return the input and the output, redacted; or that they are not for this user."""
    may_see = allows(request.user, Permission.PAYLOADS)
    return {
        "input": payload_json(execution.input, may_see=may_see),
        "output": payload_json(execution.output, may_see=may_see),
    }


def represent_attempts(
    request: Request, execution: WorkflowExecution, rows: Sequence[StepCheckpoint]
) -> list[dict[str, Any]]:
    """Return attempts of durable calls; how far the maps among them have come is counted at once."""
    maps = [_to_value(row) for row in rows if row.kind == CheckpointKind.MAP]
    counts = count_items(execution.pk, maps)
    return [_represent_attempt(request, row, counts.get(row.key)) for row in rows]


def _represent_attempt(
    request: Request, checkpoint: StepCheckpoint, count: ItemCount | None
) -> dict[str, Any]:
    may_see = allows(request.user, Permission.PAYLOADS)
    value = _to_value(checkpoint)
    child_id = child_id_of(value)
    return {
        "key": checkpoint.key,
        "name": checkpoint.name,
        "position": checkpoint.position,
        "kind": checkpoint.kind,
        "attempt": checkpoint.attempt,
        "epoch": checkpoint.epoch,
        "status": checkpoint.status,
        "is_final": checkpoint.is_final,
        "output": payload_json(checkpoint.output, may_see=may_see),
        "error": represent_error(checkpoint.error),
        "retry_at": instant(checkpoint.retry_at),
        "started_at": instant(checkpoint.started_at),
        "completed_at": instant(checkpoint.completed_at),
        "branch_position": checkpoint.branch_position,
        "group": _represent_group(read_group(value)),
        "items": None if count is None else _represent_items(count),
        "child_id": None if child_id is None else str(child_id),
    }


def _represent_group(record: GroupRecord | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "decided_by": record.by,
        "timed_out": record.has_timed_out,
        "branches": {name: str(status) for name, status in record.statuses.items()},
    }


def _represent_items(count: ItemCount) -> dict[str, Any]:
    return {
        "total": count.total,
        "completed": count.completed,
        "failed": count.failed,
        "undone": count.undone,
        "open": count.open,
        "are_children": count.are_children,
    }


def _to_value(row: StepCheckpoint) -> Checkpoint:
    """Return a row as a value; its payloads are left out."""
    left_out = {"input": "", "output": None}
    return to_checkpoint(
        [left_out[n] if n in left_out else getattr(row, n) for n in CHECKPOINT_FIELDS]
    )


def represent_signal(request: Request, signal: WorkflowSignal) -> dict[str, Any]:
    """Return one signal."""
    return {
        "id": str(signal.pk),
        "name": signal.name,
        "position": signal.position,
        "status": signal.status,
        "dedupe_key": signal.dedupe_key,
        "payload": payload_json(signal.payload, may_see=allows(request.user, Permission.PAYLOADS)),
        "created_at": instant(signal.created_at),
        "delivered_at": instant(signal.delivered_at),
    }


def represent_timer(_: Request, timer: WorkflowTimer) -> dict[str, Any]:
    """Return one timer."""
    return {"key": timer.key, "status": timer.status, "fire_at": instant(timer.fire_at)}


def represent_actor(event: ExecutionEvent) -> dict[str, str]:
    """Return who acted."""
    return {"kind": event.actor_kind, "id": event.actor_id, "name": event.actor_name}


def represent_error(text: str | None) -> dict[str, Any] | None:
    """Return a stored error without its traceback, which nobody gets over REST."""
    if not text:
        return None
    error = ErrorRecord.from_text(text)
    return {
        "type": error.type,
        "message": redact_text(error.message),
        "code": error.code,
        "call": error.call,
    }


def instant(value: datetime | None) -> str | None:
    """Return an instant as RFC 3339 in UTC."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _represent_wait(execution: WorkflowExecution) -> dict[str, Any] | None:
    kind = WaitKind(execution.waiting_kind)
    if execution.status not in _WAITING_STATUSES or kind is WaitKind.NOTHING:
        return None
    return {
        "kind": str(kind),
        "name": execution.waiting_for,
        "until": instant(execution.wake_at),
    }
