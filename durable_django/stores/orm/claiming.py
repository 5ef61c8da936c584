"""Claim what is due: one winner per execution, and all that was recorded of each."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django.domain.claim import Claim
from durable_django.domain.status import CheckpointKind
from durable_django.models import StepCheckpoint, WorkflowSignal, WorkflowTimer
from durable_django.stores.orm.database import Database, Moment
from durable_django.stores.orm.rows import (
    CHECKPOINT_FIELDS,
    EXECUTION_COLUMNS,
    EXECUTIONS,
    SIGNAL_FIELDS,
    TIMER_FIELDS,
    to_checkpoint,
    to_datetime,
    to_execution,
    to_signal,
    to_timer,
    to_uuid,
)

_COLUMNS = ", ".join(EXECUTION_COLUMNS)
_MAX_TRIES = 3

#: An execution's columns, the clock, and (from PostgreSQL) the order it was claimed in.
Row = Sequence[Any]


def claim_due(db: Database, queue: str, limit: int, lease: timedelta, owner: str) -> list[Claim]:
    if limit < 1:
        return []
    db.refuse_open_transaction()
    if db.dialect.can_claim_in_one:
        return load_claims(db, _claim_in_one(db, queue, limit, lease, owner))
    if db.dialect.can_return_updates:
        return load_claims(db, _claim_candidates(db, queue, limit, lease, owner))
    return load_claims(
        db, db.transact(lambda: _claim_locked_candidates(db, queue, limit, lease, owner))
    )


def claim_one(db: Database, execution_id: UUID, lease: timedelta, owner: str) -> Claim | None:
    db.refuse_open_transaction()

    def claim() -> list[Row]:
        return claim_ids(db, [execution_id], lease, owner)

    claims = load_claims(db, claim() if db.dialect.can_return_updates else db.transact(claim))
    return claims[0] if claims else None


def due_in_queue(moment: Moment) -> str:
    """Return the condition that a worker of a queue (a parameter) may claim an execution.

    The order is the index; that it has come is a head start, and the alarm decides.
    """
    return f"queue = %s AND order_at <= {moment.now} AND {_due(moment)}"


def _due(moment: Moment) -> str:
    # No word of the status: only a claimable one may have an alarm (a check constraint), and with
    # it SQLite would take the wrong index.
    return f"wake_at <= {moment.now}"


def _assignments(db: Database, moment: Moment, lease: timedelta) -> str:
    """Return what a claim changes; one parameter, the owner."""
    lease_end = moment.plus(lease)
    # Found held and waiting for nothing: the worker that held it is gone. It has to have begun
    # it to count once more.
    is_recovery = (
        "status IN ('running', 'compensating') AND waiting_kind = ''"
        " AND (recoveries = 0 OR begun_fence = fence)"
    )
    return (
        # First, before what it looks at changes: MySQL goes left to right.
        f"recovered_fence = CASE WHEN {is_recovery} THEN fence + 1 ELSE recovered_fence END,"
        f" recoveries = recoveries + CASE WHEN {is_recovery} THEN 1 ELSE 0 END,"
        f" fence = fence + 1, order_at = {db.order_of(lease_end)}, wake_at = {lease_end},"
        f" started_at = COALESCE(started_at, {moment.now}), updated_at = {moment.now},"
        # `waiting_for` stays: it tells the slice what the execution waited for last.
        " lease_owner = %s, waiting_kind = '',"
        " status = CASE status WHEN 'compensating' THEN 'compensating' ELSE 'running' END"
    )


def _claim_in_one(db: Database, queue: str, limit: int, lease: timedelta, owner: str) -> list[Row]:
    moment = db.moment()
    sql = (
        "WITH due AS MATERIALIZED ("
        f"SELECT id AS due_id, order_at AS due_order FROM {EXECUTIONS}"
        f" WHERE {due_in_queue(moment)} ORDER BY order_at LIMIT %s {db.dialect.skip_locked})"
        f" UPDATE {EXECUTIONS} SET {_assignments(db, moment, lease)} FROM due WHERE id = due_id"
        f" RETURNING {_COLUMNS}, {moment.now}, due_order"
    )
    return sorted(db.fetch(sql, [queue, limit, owner]), key=lambda row: (row[-1], row[0]))


def _claim_candidates(
    db: Database, queue: str, limit: int, lease: timedelta, owner: str
) -> list[Row]:
    """Look first and claim then, so that a look at an idle queue takes no write lock."""
    for _ in range(_MAX_TRIES):
        ids = find_candidates(db, queue, limit)
        rows = claim_ids(db, ids, lease, owner)
        if rows or not ids:
            return rows
        # All of them went to others between the two statements: there may be more.
    return []


def _claim_locked_candidates(
    db: Database, queue: str, limit: int, lease: timedelta, owner: str
) -> list[Row]:
    return claim_ids(db, find_candidates(db, queue, limit), lease, owner)


def find_candidates(db: Database, queue: str, limit: int) -> list[UUID]:
    """Return what is due, locked where the database can pass over what others have locked."""
    sql = (
        f"SELECT id FROM {EXECUTIONS} {db.dialect.by_claim_index} WHERE {due_in_queue(db.moment())}"
        f" ORDER BY order_at LIMIT %s {db.dialect.skip_locked}"
    )
    return [to_uuid(key) for [key] in db.fetch(sql, [queue, limit])]


def claim_ids(db: Database, ids: Sequence[UUID], lease: timedelta, owner: str) -> list[Row]:
    """Claim those of `ids` that are due, whatever was true when they were found."""
    if not ids:
        return []
    moment = db.moment()
    found = [db.uuid(key) for key in ids]
    among = f"id IN ({', '.join(['%s'] * len(ids))})"
    update = (
        f"UPDATE {EXECUTIONS} SET {_assignments(db, moment, lease)}"
        f" WHERE {among} AND {_due(moment)}"
    )
    columns = f"{_COLUMNS}, {moment.now}"
    if db.dialect.can_return_updates:
        rows = db.fetch(f"{update} RETURNING {columns}", [owner, *found])
    elif db.execute(update, [owner, *found]):
        rows = db.fetch(f"SELECT {columns} FROM {EXECUTIONS} WHERE {among}", found)
    else:
        rows = []
    places = {key: place for place, key in enumerate(ids)}
    return sorted(rows, key=lambda row: places[to_uuid(row[0])])


def load_claims(db: Database, rows: Sequence[Row]) -> list[Claim]:
    """Make the claims, with what was recorded of them: at most three statements for all."""
    claims = {}
    for row in rows:
        execution = to_execution(row[: len(EXECUTION_COLUMNS)])
        claims[execution.id] = Claim(
            execution=execution,
            fence=execution.fence,
            status=execution.status,
            now=to_datetime(row[len(EXECUTION_COLUMNS)]),
            signal_count=execution.signal_count,
        )
    # Under its first fence an execution has neither checkpoints nor timers, unless it is a fork.
    resumed = [
        key for key, claim in claims.items() if claim.fence > 1 or claim.execution.forked_from
    ]
    if resumed:
        _load_checkpoints(db, resumed, claims)
        _load_timers(db, resumed, claims)
    signalled = [key for key, claim in claims.items() if claim.signal_count]
    if signalled:
        _load_signals(db, signalled, claims)
    return list(claims.values())


def _load_checkpoints(db: Database, ids: list[UUID], claims: dict[UUID, Claim]) -> None:
    rows = StepCheckpoint.objects.using(db.alias).filter(execution_id__in=ids)
    # The items of a map may be many thousands: the map reads them, a window at a time.
    rows = rows.exclude(kind=CheckpointKind.ITEM.value)
    for row in rows.order_by("position", "attempt", "pk").values_list(*CHECKPOINT_FIELDS):
        checkpoint = to_checkpoint(row)
        claims[checkpoint.execution_id].checkpoints.append(checkpoint)


def _load_timers(db: Database, ids: list[UUID], claims: dict[UUID, Claim]) -> None:
    rows = WorkflowTimer.objects.using(db.alias).filter(execution_id__in=ids, status="pending")
    for row in rows.order_by("fire_at", "key").values_list(*TIMER_FIELDS):
        timer = to_timer(row)
        claims[timer.execution_id].timers[timer.key] = timer


def _load_signals(db: Database, ids: list[UUID], claims: dict[UUID, Claim]) -> None:
    rows = WorkflowSignal.objects.using(db.alias).filter(execution_id__in=ids, status="pending")
    for row in rows.order_by("position").values_list(*SIGNAL_FIELDS):
        signal = to_signal(row)
        claim = claims[signal.execution_id]
        # One that came after the claim is found by its count, when the slice asks.
        if signal.position <= claim.signal_count:
            claim.signals.append(signal)
