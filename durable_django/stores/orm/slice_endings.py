"""What a slice writes when it stops for good or for a person: complete, finish, park, pause."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

import json

from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.signal import EVENT_PREFIX
from durable_django.domain.status import (
    CheckpointKind,
    ExecutionStatus,
    Interrupt,
    ParkReason,
)
from durable_django.domain.wait import ANY_NEWS
from durable_django.models import EventSubscription
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm import limits
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.fencing import (
    HELD,
    HELD_RUNNING,
    key_of,
    signals_seen,
    uninterrupted,
    write_or_interrupt,
)
from durable_django.stores.orm.human_tasks import cancel_open
from durable_django.stores.orm.rows import EXECUTIONS, SIGNALS, TIMERS
from durable_django.stores.orm.telling import tell_parent

_NO_ALARM = "order_at = NULL, wake_at = NULL, waiting_for = ''"


def complete(db: Database, claim: Claim, output: str) -> Interrupt | None:
    db.refuse_open_transaction()

    # Whoever came to stand in line behind it since its claim waits for its place: see `limits`.
    nothing_came = f"{signals_seen(claim)} AND limit_key = ''"
    leaves_nothing = not _leaves_something(claim)
    is_alone = leaves_nothing and not claim.execution.parent_wait

    def write() -> bool:
        if is_alone and _complete(db, claim, output, nothing_came):
            return True
        return db.slice_transact(write_all)

    def write_all() -> bool:
        if leaves_nothing and _complete(db, claim, output, nothing_came):
            tell_parent(db, claim.execution, ExecutionStatus.COMPLETED)
            return True
        if not _complete(db, claim, output, "1 = 1"):
            return False
        _leave_behind(db, claim, ExecutionStatus.COMPLETED, "dead")
        _tell_of_end(db, claim, ExecutionStatus.COMPLETED)
        return True

    return write_or_interrupt(db, claim, write)


def begin_compensation(
    db: Database, claim: Claim, ending: ExecutionStatus, error: ErrorRecord | None
) -> None:
    def write() -> None:
        sql = (
            f"UPDATE {EXECUTIONS} SET ending = %s, error = %s, updated_at = {db.moment().now},"
            f" status = 'compensating' WHERE {HELD_RUNNING}"
        )
        if not db.execute(sql, [str(ending), _text(error), *key_of(db, claim)]):
            raise LeaseLost(claim.execution_id)
        _leave_behind(db, claim, ending, _fate_of_signals(ending, error))

    db.slice_transact(write)
    claim.status = ExecutionStatus.COMPENSATING


def finish(db: Database, claim: Claim, status: ExecutionStatus, error: ErrorRecord | None) -> None:
    def write() -> None:
        now = db.moment().now
        sql = (
            f"UPDATE {EXECUTIONS} SET {_NO_ALARM}, ending = NULL, error = %s, updated_at = {now},"
            f" finished_at = {now}, status = %s WHERE {HELD}"
        )
        if not db.execute(sql, [_text(error), str(status), *key_of(db, claim)]):
            raise LeaseLost(claim.execution_id)
        _leave_behind(db, claim, status, _fate_of_signals(status, error))
        _tell_of_end(db, claim, status)

    db.slice_transact(write)


def park(db: Database, claim: Claim, reason: ParkReason, error: ErrorRecord) -> None:
    db.refuse_open_transaction()
    sql = (
        f"UPDATE {EXECUTIONS} SET {_NO_ALARM}, park_reason = %s, error = %s,"
        f" updated_at = {db.moment().now}, status = 'parked' WHERE {HELD}"
    )
    if not db.execute(sql, [str(reason), error.to_text(), *key_of(db, claim)]):
        raise LeaseLost(claim.execution_id)


def pause(db: Database, claim: Claim) -> None:
    """Stop as PAUSED, or as SUSPENDED and due if the request was overtaken.

    A resume or a cancel that came after the slice looked must not be lost: nobody would wake the
    execution for it again.
    """
    db.refuse_open_transaction()
    now = db.moment().now
    is_overtaken = "pause_requested_at IS NULL OR cancel_requested_at IS NOT NULL"
    sql = (
        f"UPDATE {EXECUTIONS} SET"
        f" order_at = CASE WHEN {is_overtaken} THEN {db.order_of(now)} END,"
        f" wake_at = CASE WHEN {is_overtaken} THEN {now} END,"
        f" waiting_kind = CASE WHEN {is_overtaken} THEN 'yield' ELSE '' END,"
        f" status = CASE WHEN {is_overtaken} THEN 'suspended' ELSE 'paused' END,"
        f" waiting_for = '', updated_at = {now} WHERE {HELD_RUNNING}"
    )
    if not db.execute(sql, key_of(db, claim)):
        raise LeaseLost(claim.execution_id)


def record_progress(db: Database, claim: Claim, progress: dict[str, object]) -> None:
    db.refuse_open_transaction()
    sql = f"UPDATE {EXECUTIONS} SET progress = %s, updated_at = {db.moment().now} WHERE {HELD}"
    if not db.execute(sql, [json.dumps(progress), *key_of(db, claim)]):
        raise LeaseLost(claim.execution_id)


def clear_recoveries(db: Database, claim: Claim) -> None:
    db.refuse_open_transaction()
    sql = f"UPDATE {EXECUTIONS} SET recoveries = 0, updated_at = {db.moment().now} WHERE {HELD}"
    if not db.execute(sql, key_of(db, claim)):
        raise LeaseLost(claim.execution_id)


def _complete(db: Database, claim: Claim, output: str, condition: str) -> bool:
    moment = db.moment()
    sql = (
        f"UPDATE {EXECUTIONS} SET {_NO_ALARM}, output = %s, error = NULL,"
        f" updated_at = {moment.now}, finished_at = {moment.now}, status = 'completed'"
        f" WHERE {HELD_RUNNING} AND {uninterrupted(moment)} AND {condition}"
    )
    return db.execute(sql, [output, *key_of(db, claim)]) == 1


def _leave_behind(
    db: Database, claim: Claim, status: ExecutionStatus, fate_of_signals: str
) -> None:
    """Settle what nobody will ask for any more; the execution's row is locked."""
    execution_id = db.uuid(claim.execution_id)
    pending = "execution_id = %s AND status = 'pending'"
    db.execute(f"UPDATE {SIGNALS} SET status = %s WHERE {pending}", [fate_of_signals, execution_id])
    db.execute(f"UPDATE {TIMERS} SET status = 'cancelled' WHERE {pending}", [execution_id])
    # What it waited for last is forgotten by a resume: only who completed has come by its waits.
    if _subscribes(claim) or status is not ExecutionStatus.COMPLETED:
        rows = EventSubscription.objects.using(db.alias)
        rows.filter(execution_id=claim.execution_id).delete()
    if _asks(claim):
        cancel_open(db, claim.execution_id, db.moment())


