"""Which processes advance executions, by their signs of life in our own table.

Not by django-q2's: its statistics are in Django's cache, and the default cache of one process is
invisible to the next.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from durable_django.conf import DurableSettings
from durable_django.domain.heartbeat import Heartbeat
from durable_django.domain.status import HELD_STATUSES
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.heartbeats import OrmHeartbeats

#: A worker that missed this many heartbeats is counted as lost.
MISSED_BEATS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A process that advances executions, or did."""

    #: What its executions name as the owner of their lease.
    id: str
    host: str
    pid: int
    #: What it runs as, such as "qcluster".
    kind: str
    queues: tuple[str, ...]
    #: Executions claimed, and slices ended, since it began.
    claimed: int
    finished: int
    started_at: datetime | None
    beat_at: datetime | None
    #: Whether it was heard of lately. A worker that ends in peace is not lost: it is forgotten.
    is_alive: bool

    def __str__(self) -> str:
        """Return it for people: `qcluster 311 on web-2`."""
        return f"{self.kind or 'worker'} {self.pid} on {self.host}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldExecution:
    """An execution whose worker was lost, and which another takes up when its lease ends."""

    id: UUID
    workflow_name: str
    worker_id: str
    #: The end of the lease; in the past if nobody came since.
    recovered_at: datetime | None


def list_workers(conf: DurableSettings, now: datetime) -> list[Worker]:
    """Return all workers that left a sign of life, the last heard of first; `now` by the database.

    Lost ones are forgotten after a while.
    """
    oldest = now - timedelta(seconds=MISSED_BEATS * conf.heartbeat_seconds)
    return [_to_worker(beat, oldest) for beat in OrmHeartbeats(conf.database).list()]


def list_held_by(
    executions: QuerySet[WorkflowExecution], worker_ids: Collection[str], limit: int
) -> list[HeldExecution]:
    """Return the executions that these workers hold, the next to be recovered first."""
    if not worker_ids:
        return []
    rows = executions.filter(
        status__in=sorted(status.value for status in HELD_STATUSES),
        lease_owner__in=sorted(worker_ids),
    ).order_by("wake_at", "id")
    return [
        HeldExecution(id=id_, workflow_name=name, worker_id=owner, recovered_at=wake_at)
        for id_, name, owner, wake_at in rows.values_list(
            "pk", "workflow_name", "lease_owner", "wake_at"
        )[:limit]
    ]


def _to_worker(beat: Heartbeat, oldest: datetime) -> Worker:
    return Worker(
        id=beat.id,
        host=beat.host,
        pid=beat.pid,
        kind=beat.kind,
        queues=beat.queues,
        claimed=beat.claimed,
        finished=beat.finished,
        started_at=beat.started_at,
        beat_at=beat.beat_at,
        is_alive=beat.beat_at is not None and beat.beat_at >= oldest,
    )
