"""Limits by key: who is under way, who is held back, and who is next.

The row of a limit is the lock under which its tickets are counted and admitted. Nobody waits for
it: whoever finds it taken leaves the admission to who has it, and looks once more after the commit;
what is missed even so, `admit_waiting` makes up for. So no long transaction of a caller holds up
an end, and there is no deadlock. Lock order: own execution, limit, the executions admitted.
"""

# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import transaction

from durable_django.domain.execution import Execution
from durable_django.domain.limit import LimitFigures, is_line
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.limit_tickets import (
    GROUPS,
    TICKETS,
    NewTicket,
    ensure_groups,
    forget_unused,
    insert_tickets,
    places_for,
)
from durable_django.stores.orm.rows import EXECUTIONS, to_datetime, to_uuid

#: An execution that stands in a line and may be admitted.
_IS_HELD_BACK = (
    "waiting_kind = 'limit' AND status IN ('pending', 'suspended') AND cancel_requested_at IS NULL"
)
#: Limits that are dealt with in one go: few enough for a statement that looks into each.
_BATCH = 50
#: Whoever is ready is ordered before then: a bound for the index, and no more.
_SOON = timedelta(seconds=1)


def join(db: Database, tickets: Sequence[NewTicket]) -> None:
    """Give new executions their tickets, and admit those for which there is a place.

    They are held back already. What they say of how many may be under way counts from now on.
    """
    groups = {one.group_key: one.max_admitted for one in tickets}
    ensure_groups(db, groups, changes_them=True)
    insert_tickets(db, tickets)
    # In one order for all, so that two who start executions of several limits do not cross.
    admit_or_leave(db, sorted(groups))


def admit_at_once(db: Database, ticket: NewTicket) -> None:
    """Give an execution that is under way a ticket that is admitted already; its row is locked."""
    ensure_groups(db, {ticket.group_key: ticket.max_admitted}, changes_them=False)
    insert_tickets(db, [ticket], admitted_at=db.moment().now)


def rejoin(db: Database, execution: Execution) -> None:
    """Have an execution that had ended, and was just set going again, wait for its place anew.

    Its row is locked by this transaction.
    """
    ticket = NewTicket(
        execution_id=execution.id,
        group_key=execution.limit_key,
        max_admitted=execution.limit_max,
        head_start=db.head_start(execution.priority),
    )
    ensure_groups(db, {ticket.group_key: ticket.max_admitted}, changes_them=False)
    insert_tickets(db, [ticket])
    hold_back(db, execution.id)


def leave(db: Database, execution_id: UUID) -> None:
    """Give back the place of an execution that ends, and admit the next in line.

    In the transaction of its end, when its row has been written.
    """
    owner = [db.uuid(execution_id)]
    keys = [key for [key] in db.fetch(f"SELECT group_key {_of_execution('%s')}", owner)]
    if keys:
        db.execute(f"DELETE {_of_execution('%s')}", owner)
        admit_or_leave(db, keys)


def hold_back(db: Database, execution_id: UUID) -> None:
    """Have an execution that was just set going wait for its place, if it has none yet.

    A resume must not lead past the limit. Its row is locked by this transaction.
    """
    key = db.uuid(execution_id)
    sql = (
        f"UPDATE {EXECUTIONS} SET order_at = {db.order_of('expires_at')}, wake_at = expires_at,"
        f" waiting_kind = 'limit', waiting_for = limit_key, updated_at = {db.moment().now}"
        " WHERE id = %s AND status IN ('pending', 'suspended') AND cancel_requested_at IS NULL"
        f" AND EXISTS (SELECT 1 {_of_execution(f'{EXECUTIONS}.id')} AND admitted_at IS NULL)"
    )
    if db.execute(sql, [key]):
        [[group_key]] = db.fetch(f"SELECT group_key {_of_execution('%s')}", [key])
        admit_or_leave(db, [group_key])


