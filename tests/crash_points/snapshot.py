"""What the database says of one execution, as JSON: read past the code under test."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection

from durable_django.domain.error_record import ErrorRecord
from durable_django.models import (
    EventSubscription,
    ExecutionEvent,
    HumanTask,
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)
from durable_django.stores.orm.rows import to_datetime, to_uuid
from tests.crash_points.models import Effect

Row = dict[str, Any]
Snapshot = dict[str, Any]

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00")

_OWN = {
    "checkpoints": (StepCheckpoint, "position, call_key, attempt"),
    "timers": (WorkflowTimer, "call_key"),
    "signals": (WorkflowSignal, "position"),
    "events": (ExecutionEvent, "id"),
    "effects": (Effect, "id"),
    "subscriptions": (EventSubscription, "call_key"),
    "tasks": (HumanTask, "call_key, id"),
}


def take_snapshot(workflow: str, key: str) -> Snapshot | None:
    """Return all rows of the execution with this key, if there is one."""
    found = _rows(WorkflowExecution, "workflow_name = %s AND execution_key = %s", [workflow, key])
    if not found:
        return None
    [execution] = found
    return {
        "execution": _plain_row(execution),
        **{
            name: [
                _plain_row(row)
                for row in _rows(model, f"execution_id = %s ORDER BY {order}", [execution["id"]])
            ]
            for name, (model, order) in _OWN.items()
        },
        "children": _family(execution["id"]),
    }


def _family(parent_id: Any) -> list[Row]:
    """Return the executions that it started, and those that these did, by call."""
    found = _rows(WorkflowExecution, "parent_id = %s ORDER BY parent_key, id", [parent_id])
    return [row for child in found for row in (_plain_row(child), *_family(child["id"]))]


def outline_of(snapshot: Snapshot) -> Snapshot:
    """Return what must not depend on crashes: no ids, no instants, no counts of crashes."""
    execution = snapshot["execution"]
    own_id = execution["id"]
    return {
        **_pick(execution, ("status", "output", "park_reason", "ending", "epoch", "wake_at")),
        "error": _words_of(execution["error"], own_id),
        "checkpoints": [
            {
                **_pick(row, ("call_key", "attempt", "position", "kind", "status", "epoch")),
                **_pick(row, ("is_final", "action", "compensation")),
                "output": row["output"] and _INSTANT.sub("<instant>", row["output"]),
                "error": _words_of(row["error"], own_id),
            }
            for row in snapshot["checkpoints"]
        ],
        "timers": [_pick(row, ("call_key", "status")) for row in snapshot["timers"]],
        "signals": [
            _pick(row, ("name", "payload", "status", "dedupe_key")) for row in snapshot["signals"]
        ],
        # An act that a crash left unanswered is asked for again, and told once all the same.
        "events": [row["type"] for row in snapshot["events"] if row["type"] != "worker_lost"],
        "effects": [row["step"] for row in snapshot["effects"]],
        "subscriptions": [row["call_key"] for row in snapshot["subscriptions"]],
        "tasks": [_pick(row, ("call_key", "status", "data")) for row in snapshot["tasks"]],
        "children": [
            _pick(row, ("parent_key", "parent_wait", "depth", "status", "output", "wake_at"))
            for row in snapshot["children"]
        ],
    }


def _rows(model: Any, condition: str, params: list[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {model._meta.db_table} WHERE {condition}", params)  # noqa: S608 -- constants
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _plain_row(row: Row) -> Row:
    return {name: _plain(name, value) for name, value in row.items()}


def _plain(name: str, value: Any) -> Any:
    """Return a value as every database gives it."""
    if value is None:
        return None
    if isinstance(value, datetime) or name.endswith("_at"):
        return to_datetime(value).isoformat(timespec="microseconds")
    # Effects, checkpoints, events and timers have numbers for ids.
    is_id = name in {"id", "execution_id", "parent_id", "forked_from", "workflow_id"}
    return str(to_uuid(value)) if is_id and not isinstance(value, int) else value


def _pick(row: Row, names: Iterable[str]) -> Row:
    return {name: row[name] for name in names}


def _words_of(error: str | None, own_id: str) -> str | None:
    if error is None:
        return None
    record = ErrorRecord.from_text(error)
    words = f"{record} ({record.code}, {record.attempts})".replace(own_id, "<id>")
    return _UUID.sub("<other id>", words)
