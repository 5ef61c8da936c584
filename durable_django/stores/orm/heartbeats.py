"""Signs of life in the database, by its clock."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction

from durable_django.domain.heartbeat import Heartbeat
from durable_django.models import WorkerHeartbeat
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.db_now import DBNow


class OrmHeartbeats:
    """Implements the port `Heartbeats`."""

    def __init__(self, alias: str = "default") -> None:
        self._db = Database(alias, None, 0)
        self._rows = WorkerHeartbeat.objects.using(alias)

    def beat(self, heartbeat: Heartbeat) -> None:
        values = {
            "queues": ",".join(heartbeat.queues),
            "claimed": heartbeat.claimed,
            "finished": heartbeat.finished,
        }
        row = self._rows.filter(id=heartbeat.id)
        if self._db.run(lambda: row.update(beat_at=DBNow(), **values)):
            return
        try:
            with transaction.atomic(using=self._db.alias):
                self._rows.create(
                    id=heartbeat.id,
                    host=heartbeat.host,
                    pid=heartbeat.pid,
                    kind=heartbeat.kind,
                    started_at=DBNow(),
                    beat_at=DBNow(),
                    **values,
                )
        except IntegrityError:  # two threads of one process beat for the first time
            return

    def forget(self, heartbeat_id: str) -> None:
        self._rows.filter(id=heartbeat_id).delete()

    def delete_stale(self, age: timedelta) -> int:
        deleted, _ = self._rows.filter(beat_at__lt=DBNow(-age)).delete()
        return deleted

    def list(self) -> list[Heartbeat]:
        return [
            Heartbeat(
                id=row.id,
                host=row.host,
                pid=row.pid,
                kind=row.kind,
                queues=tuple(name for name in row.queues.split(",") if name),
                claimed=row.claimed,
                finished=row.finished,
                started_at=row.started_at,
                beat_at=row.beat_at,
            )
            for row in self._rows.order_by("-beat_at", "id")
        ]
