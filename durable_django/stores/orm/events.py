"""Write and read what was done to executions."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

import json
from uuid import UUID

from durable_django.domain.event import Event, NewEvent
from durable_django.models import ExecutionEvent
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.rows import to_event

_TABLE = ExecutionEvent._meta.db_table  # noqa: SLF001 -- Django's documented model API


def add_event(db: Database, event: NewEvent) -> None:
    sql = (
        f"INSERT INTO {_TABLE} (execution_id, type, actor_kind, actor_id, actor_name, reason,"
        f" details, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, {db.moment().now})"
    )
    db.execute(
        sql,
        [
            db.uuid(event.execution_id),
            str(event.type),
            str(event.actor.kind),
            event.actor.id,
            event.actor.name,
            event.reason,
            json.dumps(dict(event.details)),
        ],
    )


def list_events(db: Database, execution_id: UUID, *, after: int, limit: int) -> list[Event]:
    rows = ExecutionEvent.objects.using(db.alias).filter(execution_id=execution_id, pk__gt=after)
    return [to_event(row) for row in rows.order_by("pk")[:limit]]
