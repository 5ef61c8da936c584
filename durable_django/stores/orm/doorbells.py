"""Doorbells in the database: one row per slot, made when it is first needed.

Read before written: on SQLite even an UPDATE of no rows takes the write lock, and a bell that
hangs unanswered is looked at ten times a second.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet

from durable_django.models import Doorbell
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.db_now import DBNow

#: `pending_until` of a bell that was answered. One that ran out keeps its instant.
_ANSWERED = datetime(1970, 1, 1, tzinfo=UTC)


class OrmDoorbells:
    """Implements the port `Doorbell` on the table of the same name, by the database's clock."""

    def __init__(self, alias: str = "default") -> None:
        self._db = Database(alias, None, 0)

    def ring(self, slot: str, ttl: timedelta) -> bool:
        is_pending = self._find_pending(slot)
        if is_pending:
            return False
        if is_pending is None and self._insert(slot, ttl):
            return True
        rows = self._rows(slot).filter(pending_until__lte=DBNow())
        return self._db.run(lambda: rows.update(pending_until=DBNow(ttl))) == 1

    def answer(self, slot: str) -> None:
        rows = self._rows(slot).filter(pending_until__gt=_ANSWERED)
        self._db.run(lambda: rows.update(pending_until=_ANSWERED))

    def is_unanswered(self, slot: str) -> bool:
        return self._rows(slot).filter(pending_until__gt=_ANSWERED).exists()

    def attend(self, queue: str, ttl: timedelta) -> None:
        slot = _attendance_of(queue)
        if not self._db.run(lambda: self._rows(slot).update(pending_until=DBNow(ttl))):
            self._insert(slot, ttl)

    def is_attended(self, queue: str) -> bool:
        return bool(self._find_pending(_attendance_of(queue)))

    def _rows(self, slot: str) -> QuerySet[Doorbell]:
        return Doorbell.objects.using(self._db.alias).filter(slot=slot)

    def _find_pending(self, slot: str) -> bool | None:
        """Return whether the bell is pending; None if it has no row yet."""
        is_pending = ExpressionWrapper(Q(pending_until__gt=DBNow()), output_field=BooleanField())
        rows = self._rows(slot).annotate(is_pending=is_pending)
        found = list(rows.values_list("is_pending", flat=True))
        return bool(found[0]) if found else None

    def _insert(self, slot: str, ttl: timedelta) -> bool:
        try:
            with transaction.atomic(using=self._db.alias):
                Doorbell.objects.using(self._db.alias).create(slot=slot, pending_until=DBNow(ttl))
        except IntegrityError:  # somebody else was faster
            return False
        return True


def _attendance_of(queue: str) -> str:
    return f"{queue}:attended"
