"""What a controlled queue lets through now: its control, its bucket, and what is held already."""

# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from durable_django.domain.queue_gate import Gate, Held
from durable_django.domain.status import QueueMode
from durable_django.models import WorkQueue
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.rows import EXECUTIONS, to_datetime, to_uuid
from durable_django.stores.orm.work_queues import to_rate

QUEUES = WorkQueue._meta.db_table  # noqa: SLF001 -- Django's documented model API

#: Held by a worker, which may have gone. No word of the guarantee: see `IN_QUEUE`.
IS_HELD = "status IN ('running', 'compensating') AND waiting_kind = ''"
#: One parameter, the queue. What `run()` advances as FOREGROUND is outside of every queue.
IN_QUEUE = "queue = %s AND guarantee = 'background'"
_IS_AWAITED = "parent_wait <> ''"

#: A line of due executions up to this long is looked through each time.
_SHORT_LINE = 1000
#: How long a longer one is not looked through again when nothing begun was found in it: at least
#: so many seconds, and so many times as long as it took.
_PAUSE_S = 1.0
_PAUSE_TIMES = 10


def read_gate(db: Database, queue: str) -> Gate | None:
    """Return the gate of a queue, if it has a row."""
    sql = (
        "SELECT mode, max_running, rate_limit, rate_period_seconds, tokens, tokens_at,"
        f" {db.moment().now} FROM {QUEUES} WHERE name = %s"
    )
    for mode, max_running, limit, period, tokens, tokens_at, now in db.fetch(sql, [queue]):
        return Gate.opened(
            mode=QueueMode(mode),
            max_running=max_running,
            rate=to_rate(limit, period),
            tokens=float(tokens),
            tokens_at=None if tokens_at is None else to_datetime(tokens_at),
            now=to_datetime(now),
        )
    return None


def lock_gate(db: Database, queue: str) -> bool:
    """Lock a queue's row, if it has one, until the transaction ends; False if somebody else has."""
    if not db.dialect.skip_locked:
        # SQLite takes its write lock only for this.
        db.execute(f"UPDATE {QUEUES} SET tokens = tokens WHERE name = %s", [queue])
        return True
    row = f"SELECT name FROM {QUEUES} WHERE name = %s"
    if db.fetch(f"{row} {db.dialect.skip_locked}", [queue]):
        return True
    return not db.fetch(row, [queue])


def pay(db: Database, queue: str, gate: Gate, tokens: int) -> None:
    """Take tokens out of a bucket; its row is locked."""
    if gate.rate is not None and tokens:
        sql = f"UPDATE {QUEUES} SET tokens = %s, tokens_at = {db.literal(gate.now)} WHERE name = %s"
        db.execute(sql, [gate.without(tokens), queue])


def measure_held(db: Database, queue: str) -> Held:
    """Count what is held in a queue."""
    now = db.moment().now
    sql = (
        f"SELECT COUNT(*), SUM(CASE WHEN wake_at > {now} THEN 1 ELSE 0 END), MIN(wake_at),"
        f" MIN(CASE WHEN wake_at > {now} THEN wake_at END)"
        f" FROM {EXECUTIONS} {db.dialect.by_status_index} WHERE {IS_HELD} AND {IN_QUEUE}"
    )
    [(count, live, first_end, next_end)] = db.fetch(sql, [queue])
    return Held(
        live=int(live or 0),
        lost=int(count) - int(live or 0),
        first_end=None if first_end is None else to_datetime(first_end),
        next_end=None if next_end is None else to_datetime(next_end),
    )