def admit_or_leave(db: Database, keys: Sequence[str]) -> None:
    """Admit whoever there is a place for; where somebody else does so now, look again afterwards."""
    for batch in _batches(keys):
        _, missed = _admit(db, batch)
        if missed:
            look_again = partial(db.transact, partial(_admit, db, missed))
            transaction.on_commit(look_again, using=db.alias, robust=True)


class Admissions:
    """Admits what ends and starts have left over, some limits at each call, one after the other.

    A limit may have a free place, and in its line only who cannot go: paused, or not ready in a
    strict line. So each call goes on behind the limits that the one before it looked at.
    """

    def __init__(self) -> None:
        self._after = ""

    def admit_waiting(self, db: Database, limit: int) -> list[str]:
        """Keep the promise of the port method of this name."""
        if not db.fetch(f"SELECT group_key FROM {GROUPS} LIMIT 1", []):
            return []
        keys = _find_free(db, self._after, limit)
        self._after = keys[-1] if keys and len(keys) == limit else ""
        queues: set[str] = set()
        for batch in _batches(keys):
            queues |= db.transact(partial(_admit, db, batch))[0]
        forget_unused(db)
        return sorted(queues)


def _find_free(db: Database, after: str, limit: int) -> list[str]:
    """Return limits that have a free place, and somebody whose time has come."""
    moment = db.moment()
    ready = f"t.order_at <= {moment.plus(_SOON)} AND t.ready_at <= {moment.now}"
    of_group = f"FROM {TICKETS} t WHERE t.group_key = g.group_key AND t.admitted_at IS"
    sql = (
        f"SELECT group_key FROM {GROUPS} g"
        f" WHERE group_key > %s AND EXISTS (SELECT 1 {of_group} NULL AND {ready})"
        f" AND max_admitted > (SELECT COUNT(*) {of_group} NOT NULL) ORDER BY group_key LIMIT %s"
    )
    return [key for [key] in db.fetch(sql, [after, limit])]


def next_admission(db: Database) -> datetime | None:
    """Keep the promise of the port method of this name."""
    now = db.moment().now
    sql = f"SELECT MIN(ready_at) FROM {TICKETS} WHERE admitted_at IS NULL AND ready_at > {now}"
    [[ready_at]] = db.fetch(sql, [])
    return None if ready_at is None else to_datetime(ready_at)


def find_limit(db: Database, key: str) -> LimitFigures | None:
    """Keep the promise of the port method of this name."""
    is_ready = f"CASE WHEN t.admitted_at IS NULL AND t.ready_at <= {db.moment().now} THEN 1 END"
    sql = (
        f"SELECT max_admitted, COUNT(*), COUNT(t.admitted_at), COUNT({is_ready}) FROM {GROUPS} g"
        f" JOIN {TICKETS} t ON t.group_key = g.group_key WHERE g.group_key = %s"
        " GROUP BY max_admitted"
    )
    for most, count, admitted, ready in db.fetch(sql, [key]):
        return LimitFigures(
            key=key,
            max=int(most),
            admitted=int(admitted),
            waiting=int(count) - int(admitted),
            ready=int(ready),
        )
    return None


# --- under the lock ---


def _admit(db: Database, keys: Sequence[str]) -> tuple[set[str], list[str]]:
    """Admit who is next under these limits; return their queues, and the limits others have locked."""
    most = _lock(db, keys)
    if not most:
        return set(), list(keys)
    free = {key: most[key] - count for key, count in _count_admitted(db, most).items()}
    found = _find_next(db, {key: places for key, places in free.items() if places > 0})
    admitted = _lock_held_back(db, found) if found else {}
    if admitted:
        _let_go(db, list(admitted))
    return set(admitted.values()), [key for key in keys if key not in most]


