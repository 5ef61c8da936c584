"""The chapter of queues and limits of the store."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cached_property

from durable_django.domain.claim import Claim
from durable_django.domain.limit import LimitFigures
from durable_django.domain.work_queue import QueueChange, QueueControl, QueueFigures
from durable_django.stores.orm import claiming, leasing, limits, queue_claiming, work_queues
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.queue_gates import Lines


class OrmQueueStore:
    """Implements `QueueStore`, and those methods of the port that mind the control of a queue."""

    _db: Database

    @cached_property
    def _controls(self) -> work_queues.QueueControls:
        return work_queues.QueueControls()

    @cached_property
    def _lines(self) -> Lines:
        return Lines()

    @cached_property
    def _admissions(self) -> limits.Admissions:
        return limits.Admissions()

    def claim_due(self, queue: str, limit: int, lease: timedelta, owner: str) -> list[Claim]:
        self._db.refuse_open_transaction()
        if self._controls.is_controlled(self._db, queue):
            return queue_claiming.claim_due(self._db, self._lines, queue, limit, lease, owner)
        return claiming.claim_due(self._db, queue, limit, lease, owner)

    def next_alarm(self, queues: Collection[str]) -> datetime | None:
        alarms = [self._next_alarm(queue) for queue in sorted(set(queues))]
        return min((alarm for alarm in alarms if alarm is not None), default=None)

    def _next_alarm(self, queue: str) -> datetime | None:
        alarm = leasing.next_alarm(self._db, queue)
        if alarm is None or not self._controls.is_controlled(self._db, queue):
            return alarm
        return queue_claiming.next_alarm(self._db, self._lines, queue, alarm)

    def count_due(self, queue: str, limit: int) -> int:
        if self._controls.is_controlled(self._db, queue):
            return queue_claiming.count_due(self._db, self._lines, queue, limit)
        return leasing.count_due(self._db, queue, limit)

    def change_queue(self, name: str, change: QueueChange) -> QueueControl:
        try:
            return work_queues.change_queue(self._db, name, change)
        finally:
            self._controls.forget()

    def load_queue(self, name: str) -> QueueControl:
        return work_queues.load_queue(self._db, name)

    def list_queues(self) -> list[QueueControl]:
        return work_queues.list_queues(self._db)

    def measure_queues(
        self, names: Collection[str], *, with_others: bool = False
    ) -> dict[str, QueueFigures]:
        return work_queues.measure_queues(self._db, names, with_others=with_others)

    def admit_waiting(self, limit: int) -> list[str]:
        return self._admissions.admit_waiting(self._db, limit)

    def next_admission(self) -> datetime | None:
        return limits.next_admission(self._db)

    def find_limit(self, key: str) -> LimitFigures | None:
        return limits.find_limit(self._db, key)
