"""Keep what was claimed, hand orphans over, and see what falls due next."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from durable_django.domain.claim import Claim
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.claiming import due_in_queue
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.fencing import HELD, key_of
from durable_django.stores.orm.rows import EXECUTIONS, to_datetime, to_uuid

#: Live FOREGROUND executions whose lease has run out, or whose alarm passed the grace ago.
_ORPHANED = (
    "status IN ('pending', 'running', 'suspended', 'compensating')"
    " AND guarantee = 'foreground' AND wake_at <= {now} AND (wake_at <= {grace_ago}"
    " OR (status IN ('running', 'compensating') AND waiting_kind = ''))"
)

#: SQLite takes at most 1,000 conditions in a row.
_RENEWED_AT_ONCE = 200


def renew(db: Database, claims: Iterable[Claim], lease: timedelta) -> set[UUID]:
    held = list(claims)
    renewed: set[UUID] = set()
    for begin in range(0, len(held), _RENEWED_AT_ONCE):
        batch = held[begin : begin + _RENEWED_AT_ONCE]
        if not db.dialect.skip_locked or len(batch) == 1:  # one writer, or one row
            renewed |= _renew(db, batch, lease)
            continue
        renewed |= _renew_free(db, batch, lease)
        # What is being written now is waited for without holding another: a child that ends
        # holds its own row and waits for its parent's.
        for claim in batch:
            if claim.execution_id not in renewed:
                renewed |= _renew(db, [claim], lease)
    return renewed


def _renew_free(db: Database, held: list[Claim], lease: timedelta) -> set[UUID]:
    """Renew those whose rows nobody has locked, waiting for none."""
    if not db.dialect.can_claim_in_one:
        return db.transact(partial(_lock_and_renew, db, held, lease))
    lease_end = db.moment().plus(lease)
    params = [param for claim in held for param in key_of(db, claim)]
    any_held = " OR ".join([f"({HELD})"] * len(held))
    sql = (
        f"WITH free AS MATERIALIZED (SELECT id AS free_id FROM {EXECUTIONS}"
        f" WHERE {any_held} {db.dialect.skip_locked})"
        f" UPDATE {EXECUTIONS} SET order_at = {db.order_of(lease_end)}, wake_at = {lease_end}"
        " FROM free WHERE id = free_id RETURNING id"
    )
    return {to_uuid(key) for [key] in db.fetch(sql, params)}


def _lock_and_renew(db: Database, held: list[Claim], lease: timedelta) -> set[UUID]:
    params = [param for claim in held for param in key_of(db, claim)]
    any_held = " OR ".join([f"({HELD})"] * len(held))
    sql = f"SELECT id FROM {EXECUTIONS} WHERE {any_held} {db.dialect.skip_locked}"
    free = {to_uuid(key) for [key] in db.fetch(sql, params)}
    locked = [claim for claim in held if claim.execution_id in free]
    return _renew(db, locked, lease) if locked else set()


def _renew(db: Database, held: list[Claim], lease: timedelta) -> set[UUID]:
    moment = db.moment()
    lease_end = moment.plus(lease)
    params = [param for claim in held for param in key_of(db, claim)]
    any_held = " OR ".join([f"({HELD})"] * len(held))
    update = (
        f"UPDATE {EXECUTIONS} SET order_at = {db.order_of(lease_end)}, wake_at = {lease_end}"
        f" WHERE {any_held}"
    )
    if db.dialect.can_return_updates:
        rows = db.fetch(f"{update} RETURNING id", params)
        return {to_uuid(key) for [key] in rows}
    if db.execute(update, params) == len(held):
        return {claim.execution_id for claim in held}
    rows = db.fetch(f"SELECT id FROM {EXECUTIONS} WHERE {any_held}", params)
    return {to_uuid(key) for [key] in rows}


def note_begun(db: Database, claim: Claim) -> None:
    db.refuse_open_transaction()
    sql = (
        f"UPDATE {EXECUTIONS} SET begun_fence = fence, updated_at = {db.moment().now} WHERE {HELD}"
    )
    if not db.execute(sql, key_of(db, claim)):
        raise LeaseLost(claim.execution_id)


def adopt_orphans(db: Database, limit: int, grace: timedelta) -> list[UUID]:
    def adopt() -> list[UUID]:
        moment = db.moment()
        orphaned = _ORPHANED.format(now=moment.now, grace_ago=moment.plus(-grace))
        chosen = f"SELECT id FROM {EXECUTIONS} WHERE {orphaned} LIMIT %s"
        found = [key for [key] in db.fetch(f"{chosen} {db.dialect.skip_locked}", [limit])]
        # One by one: only the database can say which of them were still to be had.
        return [to_uuid(key) for key in found if _adopt(db, key, orphaned)]

    return db.transact(adopt)


def _adopt(db: Database, key: object, orphaned: str) -> bool:
    sql = (
        f"UPDATE {EXECUTIONS} SET order_at = {db.background_order_of('wake_at')},"
        f" guarantee = 'background' WHERE id = %s AND {orphaned}"
    )
    return db.execute(sql, [key]) == 1


def next_alarm(db: Database, queue: str) -> datetime | None:
    """Return the earliest alarm of a queue, if nothing controls it."""
    in_order = f"FROM {EXECUTIONS} {db.dialect.by_claim_index} WHERE queue = %s AND order_at"
    first = f"SELECT wake_at, order_at {in_order} IS NOT NULL ORDER BY order_at LIMIT 1"
    rows = db.fetch(first, [queue])
    if not rows:
        return None
    [(wake_at, order_at)] = rows
    alarm = to_datetime(wake_at)
    if to_datetime(order_at) < alarm:
        # It comes first by its head start: one ordered after it may have an earlier alarm, but
        # none that is ordered after this alarm. In two statements, because PostgreSQL reads the
        # whole table for a bound that it does not know beforehand.
        sql = f"SELECT MIN(wake_at) {in_order} <= {db.literal(alarm)}"
        [[earliest]] = db.fetch(sql, [queue])
        alarm = alarm if earliest is None else to_datetime(earliest)
    return alarm


def count_due(db: Database, queue: str, limit: int) -> int:
    due = (
        f"SELECT 1 FROM {EXECUTIONS} {db.dialect.by_claim_index}"
        f" WHERE {due_in_queue(db.moment())} LIMIT %s"
    )
    [[count]] = db.fetch(f"SELECT COUNT(*) FROM ({due}) AS due", [queue, limit])
    return int(count)
