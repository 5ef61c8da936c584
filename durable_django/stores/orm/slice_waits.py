"""What a slice writes of its timers and waits: fire, deliver, expire, suspend, release."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from datetime import datetime, timedelta

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus, Interrupt, WaitKind
from durable_django.domain.wait import Suspension, Wait
from durable_django.models import WorkflowTimer
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.checkpoint_rows import insert_outcome
from durable_django.stores.orm.database import Database, Moment
from durable_django.stores.orm.fencing import (
    HELD,
    key_of,
    signals_seen,
    try_fence,
    uninterrupted,
    write_or_interrupt,
    write_unless_signalled,
)
from durable_django.stores.orm.rows import EXECUTIONS, SIGNALS, TIMERS, to_datetime


def fire_timer(db: Database, claim: Claim, checkpoint: Checkpoint) -> Interrupt | None:
    def write() -> bool:
        moment = db.moment()
        if not try_fence(db, claim, moment):
            return False
        _insert(db, claim, checkpoint, moment)
        _end_timer(db, claim, checkpoint.key, "fired")
        return True

    return write_or_interrupt(db, claim, lambda: db.slice_transact(write))


def deliver_signal(
    db: Database, claim: Claim, checkpoint: Checkpoint, signal: Signal
) -> Interrupt | None:
    def write() -> bool:
        moment = db.moment()
        if not try_fence(db, claim, moment):
            return False
        sql = (
            f"UPDATE {SIGNALS} SET status = 'delivered', delivered_at = {moment.now}"
            " WHERE id = %s AND execution_id = %s AND status = 'pending'"
        )
        if not db.execute(sql, [db.uuid(signal.id), db.uuid(claim.execution_id)]):
            raise LeaseLost(claim.execution_id)
        _insert(db, claim, checkpoint, moment)
        if checkpoint.key in claim.timers:
            _end_timer(db, claim, checkpoint.key, "cancelled")
        return True

    return write_or_interrupt(db, claim, lambda: db.slice_transact(write))


def expire_wait(db: Database, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
    def write() -> bool:
        moment = db.moment()
        if not try_fence(db, claim, moment, signals_seen(claim)):
            return False
        _insert(db, claim, checkpoint, moment)
        _end_timer(db, claim, checkpoint.key, "fired")
        return True

    return write_unless_signalled(db, claim, lambda: db.slice_transact(write))


def suspend(db: Database, claim: Claim, wait: Wait) -> Interrupt | Suspension:
    db.refuse_open_transaction()
    fire_at = _timer_instant(db, claim, wait) if wait.registers_timer else None

    def write() -> bool:
        moment = db.moment()
        alarm = db.literal(fire_at) if fire_at else _alarm(db, wait, moment)
        is_done = _let_go(db, claim, wait, moment, alarm)
        if is_done and fire_at and wait.key not in claim.timers:
            _register_timer(db, claim, wait.key, fire_at)
        return is_done

    is_one_statement = fire_at is None or wait.key in claim.timers
    once = write if is_one_statement else lambda: db.slice_transact(write)
    if wait.kind is WaitKind.SIGNAL:
        return write_unless_signalled(db, claim, once)
    return write_or_interrupt(db, claim, once) or Suspension.SUSPENDED


def release(db: Database, claim: Claim, wait: Wait) -> None:
    db.refuse_open_transaction()
    moment = db.moment()
    if not _write_wait(db, claim, wait, moment, _alarm(db, wait, moment) or moment.now, "1 = 1"):
        raise LeaseLost(claim.execution_id)


def abandon(db: Database, claim: Claim, error: ErrorRecord, delay: timedelta) -> None:
    db.refuse_open_transaction()
    moment = db.moment()
    alarm = moment.plus(delay)
    sql = (
        f"UPDATE {EXECUTIONS} SET order_at = {db.order_of(alarm)}, wake_at = {alarm},"
        f" error = %s, updated_at = {moment.now} WHERE {HELD}"
    )
    if not db.execute(sql, [error.to_text(), *key_of(db, claim)]):
        raise LeaseLost(claim.execution_id)


def _let_go(db: Database, claim: Claim, wait: Wait, moment: Moment, alarm: str | None) -> bool:
    condition = uninterrupted(moment)
    if wait.kind is WaitKind.SIGNAL:
        condition += f" AND {signals_seen(claim)}"
    if claim.status is ExecutionStatus.COMPENSATING:
        wakes_at = alarm or "NULL"
    elif alarm is None:
        wakes_at = "expires_at"
    else:
        wakes_at = f"CASE WHEN expires_at < {alarm} THEN expires_at ELSE {alarm} END"
    return _write_wait(db, claim, wait, moment, wakes_at, condition)


def _write_wait(
    db: Database, claim: Claim, wait: Wait, moment: Moment, wakes_at: str, condition: str
) -> bool:
    # A compensation stays one; its waiting kind, never empty, says that nobody holds it.
    status = claim.status if claim.status is ExecutionStatus.COMPENSATING else "suspended"
    sql = (
        f"UPDATE {EXECUTIONS} SET order_at = {db.order_of(wakes_at)}, wake_at = {wakes_at},"
        f" waiting_for = %s, updated_at = {moment.now}, waiting_kind = %s, status = %s"
        f" WHERE {HELD} AND status = %s AND {condition}"
    )
    written = [wait.name, str(wait.kind or WaitKind.YIELD), str(status)]
    return db.execute(sql, [*written, *key_of(db, claim), str(claim.status)]) == 1


def _alarm(db: Database, wait: Wait, moment: Moment) -> str | None:
    if wait.after is not None:
        return moment.plus(wait.after)
    return None if wait.alarm is None else db.literal(wait.alarm)


def _timer_instant(db: Database, claim: Claim, wait: Wait) -> datetime:
    """Return when the wait's timer fires: as it was first registered, else as the wait says."""
    known = claim.timers.get(wait.key)
    if known is not None:
        return known.fire_at
    if claim.execution.epoch:
        # Before a retry its timer may have been cancelled unfired: that instant still counts.
        rows = WorkflowTimer.objects.using(db.alias).filter(
            execution_id=claim.execution_id, key=wait.key, status="cancelled"
        )
        for fire_at in rows.values_list("fire_at", flat=True):
            return to_datetime(fire_at)
    if wait.after is not None:
        return db.now() + wait.after
    if wait.alarm is None:
        raise ValueError(f"The wait {wait.key!r} registers a timer and says no instant.")
    return wait.alarm


def _register_timer(db: Database, claim: Claim, key: str, fire_at: datetime) -> None:
    WorkflowTimer.objects.using(db.alias).bulk_create(
        [WorkflowTimer(execution_id=claim.execution_id, key=key, fire_at=fire_at)],
        update_conflicts=True,
        update_fields=["fire_at", "status"],
        unique_fields=None if db.connection.vendor == "mysql" else ["execution", "key"],
    )


def _insert(db: Database, claim: Claim, checkpoint: Checkpoint, moment: Moment) -> None:
    if not insert_outcome(db, claim, checkpoint, moment):
        raise LeaseLost(claim.execution_id)


def _end_timer(db: Database, claim: Claim, key: str, status: str) -> None:
    sql = (
        f"UPDATE {TIMERS} SET status = %s"
        " WHERE execution_id = %s AND call_key = %s AND status = 'pending'"
    )
    db.execute(sql, [status, db.uuid(claim.execution_id), key])
