"""What a slice writes of its timers and waits: fire, deliver, expire, suspend, release."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.signal import Signal
from durable_django.domain.status import CheckpointKind, ExecutionStatus, Interrupt, WaitKind
from durable_django.domain.wait import Suspension, Wait
from durable_django.models import EventSubscription, WorkflowTimer
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.checkpoint_rows import close_intent, insert_outcome
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
from durable_django.stores.orm.human_tasks import cancel_open
from durable_django.stores.orm.prefixes import is_or_is_in
from durable_django.stores.orm.rows import EXECUTIONS, SIGNALS, TIMERS
from durable_django.stores.orm.slice_opening import (
    opens_anything,
    register_timers,
    timer_instants,
    write_opened,
)
from durable_django.stores.orm.starting import WorkflowRows


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
        if checkpoint.kind is CheckpointKind.EVENT:
            _unsubscribe(db, claim, [checkpoint.key])
        return True

    return write_or_interrupt(db, claim, lambda: db.slice_transact(write))


def expire_wait(db: Database, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
    def write() -> bool:
        moment = db.moment()
        if not try_fence(db, claim, moment, signals_seen(claim)):
            return False
        _insert(db, claim, checkpoint, moment)
        _end_timer(db, claim, checkpoint.key, "fired")
        if checkpoint.kind is CheckpointKind.EVENT:
            _unsubscribe(db, claim, [checkpoint.key])
        return True

    return write_unless_signalled(db, claim, lambda: db.slice_transact(write))


def suspend(
    db: Database, workflows: WorkflowRows, claim: Claim, wait: Wait
) -> Interrupt | Suspension:
    db.refuse_open_transaction()
    instants = timer_instants(db, claim, wait)

    def write() -> bool:
        moment = db.moment()
        alarm = _earliest_alarm(db, wait, instants, moment)
        if not opens:
            return _let_go(db, claim, wait, moment, alarm, _may_suspend(claim, wait, moment))
        if not try_fence(db, claim, moment, _has_seen_news(claim, wait)):
            return False
        write_opened(db, workflows, claim, wait, moment)
        register_timers(db, claim, instants)
        # The row has been locked since the fence was proved: nothing can have changed.
        return _let_go(db, claim, wait, moment, alarm, "1 = 1")

    is_only_a_timer = not (wait.parts or wait.topic or wait.starting or wait.asking)
    opens = opens_anything(wait) and not (is_only_a_timer and wait.key in claim.timers)
    once = (lambda: db.slice_transact(write)) if opens else write
    if wait.minds_news:
        return write_unless_signalled(db, claim, once)
    return write_or_interrupt(db, claim, once) or Suspension.SUSPENDED


def settle(  # noqa: PLR0913 -- one transition
    db: Database,
    claim: Claim,
    checkpoint: Checkpoint,
    *,
    fired: Collection[str],
    released: Collection[str],
    dropped: Collection[Checkpoint],
    unless_news: bool,
) -> Interrupt | Suspension:
    def write() -> bool:
        moment = db.moment()
        if not try_fence(db, claim, moment, signals_seen(claim) if unless_news else "1 = 1"):
            return False
        for outcome in (checkpoint, *dropped):
            if not close_intent(db, claim, outcome, moment):
                _insert(db, claim, outcome, moment)
        for key in fired:
            _end_timer(db, claim, key, "fired")
        _release(db, claim, released, moment)
        return True

    if unless_news:
        return write_unless_signalled(db, claim, lambda: db.slice_transact(write))
    interrupt = write_or_interrupt(db, claim, lambda: db.slice_transact(write))
    return interrupt or Suspension.SUSPENDED


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


def _may_suspend(claim: Claim, wait: Wait, moment: Moment) -> str:
    return f"{uninterrupted(moment)} AND {_has_seen_news(claim, wait)}"


def _has_seen_news(claim: Claim, wait: Wait) -> str:
    return signals_seen(claim) if wait.minds_news else "1 = 1"


def _let_go(
    db: Database, claim: Claim, wait: Wait, moment: Moment, alarm: str | None, condition: str
) -> bool:
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


def _earliest_alarm(
    db: Database, wait: Wait, instants: Mapping[str, datetime], moment: Moment
) -> str | None:
    """Return the alarm: the earliest timer, or what a part says beside."""
    if not wait.parts and not wait.registers_timer:
        return _alarm(db, wait, moment)
    alarms = list(instants.values())
    for part in wait.parts or (wait,):
        # With a timer that counts from now, the alarm is another one, beside it.
        if part.alarm is not None and (not part.registers_timer or part.after is not None):
            alarms.append(part.alarm)
        elif part.after is not None and not part.registers_timer:
            alarms.append(db.now() + part.after)
    return db.literal(min(alarms)) if alarms else None


def _release(db: Database, claim: Claim, keys: Collection[str], moment: Moment) -> None:
    """Withdraw what these calls, and those inside them, wait with: timers, subscriptions, tasks."""
    if not keys:
        return
    own = {"execution_id": claim.execution_id}
    timers = WorkflowTimer.objects.using(db.alias).filter(**own, status="pending")
    timers.filter(is_or_is_in("key", keys)).update(status="cancelled")
    subscriptions = EventSubscription.objects.using(db.alias).filter(**own)
    subscriptions.filter(is_or_is_in("call_key", keys)).delete()
    cancel_open(db, claim.execution_id, moment, keys)


def _unsubscribe(db: Database, claim: Claim, keys: Sequence[str]) -> None:
    rows = EventSubscription.objects.using(db.alias)
    rows.filter(execution_id=claim.execution_id, call_key__in=keys).delete()


def _insert(db: Database, claim: Claim, checkpoint: Checkpoint, moment: Moment) -> None:
    if not insert_outcome(db, claim, checkpoint, moment):
        raise LeaseLost(claim.execution_id)


def _end_timer(db: Database, claim: Claim, key: str, status: str) -> None:
    sql = (
        f"UPDATE {TIMERS} SET status = %s"
        " WHERE execution_id = %s AND call_key = %s AND status = 'pending'"
    )
    db.execute(sql, [status, db.uuid(claim.execution_id), key])