def _lock(db: Database, keys: Sequence[str]) -> dict[str, int]:
    """Lock those of the limits that nobody has locked; return their numbers."""
    among = f"FROM {GROUPS} WHERE group_key IN ({places_for(keys)})"
    if not db.dialect.skip_locked:
        # SQLite takes its write lock only for this.
        sql = f"UPDATE {GROUPS} SET updated_at = updated_at WHERE group_key = %s"
        db.execute(sql, [keys[0]])
    rows = db.fetch(f"SELECT group_key, max_admitted {among} {db.dialect.skip_locked}", keys)
    return {key: int(most) for key, most in rows}


def _count_admitted(db: Database, keys: Collection[str]) -> dict[str, int]:
    sql = (
        f"SELECT group_key, COUNT(*) FROM {TICKETS} WHERE group_key IN ({places_for(keys)})"
        " AND admitted_at IS NOT NULL GROUP BY group_key"
    )
    counted = {key: int(count) for key, count in db.fetch(sql, list(keys))}
    return {key: counted.get(key, 0) for key in keys}


def _find_next(db: Database, free: dict[str, int]) -> list[UUID]:
    """Return who is next in each line, as many as there are places."""
    if not free:
        return []
    now = db.moment().now
    order = f"{db.dialect.order_where_null('t.admitted_at', 't.order_at')}, t.id"
    lines, params = [], []
    for number, (key, places) in enumerate(free.items()):
        line = _strict_line(now, order) if is_line(key) else _fair_line(db, order)
        lines.append(f"SELECT execution_id FROM ({line}) AS line_{number}")
        params += [key, places]
    return [to_uuid(key) for [key] in db.fetch(" UNION ALL ".join(lines), params)]


def _fair_line(db: Database, order: str) -> str:
    """Return who is first, passing over those that are not ready, paused, or to be cancelled."""
    moment = db.moment()
    return (
        f"SELECT t.execution_id FROM {TICKETS} t JOIN {EXECUTIONS} e ON e.id = t.execution_id"
        f" WHERE t.group_key = %s AND t.admitted_at IS NULL AND t.order_at <= {moment.plus(_SOON)}"
        f" AND t.ready_at <= {moment.now} AND {_IS_HELD_BACK} ORDER BY {order} LIMIT %s"
    )


def _strict_line(now: str, order: str) -> str:
    """Return who came first, or nobody if that one is not ready: nobody overtakes."""
    first = (
        f"SELECT t.execution_id, t.ready_at FROM {TICKETS} t WHERE t.group_key = %s"
        f" AND t.admitted_at IS NULL ORDER BY {order} LIMIT %s"
    )
    return f"SELECT execution_id FROM ({first}) AS first WHERE ready_at <= {now}"


def _lock_held_back(db: Database, ids: Sequence[UUID]) -> dict[UUID, str]:
    """Return the queues of those that are held back indeed, locked, without waiting for any."""
    sql = (
        f"SELECT id, queue FROM {EXECUTIONS} WHERE id IN ({places_for(ids)}) AND {_IS_HELD_BACK}"
        f" {db.dialect.skip_locked}"
    )
    return {to_uuid(key): queue for key, queue in db.fetch(sql, [db.uuid(key) for key in ids])}


def _let_go(db: Database, admitted: Sequence[UUID]) -> None:
    now = db.moment().now
    ids = [db.uuid(key) for key in admitted]
    db.execute(
        f"UPDATE {EXECUTIONS} SET order_at = {db.order_of(now)}, wake_at = {now},"
        f" updated_at = {now}, waiting_for = '',"
        " waiting_kind = CASE status WHEN 'suspended' THEN 'yield' ELSE '' END"
        f" WHERE id IN ({places_for(ids)})",
        ids,
    )
    sql = f"UPDATE {TICKETS} SET admitted_at = {now} WHERE execution_id IN ({places_for(ids)})"
    db.execute(sql, ids)


def _of_execution(execution_id: str) -> str:
    return f"FROM {TICKETS} WHERE execution_id = {execution_id}"


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