def _subscribes(claim: Claim) -> bool:
    """Say whether it may be subscribed to events: it was, if it waited for any when it waited last."""
    waiting_for = claim.execution.waiting_for
    return waiting_for == ANY_NEWS or EVENT_PREFIX in waiting_for


def _asks(claim: Claim) -> bool:
    return any(checkpoint.kind is CheckpointKind.TASK for checkpoint in claim.checkpoints)


def _leaves_something(claim: Claim) -> bool:
    """Say whether, by what the claim knows, its end must settle more than its own row."""
    recorded = claim.timers or claim.signals or claim.execution.limit_key
    return bool(recorded) or _subscribes(claim) or _asks(claim)


def _tell_of_end(db: Database, claim: Claim, status: ExecutionStatus) -> None:
    """Tell whoever waits for this end, in its transaction, and make room for the next."""
    tell_parent(db, claim.execution, status)
    # Last, so that nothing is waited for while the limit is locked.
    limits.leave(db, claim.execution_id)


def _fate_of_signals(ending: ExecutionStatus, error: ErrorRecord | None) -> str:
    is_late = error is not None and error.code == "expired"
    return "expired" if is_late or ending is ExecutionStatus.CANCELLED else "dead"


def _text(error: ErrorRecord | None) -> str | None:
    return None if error is None else error.to_text()
