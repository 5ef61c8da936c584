"""What a slice writes of its steps: intents, outcomes, atomic steps and undos."""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name

from __future__ import annotations

import sys
from collections.abc import Callable

from django.db import Error, OperationalError, transaction

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.status import Interrupt
from durable_django.exceptions import CheckpointNotCommittedError
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.checkpoint_rows import (
    close_intent,
    insert_intent,
    insert_outcome,
    mark_compensated,
)
from durable_django.stores.orm.commit_proof import CommitProof
from durable_django.stores.orm.database import Database, is_disconnection, is_transient
from durable_django.stores.orm.fencing import (
    find_interrupt,
    take_fence,
    try_fence,
    uninterrupted,
    write_or_interrupt,
)

_MAX_TRIES = 3


class _Refused(Exception):  # noqa: N818 -- it unwinds a transaction and never leaves this module
    """The fence was not to be had: undo the action's writes."""

    def __init__(self, interrupt: Interrupt | None) -> None:
        self.interrupt = interrupt
        super().__init__()


def record_intent(
    db: Database, claim: Claim, checkpoint: Checkpoint, *, must_survive: bool
) -> Interrupt | None:
    db.refuse_open_transaction()

    def write() -> bool:
        moment = db.moment()
        condition = uninterrupted(moment)
        # Inside a transaction it would relax somebody else's commit.
        if not must_survive and not db.connection.in_atomic_block:
            condition += f" AND {db.dialect.relaxed_commit}"
        return insert_intent(db, claim, checkpoint, moment, condition)

    return write_or_interrupt(db, claim, write)


def record_outcome(db: Database, claim: Claim, checkpoint: Checkpoint) -> None:
    db.refuse_open_transaction()
    _close(db, claim, checkpoint)


def run_atomic(
    db: Database, claim: Claim, checkpoint: Checkpoint, action: Callable[[], Checkpoint]
) -> Checkpoint | Interrupt:
    def write(done: Checkpoint) -> None:
        moment = db.moment()
        if not try_fence(db, claim, moment):
            # Asked inside, because the action itself may have requested it.
            raise _Refused(find_interrupt(db, claim))
        if not insert_outcome(db, claim, done, moment):
            raise LeaseLost(claim.execution_id)

    for _ in range(_MAX_TRIES):
        try:
            return _commit_together(db, claim, checkpoint, action, write)
        except _Refused as refused:
            interrupt = refused.interrupt or find_interrupt(db, claim)
            if interrupt is not None:
                return interrupt
            # It was withdrawn between the refusal and the look: run the action again.
    raise LeaseLost(claim.execution_id)


def run_atomic_undo(
    db: Database,
    claim: Claim,
    undo: Checkpoint,
    undone: Checkpoint,
    action: Callable[[], Checkpoint],
) -> Checkpoint:
    def write(done: Checkpoint) -> None:
        take_fence(db, claim)
        _close(db, claim, done)
        _mark_undone(db, claim, undone)

    return _commit_together(db, claim, undo, action, write)


def record_undo(db: Database, claim: Claim, undo: Checkpoint, undone: Checkpoint) -> None:
    def write() -> None:
        take_fence(db, claim)
        _close(db, claim, undo)
        _mark_undone(db, claim, undone)

    db.slice_transact(write)


def _close(db: Database, claim: Claim, checkpoint: Checkpoint) -> None:
    moment = db.moment()
    if close_intent(db, claim, checkpoint, moment):
        return
    # No open intent, or no fence; the insertion proves which, and refuses a closed attempt.
    if not insert_outcome(db, claim, checkpoint, moment):
        raise LeaseLost(claim.execution_id)


def _mark_undone(db: Database, claim: Claim, undone: Checkpoint) -> None:
    if not mark_compensated(db, claim, undone):
        raise LeaseLost(claim.execution_id)


def _commit_together(
    db: Database,
    claim: Claim,
    checkpoint: Checkpoint,
    action: Callable[[], Checkpoint],
    write: Callable[[Checkpoint], None],
) -> Checkpoint:
    """Run the action, then `write` what it returned, in one transaction that provably committed.

    If the database undoes it all as a deadlock's victim, or finds itself locked, all is done again;
    at the last try an action's error is its own. If the connection breaks while the action runs,
    that is no failure of the action.
    """
    db.refuse_open_transaction()
    handled = sys.exc_info()[1]
    what = f"The transaction of {checkpoint.key!r} in execution {claim.execution_id}"
    for tries_left in reversed(range(_MAX_TRIES)):
        done = before = None
        try:
            with transaction.atomic(using=db.alias, durable=True):
                before = db.connection.connection
                proof = CommitProof(db.alias)
                done = action()
                write(done)
        except Exception as exc:
            if tries_left and _may_pass(exc, handled):
                continue
            if done is None:  # the action's own error: the engine records it, unless it is ours
                if is_disconnection(exc, before, db.connection):
                    raise CheckpointNotCommittedError(what) from exc
                raise
            if not isinstance(exc, Error):
                raise
            raise CheckpointNotCommittedError(what) from exc
        if not proof.holds():
            raise CheckpointNotCommittedError(what)
        return done
    raise AssertionError("The last try returns or raises.")


def _may_pass(error: BaseException, handled: BaseException | None) -> bool:
    """Say whether `error` comes of what `is_transient`, and not of what was `handled` before."""
    cause: BaseException | None = error
    while cause is not None and cause is not handled:
        if isinstance(cause, OperationalError):
            return is_transient(cause)
        cause = cause.__cause__ or cause.__context__
    return False
