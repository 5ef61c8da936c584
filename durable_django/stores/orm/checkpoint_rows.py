"""The writes to a checkpoint, each one statement that proves the fence by itself.

The proof is a sub-select that locks the execution's row: no other claim can pass between the
proof and the commit of what it allowed.
"""

# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from typing import Any

from django.db import IntegrityError

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.stores.orm.database import Database, Moment
from durable_django.stores.orm.fencing import HELD, key_of
from durable_django.stores.orm.rows import CHECKPOINT_COLUMNS, CHECKPOINTS, EXECUTIONS

_COLUMNS = ", ".join(CHECKPOINT_COLUMNS)
#: All but the last two, `started_at` and `completed_at`.
_PLACES = ", ".join(["%s"] * (len(CHECKPOINT_COLUMNS) - 2))
_OWN_ATTEMPT = "call_key = %s AND attempt = %s"


def insert_intent(
    db: Database, claim: Claim, checkpoint: Checkpoint, moment: Moment, and_also: str
) -> bool:
    """Insert an attempt that begins now, if the claim holds and `and_also` is true of its row.

    Returns False, with nothing written, if not, or if the attempt is there already.
    """
    return _insert(db, claim, checkpoint, f"COALESCE(%s, {moment.now}), %s", and_also)


def insert_outcome(
    db: Database, claim: Claim, checkpoint: Checkpoint, moment: Moment, and_also: str = "1 = 1"
) -> bool:
    """Insert an attempt that has ended, as `insert_intent` does."""
    instants = f"COALESCE(%s, {moment.now}), COALESCE(%s, {moment.now})"
    return _insert(db, claim, checkpoint, instants, and_also)


def close_intent(db: Database, claim: Claim, checkpoint: Checkpoint, moment: Moment) -> bool:
    """Write the outcome over the open intent of its attempt, if the claim holds.

    Returns False, with nothing written, if it does not, or no such intent is open.
    """
    sql = (
        f"UPDATE {CHECKPOINTS} SET status = %s, output = %s, error = %s, is_final = %s,"
        f" retry_at = %s, completed_at = COALESCE(%s, {moment.now})"
        f" WHERE execution_id = ({_owner(db)}) AND {_OWN_ATTEMPT} AND status = 'intent'"
    )
    outcome = [
        str(checkpoint.status),
        checkpoint.output,
        checkpoint.error,
        checkpoint.is_final,
        db.instant(checkpoint.retry_at),
        db.instant(checkpoint.completed_at),
    ]
    attempt = [checkpoint.key, checkpoint.attempt]
    return db.execute(sql, [*outcome, *key_of(db, claim), *attempt]) == 1


def mark_compensated(db: Database, claim: Claim, checkpoint: Checkpoint) -> bool:
    """Note that what the checkpoint recorded was undone, if the claim holds."""
    sql = (
        f"UPDATE {CHECKPOINTS} SET status = 'compensated'"
        f" WHERE execution_id = ({_owner(db)}) AND {_OWN_ATTEMPT} AND status <> 'compensated'"
    )
    return db.execute(sql, [*key_of(db, claim), checkpoint.key, checkpoint.attempt]) == 1


def _insert(
    db: Database, claim: Claim, checkpoint: Checkpoint, instants: str, and_also: str
) -> bool:
    sql = (
        f"INSERT INTO {CHECKPOINTS} ({_COLUMNS}) SELECT {_PLACES}, {instants}"
        f" FROM {EXECUTIONS} WHERE {HELD} AND {and_also} {db.dialect.share_lock}"
    )
    if db.dialect.can_pass_over_in_select:
        sql = db.dialect.insert_unless_there(sql)
    try:
        return db.execute(sql, [*_values(db, checkpoint), *key_of(db, claim)]) == 1
    except IntegrityError:
        # Where the statement cannot pass over it: the attempt is there already.
        if db.dialect.can_pass_over_in_select:
            raise
        return False


def _owner(db: Database) -> str:
    return f"SELECT id FROM {EXECUTIONS} WHERE {HELD} {db.dialect.share_lock}"


def _values(db: Database, checkpoint: Checkpoint) -> list[Any]:
    return [
        db.uuid(checkpoint.execution_id),
        checkpoint.key,
        checkpoint.name,
        checkpoint.position,
        checkpoint.branch_position,
        str(checkpoint.kind),
        checkpoint.attempt,
        checkpoint.epoch,
        str(checkpoint.status),
        checkpoint.action,
        checkpoint.compensation,
        checkpoint.input,
        checkpoint.input_digest,
        checkpoint.output,
        checkpoint.error,
        checkpoint.is_final,
        db.instant(checkpoint.retry_at),
        checkpoint.idempotency_key,
        db.instant(checkpoint.started_at),
        db.instant(checkpoint.completed_at),
    ]
