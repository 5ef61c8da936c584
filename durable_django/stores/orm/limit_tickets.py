"""Rows of limits: tickets come in, limits that nobody uses go out."""

# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from durable_django.domain.limit import is_line
from durable_django.models import LimitGroup, LimitTicket
from durable_django.stores.orm.database import Database, Moment

GROUPS = LimitGroup._meta.db_table  # noqa: SLF001 -- Django's documented model API
TICKETS = LimitTicket._meta.db_table  # noqa: SLF001

_MICROSECOND = timedelta(microseconds=1)
#: Rows per statement.
_BATCH = 200
#: A limit that no execution has had for so long is deleted.
FORGOTTEN_AFTER = timedelta(hours=1)
#: Whoever uses one that is half as old makes it young again, so that none is deleted in use.
_RENEWED_AFTER = FORGOTTEN_AFTER / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTicket:
    """A place in the line of a limit."""

    execution_id: UUID
    group_key: str
    max_admitted: int
    #: Not admitted before then; None: now.
    ready_at: datetime | None = None
    head_start: timedelta = timedelta(0)


def ensure_groups(db: Database, groups: Mapping[str, int], *, changes_them: bool) -> None:
    """Have a row for each limit; with `changes_them`, so many may be under way from now on."""
    now, keys = db.now(), sorted(groups)
    rows = LimitGroup.objects.using(db.alias)
    for start in range(0, len(keys), _BATCH):
        batch = keys[start : start + _BATCH]
        kept = {
            row.key
            for row in rows.filter(pk__in=batch)
            if _is_kept(db, row, groups[row.key] if changes_them else row.max_admitted, now)
        }
        missing = [key for key in batch if key not in kept]
        new = [LimitGroup(key=key, max_admitted=groups[key], updated_at=now) for key in missing]
        rows.bulk_create(new, ignore_conflicts=True)


def _is_kept(db: Database, row: LimitGroup, max_admitted: int, now: datetime) -> bool:
    """Bring a row up to date, if it is not; say whether it is still there."""
    if row.max_admitted == max_admitted and row.updated_at >= now - _RENEWED_AFTER:
        return True
    rows = LimitGroup.objects.using(db.alias).filter(pk=row.key)
    return rows.update(max_admitted=max_admitted, updated_at=now) == 1


def insert_tickets(
    db: Database, tickets: Sequence[NewTicket], *, admitted_at: str = "NULL"
) -> None:
    """Insert tickets, in the order of the lines."""
    moment = db.moment()
    for start in range(0, len(tickets), _BATCH):
        batch = tickets[start : start + _BATCH]
        rows = [
            f"(%s, %s, {_instants(db, one, moment, start + number)}, {admitted_at})"
            for number, one in enumerate(batch)
        ]
        sql = (
            f"INSERT INTO {TICKETS} (execution_id, group_key, ready_at, order_at, admitted_at)"
            f" VALUES {', '.join(rows)}"
        )
        db.execute(sql, [v for one in batch for v in (db.uuid(one.execution_id), one.group_key)])


def forget_unused(db: Database) -> None:
    """Delete limits that no execution has had for a while; one that comes back is made anew."""
    unused = (
        f"updated_at < {db.moment().plus(-FORGOTTEN_AFTER)} AND NOT EXISTS"
        f" (SELECT 1 FROM {TICKETS} WHERE {TICKETS}.group_key = {GROUPS}.group_key)"
    )
    keys = [
        key for [key] in db.fetch(f"SELECT group_key FROM {GROUPS} WHERE {unused} LIMIT 100", [])
    ]
    if keys:
        among = f"group_key IN ({places_for(keys)})"
        db.execute(f"DELETE FROM {GROUPS} WHERE {among} AND {unused}", keys)


def places_for(values: Collection[object]) -> str:
    """Return as many places for parameters."""
    return ", ".join(["%s"] * len(values))


def _instants(db: Database, one: NewTicket, moment: Moment, number: int) -> str:
    """Return when it is ready, and its order. In a line it counts who came first, and no more.

    Those that come together are a microsecond apart: PostgreSQL would sort thousands of equals at
    every end.
    """
    ready_at = moment.now if one.ready_at is None else db.literal(one.ready_at)
    later = number * _MICROSECOND
    if is_line(one.group_key):
        return f"{ready_at}, {moment.plus(later)}"
    if one.ready_at is None:
        return f"{ready_at}, {moment.plus(later - one.head_start)}"
    return f"{ready_at}, {db.literal(one.ready_at + later - one.head_start)}"