class Lines:
    """Looks for what has begun among what is due, and does not look too often where that is dear.

    Where thousands that are new are due before it, what has begun may be found seconds late: a
    look through 100,000 takes a tenth of a second or more.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        #: Until when a queue's long line is not looked through.
        self._paused_until: dict[str, float] = {}

    def find_begun(self, db: Database, queue: str, limit: int) -> list[UUID]:
        """Return up to `limit` due executions that `has_begun` is true of, in their order."""
        if limit < 1:
            return []
        if self._is_long(db, queue) and self._paused_until.get(queue, 0) > self._monotonic():
            is_begun = f"CASE WHEN {has_begun(db)} THEN 1 ELSE 0 END AS is_begun"
            head = f"SELECT id, order_at, {is_begun} {due_in(db)} LIMIT {_SHORT_LINE}"
            sql = f"SELECT id FROM ({head}) AS head WHERE is_begun = 1 ORDER BY order_at LIMIT %s"
            return [to_uuid(key) for [key] in db.fetch(sql, [queue, limit])]
        sql = f"SELECT id {due_in(db, has_begun(db))} LIMIT %s"
        begun = self._monotonic()
        found = [to_uuid(key) for [key] in db.fetch(sql, [queue, limit])]
        if len(found) < limit:
            ended = self._monotonic()
            self._paused_until[queue] = ended + max(_PAUSE_S, _PAUSE_TIMES * (ended - begun))
        return found

    def next_begun(
        self, db: Database, queue: str, *, with_children: bool = False
    ) -> datetime | None:
        """Return the earliest alarm to come of what needs no token, if there is one.

        With children: also of those that somebody waits for.
        """
        now = db.moment().now
        needs_none = "started_at IS NOT NULL OR expires_at <= wake_at"
        if with_children:
            needs_none = f"{needs_none} OR {_IS_AWAITED}"
        begun = (
            f"FROM {EXECUTIONS} {db.dialect.by_claim_index} WHERE queue = %s AND ({needs_none}) AND"
        )
        alarms = []
        first = f"SELECT wake_at {begun} order_at > {now} ORDER BY order_at LIMIT 1"
        for [alarm] in db.fetch(first, [queue]):
            # One that is ordered after it may have an earlier alarm, but none after this alarm.
            until = db.literal(to_datetime(alarm))
            sql = f"SELECT MIN(wake_at) {begun} order_at > {now} AND order_at <= {until}"
            alarms += [one for [one] in db.fetch(sql, [queue])]
        if not self._is_long(db, queue):
            sql = f"SELECT MIN(wake_at) {begun} order_at <= {now} AND wake_at > {now}"
            alarms += [one for [one] in db.fetch(sql, [queue])]
        return min((to_datetime(one) for one in alarms if one is not None), default=None)

    def _is_long(self, db: Database, queue: str) -> bool:
        sql = f"SELECT id {due_in(db)} LIMIT 1 OFFSET {_SHORT_LINE}"
        return bool(db.fetch(sql, [queue]))


def has_begun(db: Database) -> str:
    """Return the condition that nobody holds it, and that nothing begins with it.

    Not with what is only to end, either, because it was cancelled or has expired before it began.
    """
    ends = f"cancel_requested_at IS NOT NULL OR expires_at <= {db.moment().now}"
    return f"(started_at IS NOT NULL OR {ends}) AND NOT ({IS_HELD})"


def is_new(db: Database, gate: Gate) -> str:
    """Return the condition that it takes a token, and that the mode of the queue lets it begin."""
    lives_on = (
        f"cancel_requested_at IS NULL AND (expires_at IS NULL OR expires_at > {db.moment().now})"
    )
    condition = f"started_at IS NULL AND {lives_on} AND NOT ({IS_HELD})"
    return f"{condition} AND {_IS_AWAITED}" if gate.is_draining else condition


def due_in(db: Database, condition: str = "1 = 1") -> str:
    """Return FROM, WHERE and ORDER BY of what is due in a queue, which is the one parameter."""
    now = db.moment().now
    return (
        f"FROM {EXECUTIONS} {db.dialect.by_claim_index} WHERE queue = %s"
        f" AND order_at <= {now} AND wake_at <= {now} AND {condition} ORDER BY order_at"
    )
