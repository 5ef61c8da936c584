"""The controls of queues: who may change them, who knows them, and what is in a queue."""

# ruff: noqa: D103 -- each public function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from durable_django.domain.status import CLAIMABLE_STATUSES, QueueMode
from durable_django.domain.work_queue import (
    UNCHANGED,
    QueueChange,
    QueueControl,
    QueueFigures,
    Rate,
)
from durable_django.models import WorkQueue
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.rows import EXECUTIONS, to_datetime

#: So long a process believes what it knows of which queues are controlled.
BELIEVED_S = 1.0


class QueueControls:
    """Knows which queues are controlled, asking the database once a second for all of them.

    So a queue that nobody controls costs its claims nothing. What a control says is read anew,
    under its lock, by every claim.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: tuple[float, frozenset[str]] | None = None

    def is_controlled(self, db: Database, name: str) -> bool:
        known, now = self._known, self._monotonic()
        if known is None or now - known[0] >= BELIEVED_S:
            known = self._known = (
                now,
                frozenset(control.name for control in list_queues(db) if control.is_controlled),
            )
        return name in known[1]

    def forget(self) -> None:
        """Ask again at the next look: this process has changed a control."""
        self._known = None


def change_queue(db: Database, name: str, change: QueueChange) -> QueueControl:
    def write() -> QueueControl:
        now = db.now()
        rows = WorkQueue.objects.using(db.alias)
        if not rows.filter(pk=name).exists():
            rows.bulk_create([WorkQueue(name=name, updated_at=now)], ignore_conflicts=True)
        # This takes the row's lock, so that two changes do not undo each other.
        rows.filter(pk=name).update(updated_at=now)
        row = rows.get(pk=name)
        for field, value in _assigned(row, change).items():
            setattr(row, field, value)
        row.tokens_at = now if row.tokens_at is None else row.tokens_at
        row.reason, row.actor_name = change.reason, change.actor_name
        row.save(using=db.alias)
        return _to_control(row)

    return db.transact(write)


def _assigned(row: WorkQueue, change: QueueChange) -> dict[str, Any]:
    assigned: dict[str, Any] = {}
    if change.mode is not UNCHANGED:
        assigned["mode"] = change.mode.value
    if change.max_running is not UNCHANGED:
        assigned["max_running"] = change.max_running
    if change.rate is not UNCHANGED and change.rate != to_rate(
        row.rate_limit, row.rate_period_seconds
    ):
        assigned["rate_limit"] = change.rate.limit if change.rate else None
        assigned["rate_period_seconds"] = (
            change.rate.period.total_seconds() if change.rate else None
        )
        assigned["tokens"] = change.rate.limit if change.rate else 0
        assigned["tokens_at"] = None
    return assigned


def load_queue(db: Database, name: str) -> QueueControl:
    row = WorkQueue.objects.using(db.alias).filter(pk=name).first()
    return QueueControl(name=name) if row is None else _to_control(row)


def list_queues(db: Database) -> list[QueueControl]:
    return [_to_control(row) for row in WorkQueue.objects.using(db.alias).order_by("name")]


def measure_queues(
    db: Database, names: Collection[str], *, with_others: bool
) -> dict[str, QueueFigures]:
    found: dict[str, dict[str, int]] = {name: {} for name in names}
    if not found and not with_others:
        return {}
    of_queues = "1 = 1" if with_others else f"queue IN ({', '.join(['%s'] * len(found))})"
    standing = (
        f"CASE WHEN wake_at <= {db.moment().now} THEN 'due'"
        " WHEN status IN ('running', 'compensating') AND waiting_kind = '' THEN 'running'"
        " ELSE 'waiting' END"
    )
    begun = "CASE WHEN started_at IS NOT NULL OR parent_wait <> '' THEN 1 END"
    live = ", ".join(f"'{status}'" for status in sorted(CLAIMABLE_STATUSES))
    sql = (
        f"SELECT queue, standing, COUNT(*), COUNT(begun) FROM ("
        f"SELECT queue, {begun} AS begun, {standing} AS standing FROM {EXECUTIONS}"
        f" WHERE status IN ({live}) AND guarantee = 'background'"
        f" AND {of_queues}) AS live GROUP BY queue, standing"
    )
    for name, where, count, begun in db.fetch(sql, [] if with_others else list(found)):
        figures = found.setdefault(name, {})
        figures[where] = int(count)
        figures["begun"] = figures.get("begun", 0) + int(begun)
    return {name: QueueFigures(**figures) for name, figures in found.items()}


def to_rate(limit: int | None, period_seconds: float | None) -> Rate | None:
    """Return the rate that two columns say."""
    if limit is None or period_seconds is None:
        return None
    return Rate(limit, timedelta(seconds=period_seconds))


def _to_control(row: WorkQueue) -> QueueControl:
    return QueueControl(
        name=row.name,
        mode=QueueMode(row.mode),
        max_running=row.max_running,
        rate=to_rate(row.rate_limit, row.rate_period_seconds),
        reason=row.reason,
        changed_by=row.actor_name,
        changed_at=to_datetime(row.updated_at),
    )
