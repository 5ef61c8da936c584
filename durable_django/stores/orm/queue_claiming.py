"""Claim from a controlled queue what its gate lets through, under the lock of the queue's row.

Whoever claims from the queue takes that lock first, so that no two of them count the same place as
free. What ends or waits gives its place back without it.
"""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

import random
import time
from datetime import datetime, timedelta
from uuid import UUID

from durable_django.domain.claim import Claim
from durable_django.domain.queue_gate import Gate
from durable_django.domain.status import QueueMode
from durable_django.stores.orm import leasing
from durable_django.stores.orm.claiming import Row, claim_ids, find_candidates, load_claims
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.queue_gates import (
    IN_QUEUE,
    IS_HELD,
    Lines,
    due_in,
    is_new,
    lock_gate,
    measure_held,
    pay,
    read_gate,
)
from durable_django.stores.orm.rows import EXECUTIONS, to_uuid

#: How often it is looked for the lock, and the longest pause before the next look. It is not waited
#: for: whoever changes the control in a long transaction would hold up all queues of a worker.
_MOST_TRIES = 20
_LONGEST_PAUSE_S = 0.02


def claim_due(
    db: Database, lines: Lines, queue: str, limit: int, lease: timedelta, owner: str
) -> list[Claim]:
    if limit < 1:
        return []

    def claim() -> list[Row] | None:
        if not lock_gate(db, queue):
            return None
        # In a statement of its own, that sees what is committed by now.
        gate = read_gate(db, queue)
        if gate is None:  # a rolled-back control, or a deleted one
            return claim_ids(db, find_candidates(db, queue, limit), lease, owner)
        if gate.mode is QueueMode.PAUSED:
            return []
        chosen, new = _choose(db, lines, queue, gate, limit)
        rows = claim_ids(db, _lock_due(db, chosen), lease, owner)
        pay(db, queue, gate, sum(to_uuid(row[0]) in new for row in rows))
        return rows

    for _ in range(_MOST_TRIES):
        rows = db.slice_transact(claim)
        if rows is not None:
            return load_claims(db, rows)
        time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311 -- no secret
    return []


def count_due(db: Database, lines: Lines, queue: str, limit: int) -> int:
    """Return how many of the queue could be claimed now, counting no further than `limit`."""
    gate = read_gate(db, queue)
    if gate is None:
        return leasing.count_due(db, queue, limit)
    if gate.mode is QueueMode.PAUSED:
        return 0
    held = measure_held(db, queue)
    lost = held.room_for_lost(gate, limit)
    room = held.room(gate, limit - lost)
    if not room:
        return lost
    if gate.lets_all_begin(room):
        return lost + _count(db, queue, f"NOT ({IS_HELD})", room)
    begun = len(lines.find_begun(db, queue, room))
    return lost + begun + _count(db, queue, is_new(db, gate), gate.lets_begin(room - begun))


def next_alarm(db: Database, lines: Lines, queue: str, plain_alarm: datetime) -> datetime | None:
    """Return the earliest alarm a worker would have to answer, given that of the whole queue."""
    gate = read_gate(db, queue)
    if gate is None or gate.mode is QueueMode.PAUSED:
        return plain_alarm if gate is None else None
    held = measure_held(db, queue)
    alarms = [held.next_change(gate)]
    if held.room(gate, 1):
        alarms += _alarms_of_others(db, lines, queue, gate, plain_alarm)
    return min((alarm for alarm in alarms if alarm is not None), default=None)


def _alarms_of_others(
    db: Database, lines: Lines, queue: str, gate: Gate, plain_alarm: datetime
) -> list[datetime | None]:
    if gate.lets_all_begin(1):
        return [plain_alarm]
    is_begun_due = lines.find_begun(db, queue, 1)
    of_begun = (
        gate.now if is_begun_due else lines.next_begun(db, queue, with_children=gate.is_draining)
    )
    has_new = not gate.is_draining or bool(_find_new(db, queue, gate, 1))
    return [of_begun, max(plain_alarm, gate.next_token_at) if has_new else None]


def _choose(
    db: Database, lines: Lines, queue: str, gate: Gate, limit: int
) -> tuple[list[UUID], list[UUID]]:
    """Return what to claim, in this order; and which of it is new."""
    held = measure_held(db, queue)
    lost = _find_lost(db, queue, held.room_for_lost(gate, limit))
    room = held.room(gate, limit - len(lost))
    if gate.lets_all_begin(room):
        found = _find_others(db, queue, gate, room)
        return [*lost, *found], [key for key, takes_token in found.items() if takes_token]
    begun = lines.find_begun(db, queue, room)
    new = _find_new(db, queue, gate, gate.lets_begin(room - len(begun)))
    return [*lost, *begun, *new], new


def _find_lost(db: Database, queue: str, limit: int) -> list[UUID]:
    if limit < 1:
        return []
    sql = (
        f"SELECT id FROM {EXECUTIONS} {db.dialect.by_status_index} WHERE {IS_HELD} AND {IN_QUEUE}"
        f" AND wake_at <= {db.moment().now} ORDER BY order_at LIMIT %s"
    )
    return [to_uuid(key) for [key] in db.fetch(sql, [queue, limit])]


def _find_others(db: Database, queue: str, gate: Gate, limit: int) -> dict[UUID, bool]:
    """Return what nobody holds, in its order, and of each whether it is new."""
    if limit < 1:
        return {}
    takes_token = f"CASE WHEN {is_new(db, gate)} THEN 1 ELSE 0 END"
    sql = f"SELECT id, {takes_token} {due_in(db, f'NOT ({IS_HELD})')} LIMIT %s"
    return {to_uuid(key): bool(is_one) for key, is_one in db.fetch(sql, [queue, limit])}


def _find_new(db: Database, queue: str, gate: Gate, limit: int) -> list[UUID]:
    if limit < 1:
        return []
    sql = f"SELECT id {due_in(db, is_new(db, gate))} LIMIT %s"
    return [to_uuid(key) for [key] in db.fetch(sql, [queue, limit])]


def _lock_due(db: Database, ids: list[UUID]) -> list[UUID]:
    """Return those that are still due and locked by nobody else, in the same order, locked."""
    if not ids or not db.dialect.skip_locked:
        return ids
    among = ", ".join(["%s"] * len(ids))
    sql = (
        f"SELECT id FROM {EXECUTIONS} WHERE id IN ({among})"
        f" AND wake_at <= {db.moment().now} {db.dialect.skip_locked}"
    )
    locked = {to_uuid(key) for [key] in db.fetch(sql, [db.uuid(key) for key in ids])}
    return [key for key in ids if key in locked]


def _count(db: Database, queue: str, condition: str, limit: int) -> int:
    if limit < 1:
        return 0
    sql = f"SELECT COUNT(*) FROM (SELECT id {due_in(db, condition)} LIMIT %s) AS due"
    [[count]] = db.fetch(sql, [queue, limit])
    return int(count)
