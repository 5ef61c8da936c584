"""What is due in each queue, what is late, what sleeps: each looked at no further than a limit.

Ready work is found by the index that workers claim by. What no worker may claim (FOREGROUND) and
what nothing would wake have no place in it, and are looked for among the oldest live executions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import DateTimeField, QuerySet

from durable_django.control.figures.bounded import MAX_COUNTED, select_from
from durable_django.domain.status import CLAIMABLE_STATUSES, Guarantee, WaitKind
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.health import WAITS_FOR_OTHERS, find_held_up
from durable_django.stores.orm.rows import to_datetime, to_uuid

#: What is due for longer than this is late.
LATE_BY = timedelta(minutes=1)
#: The most queues that are found in the table, beside those the code names.
MAX_QUEUES = 50
_IS_TIMER = f"waiting_kind = '{WaitKind.TIMER.value}'"
#: No worker may claim it and its time has come; or it has no alarm and waits for nobody.
_IS_STRAY = (
    f"(guarantee = '{Guarantee.FOREGROUND.value}' AND wake_at <= %s) OR (wake_at IS NULL AND"
    f" waiting_kind NOT IN ({', '.join(repr(kind) for kind in WAITS_FOR_OTHERS)}))"
)

Executions = QuerySet[WorkflowExecution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """What is due in one queue. Counts go no further than `MAX_COUNTED` and one."""

    name: str
    #: Due now, for any worker of the queue.
    ready: int
    #: Since when the one that is claimed next has been due; None if nothing is.
    oldest_since: datetime | None
    #: Due for longer than `LATE_BY`; 0 if the control of the queue lets none of it be claimed now.
    late: int
    #: Whether a living worker serves it.
    is_served: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """The executions that sleep."""

    #: With their alarm to come; counted no further than `MAX_COUNTED` and one in each queue.
    waiting: int
    next_at: datetime | None
    late: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stray:
    """An execution that no worker comes for by itself."""

    id: UUID
    #: When it was due; None if it has no alarm at all, which must not happen.
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAtHand:
    """All queues by name, and the timers."""

    queues: Sequence[Queue]
    timers: Timers


def list_queue_names(alias: str) -> list[str]:
    """Return the queues that any execution ever had, up to `MAX_QUEUES`, ordered.

    One query for each: it skips from name to name in the index, where DISTINCT would read it all.
    """
    rows = WorkflowExecution.objects.using(alias).order_by("queue").values_list("queue", flat=True)
    names: list[str] = []
    name = rows.first()
    while name is not None and len(names) < MAX_QUEUES:
        names.append(name)
        name = rows.filter(queue__gt=name).first()
    return names


def load_work_at_hand(
    executions: Executions, names: Iterable[str], served: Iterable[str], now: datetime
) -> WorkAtHand:
    """Return what is due in the queues of these names, and what sleeps; a few queries."""
    queues = {name: executions.filter(queue=name) for name in sorted(set(names))}
    cutoff = now - LATE_BY
    due = {("ready", name): _due(rows, now) for name, rows in queues.items()}
    due |= {("late", name): _due(rows, cutoff) for name, rows in queues.items()}
    columns = f"COUNT(*), MIN(wake_at), SUM(CASE WHEN {_IS_TIMER} THEN 1 ELSE 0 END)"
    found = dict(select_from(due, columns))
    waiting, next_at = _load_timers(queues, now)
    alive = set(served)
    listed = [_to_queue(name, found, is_served=name in alive) for name in queues]
    held_up = find_held_up(executions.db, [queue.name for queue in listed if queue.late])
    return WorkAtHand(
        queues=[replace(q, late=0) if q.name in held_up else q for q in listed],
        timers=Timers(
            waiting=waiting,
            next_at=next_at,
            late=sum(int(row[2] or 0) for (kind, _), row in found.items() if kind == "late"),
        ),
    )


def list_strays(executions: Executions, now: datetime, limit: int = MAX_COUNTED) -> list[Stray]:
    """Return what is late and no worker comes for, ordered by id; one query.

    Looked for among the oldest `limit` executions of each status that has an alarm.
    """
    sources = {
        status: executions.filter(status=status.value)
        .order_by("id")
        .values_list("id", "guarantee", "waiting_kind", "wake_at")[:limit]
        for status in sorted(CLAIMABLE_STATUSES)
    }
    cutoff = DateTimeField().get_db_prep_value(now - LATE_BY, connections[executions.db])
    rows = select_from(sources, "id, wake_at", f"WHERE {_IS_STRAY}", [cutoff])
    strays = [
        Stray(id=to_uuid(id_), due_at=to_datetime(wake_at) if wake_at is not None else None)
        for _, (id_, wake_at) in rows
    ]
    return sorted(strays, key=lambda stray: stray.id)


def _due(rows: Executions, cutoff: datetime) -> QuerySet[Any, Any]:
    # By order_at, because that is what the index holds; it is never after wake_at.
    due = rows.filter(order_at__lte=cutoff, wake_at__lte=cutoff).order_by("order_at")
    return due.values_list("wake_at", "waiting_kind")[: MAX_COUNTED + 1]


def _load_timers(queues: Mapping[str, Executions], now: datetime) -> tuple[int, datetime | None]:
    sources = {
        name: rows.filter(order_at__gt=now)
        .order_by("order_at")
        .values_list("wake_at", "waiting_kind")[: MAX_COUNTED + 1]
        for name, rows in queues.items()
    }
    counted = [
        row for _, row in select_from(sources, "COUNT(*), MIN(wake_at)", f"WHERE {_IS_TIMER}")
    ]
    alarms = [to_datetime(first) for _, first in counted if first is not None]
    return sum(int(count) for count, _ in counted), min(alarms, default=None)


def _to_queue(
    name: str, found: Mapping[tuple[str, str], Sequence[Any]], *, is_served: bool
) -> Queue:
    ready = found.get(("ready", name), (0, None))
    late = found.get(("late", name), (0,))
    return Queue(
        name=name,
        ready=int(ready[0]),
        oldest_since=to_datetime(ready[1]) if ready[1] is not None else None,
        late=int(late[0]),
        is_served=is_served,
    )
