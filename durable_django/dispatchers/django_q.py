"""Have a django-q2 cluster look for due work: the only module that knows django-q2.

Its tasks are pickles and its broker may lose, double or delay them, so they carry a slot's name
and nothing else. They are sent after the commit, outside every transaction, and only if the
slot's doorbell was not rung already.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any, Self

from django.db import connections, router, transaction
from django.db.models import Model
from django.db.models.signals import post_migrate
from django_q.conf import Conf
from django_q.models import Schedule
from django_q.signals import post_spawn
from django_q.tasks import async_task

from durable_django.conf import readable_settings
from durable_django.dispatchers.needs import DispatcherNeeds
from durable_django.ports.doorbell import Doorbell, slot_of

logger = logging.getLogger(__name__)

PUMP = "durable_django.tasks.pump"
RECOVER = "durable_django.tasks.recover"
BACKSTOP = "durable_recover"

#: No result is kept, and a failure is not delivered again: the doorbell and the ticker do that.
#: No time limit (-1): it would kill every slice in the process; leases guard them instead.
TASK_OPTIONS = {"save": False, "ack_failure": True, "timeout": -1}

#: How far back in the transaction's callbacks an equal wish is looked for.
_LOOK_BACK = 20
#: For how long one process has the checking of the backstop to itself.
_BACKSTOP_TTL = timedelta(seconds=10)


class DjangoQDispatcher:
    """Sends a pump task per slot whose doorbell it rang."""

    def __init__(
        self,
        doorbell: Doorbell,
        *,
        alias: str = "default",
        ttl: timedelta = timedelta(seconds=5),
        most_slots: int = 0,
    ) -> None:
        self._doorbell = doorbell
        self._alias = alias
        self._ttl = ttl
        self.most_slots = most_slots or int(Conf.WORKERS)
        #: Whether tasks run in the caller's thread, in the midst of what it is doing.
        self.is_synchronous = bool(Conf.SYNC)
        self.cluster_name = str(Conf.CLUSTER_NAME)

    @classmethod
    def build(cls, needs: DispatcherNeeds) -> Self:
        """Return one for the project's database."""
        return cls(
            needs.doorbell,
            alias=needs.alias,
            ttl=needs.doorbell_ttl,
            most_slots=needs.most_slots,
        )

    def wake(self, queue: str = "default", slots: int = 1) -> None:
        """Ring up to `slots` slots of `queue` once the current transaction commits.

        Once per transaction, however often it is asked for.
        """
        slots = min(slots, self.most_slots)
        connection = connections[self._alias]
        if not connection.in_atomic_block:
            self._ring(queue, slots)
            return
        alive = set(connection.savepoint_ids)
        for savepoints, wish, *_ in islice(reversed(connection.run_on_commit), _LOOK_BACK):
            if isinstance(wish, _Wish) and wish.queue == queue and savepoints <= alive:
                wish.slots = max(wish.slots, slots)
                return
        transaction.on_commit(_Wish(self._ring, queue, slots), using=self._alias, robust=True)

    def ensure_backstop(self) -> None:
        """Have the cluster call `tasks.recover` every minute, by one schedule of that name.

        One that is there stays as it is. Does nothing if another process is at it.
        """
        if not self._doorbell.ring(slot_of("~backstop", 0), _BACKSTOP_TTL):
            return
        ids = list(
            Schedule.objects.filter(name=BACKSTOP).order_by("id").values_list("id", flat=True)
        )
        if not ids:
            Schedule.objects.create(
                name=BACKSTOP,
                func=RECOVER,
                kwargs=repr({"q_options": TASK_OPTIONS}),
                schedule_type=Schedule.MINUTES,
                minutes=1,
            )
        elif len(ids) > 1:
            # The name is not unique over there, and two processes may have checked at once.
            Schedule.objects.filter(id__in=ids[1:]).delete()

    @staticmethod
    def connect(on_worker: Callable[[], object], ensure_backstop: Callable[[], object]) -> None:
        """Call `on_worker` in each worker process that begins, and see to the backstop."""

        def spawned(**_: Any) -> None:
            on_worker()

        def migrated(*, app_config: Any, using: str, **_: Any) -> None:
            if app_config.label != "durable_django":
                return
            # Ours are gone after `migrate durable_django zero`, theirs before the first one; and
            # the two may be in two databases, of which one is migrated first.
            needed = [
                (router.db_for_write(Schedule), Schedule),
                (readable_settings().database, app_config.get_model("Doorbell")),
            ]
            is_concerned = using in {alias for alias, _ in needed}
            if is_concerned and all(_has_table(alias, model) for alias, model in needed):
                ensure_backstop()

        uid = "durable_django.dispatchers.django_q"
        post_spawn.connect(spawned, weak=False, dispatch_uid=uid)
        post_migrate.connect(migrated, weak=False, dispatch_uid=uid)

    def _ring(self, queue: str, slots: int) -> None:
        try:
            if _wait_for_others(lambda: self._ring(queue, slots)):
                return
            for number in range(slots):
                slot = slot_of(queue, number)
                if self._doorbell.ring(slot, self._ttl):
                    async_task(PUMP, slot, q_options=dict(TASK_OPTIONS))
        except Exception as error:
            logger.warning("Doorbell not rung", exc_info=error, extra={"queue": queue})


class _Wish:
    """A ring that waits for its transaction to commit."""

    def __init__(self, ring: Callable[[str, int], None], queue: str, slots: int) -> None:
        self._ring = ring
        self.queue = queue
        self.slots = slots

    def __call__(self) -> None:
        self._ring(self.queue, self.slots)


def _wait_for_others(act: Callable[[], None]) -> bool:
    """Put `act` off while a transaction is open on another database; say whether it was.

    With its broker on yet another alias, django-q2 closes connections in the midst of it.
    """
    for connection in connections.all(initialized_only=True):
        blocks = getattr(connection, "atomic_blocks", [])
        if blocks and not blocks[-1]._from_testcase:  # noqa: SLF001 -- as atomic(durable=True) does
            transaction.on_commit(act, using=connection.alias, robust=True)
            return True
    return False


def _has_table(alias: str, model: type[Model]) -> bool:
    return model._meta.db_table in connections[alias].introspection.table_names()  # noqa: SLF001 -- documented by Django
