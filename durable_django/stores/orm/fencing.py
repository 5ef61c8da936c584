"""The fence: proof that a claim still holds its execution, inside the write that it protects."""

# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from durable_django.domain.claim import Claim
from durable_django.domain.status import ExecutionStatus, Interrupt
from durable_django.domain.wait import Suspension
from durable_django.models import WorkflowSignal
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.database import Database, Moment
from durable_django.stores.orm.rows import EXECUTIONS, SIGNAL_FIELDS, to_signal

#: Parameters: `key_of`. What is held waits for nothing; a compensation that waits was let go.
HELD = "id = %s AND fence = %s AND status IN ('running', 'compensating') AND waiting_kind = ''"
#: Parameters: `key_of`.
HELD_RUNNING = "id = %s AND fence = %s AND status = 'running'"

_MAX_TRIES = 3


def key_of(db: Database, claim: Claim) -> list[Any]:
    """Return the parameters of `HELD` and `HELD_RUNNING`."""
    return [db.uuid(claim.execution_id), claim.fence]


def uninterrupted(moment: Moment) -> str:
    """Return the condition that nothing stops the slice before its next act."""
    return (
        "(status = 'compensating' OR (cancel_requested_at IS NULL AND pause_requested_at IS NULL"
        f" AND (expires_at IS NULL OR expires_at > {moment.now})))"
    )


def take_fence(db: Database, claim: Claim) -> None:
    """Prove the claim and lock its execution until the transaction ends.

    Raises:
        LeaseLost: It does not hold the execution any more.
    """
    moment = db.moment()
    sql = f"UPDATE {EXECUTIONS} SET updated_at = {moment.now} WHERE {HELD}"
    if not db.execute(sql, key_of(db, claim)):
        raise LeaseLost(claim.execution_id)


def try_fence(db: Database, claim: Claim, moment: Moment, and_also: str = "1 = 1") -> bool:
    """Lock the execution if the claim holds it, nothing interrupts it, and `and_also` is true."""
    sql = (
        f"UPDATE {EXECUTIONS} SET updated_at = {moment.now}"
        f" WHERE {HELD} AND {uninterrupted(moment)} AND {and_also}"
    )
    return db.execute(sql, key_of(db, claim)) == 1


def write_or_interrupt(db: Database, claim: Claim, write: Callable[[], bool]) -> Interrupt | None:
    """Do a write that answers whether it was allowed; if it was not, say why.

    Raises:
        LeaseLost: Because the claim holds the execution no more, or the write met what only
            another claim can have written.
    """
    for _ in range(_MAX_TRIES):
        if write():
            return None
        interrupt = find_interrupt(db, claim)
        if interrupt is not None:
            return interrupt
        # Whatever stood in the way was withdrawn between the write and the look.
    raise LeaseLost(claim.execution_id)


def write_unless_signalled(
    db: Database, claim: Claim, write: Callable[[], bool]
) -> Interrupt | Suspension:
    """Do a write that also minds `signals_seen`; SUSPENDED says that it was done.

    Raises:
        LeaseLost: As `write_or_interrupt` does.
    """
    for _ in range(_MAX_TRIES):
        if write():
            return Suspension.SUSPENDED
        interrupt = find_interrupt(db, claim)
        if interrupt is not None:
            return interrupt
        if add_new_signals(db, claim):
            return Suspension.SIGNALLED
    raise LeaseLost(claim.execution_id)


def signals_seen(claim: Claim) -> str:
    """Return the condition that the claim has seen every signal.

    The count is in the execution's own row, so that no signal slips in behind a look at the
    mailbox: a statement that waits for the row's lock tests it again.
    """
    return f"signal_count = {claim.signal_count:d}"


def find_interrupt(db: Database, claim: Claim) -> Interrupt | None:
    """Return why a fenced write was refused; None if nothing is in its way any more.

    Raises:
        LeaseLost: The claim holds the execution no more.
    """
    sql = (
        "SELECT status, cancel_requested_at IS NOT NULL,"
        f" expires_at IS NOT NULL AND expires_at <= {db.moment().now},"
        f" pause_requested_at IS NOT NULL FROM {EXECUTIONS} WHERE {HELD}"
    )
    rows = db.fetch(sql, key_of(db, claim))
    if not rows:
        raise LeaseLost(claim.execution_id)
    [(status, is_cancelled, is_expired, is_paused)] = rows
    if status == ExecutionStatus.COMPENSATING:
        return None
    if is_cancelled:
        return Interrupt.CANCEL
    if is_expired:
        return Interrupt.EXPIRED
    return Interrupt.PAUSE if is_paused else None


def add_new_signals(db: Database, claim: Claim) -> bool:
    """Bring the claim's pending signals up to date; say whether more were accepted meanwhile."""
    rows = db.fetch(f"SELECT signal_count FROM {EXECUTIONS} WHERE {HELD}", key_of(db, claim))
    if not rows:
        raise LeaseLost(claim.execution_id)
    [[signal_count]] = rows
    if signal_count == claim.signal_count:
        return False
    pending = WorkflowSignal.objects.using(db.alias).filter(
        execution_id=claim.execution_id,
        status="pending",
        position__gt=claim.signal_count,
        # A count that was read before a signal came must not cover it.
        position__lte=signal_count,
    )
    claim.signals.extend(
        to_signal(row) for row in pending.order_by("position").values_list(*SIGNAL_FIELDS)
    )
    claim.signal_count = signal_count
    return True
