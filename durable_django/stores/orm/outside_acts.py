"""What people and other programs do to an execution, in the caller's transaction if there is one.

Each act is one conditional UPDATE of the execution, whose predicate repeats the statuses it may
start from. Only when it matches nothing is the row read, to say why.
"""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import Q

from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.identifiers import groups_of, new_id
from durable_django.domain.signal import Signal, wait_kind_of
from durable_django.domain.status import TERMINAL_STATUSES, ExecutionStatus, WaitKind
from durable_django.exceptions import InvalidTransitionError
from durable_django.models import StepCheckpoint, WorkflowSignal
from durable_django.stores.orm import limits
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.prefixes import begins_with
from durable_django.stores.orm.reading import load_execution
from durable_django.stores.orm.rows import (
    CHECKPOINTS,
    EXECUTIONS,
    SIGNAL_FIELDS,
    SIGNALS,
    TIMERS,
    to_datetime,
    to_signal,
)
from durable_django.stores.orm.telling import tell

_MAX_TRIES = 3

_TAKES_SIGNALS = ("pending", "running", "suspended", "paused", "parked")
_PAUSABLE = ("pending", "running", "suspended")


def add_signal(
    db: Database, execution_id: UUID, name: str, payload: str, dedupe_key: str | None
) -> tuple[Signal, bool]:
    def add() -> tuple[Signal, bool] | None:
        if dedupe_key is not None:
            _lock(db, execution_id)
            seen = _find_signal(db, execution_id, dedupe_key)
            if seen is not None:
                return seen, False
        # It takes the next position, under the row's lock.
        if not tell(db, execution_id, wait_kind_of(name), name):
            return None
        return _insert_signal(db, execution_id, name, payload, dedupe_key), True

    # The error is raised outside the transaction: it must not spoil the caller's.
    added = db.transact(add)
    if added is None:
        execution = load_execution(db, execution_id)
        raise _refusal(execution, "signalled", _TAKES_SIGNALS)
    return added


def request_cancel(db: Database, execution_id: UUID, reason: str, *, compensates: bool) -> bool:
    now = db.moment().now
    # A slice that runs notices by itself; everything else is woken to notice.
    sql = (
        f"UPDATE {EXECUTIONS} SET cancel_requested_at = {now}, cancel_reason = %s,"
        f" cancel_compensates = %s, updated_at = {now},"
        # Else what was parked as poison would be parked again, and never end.
        " recoveries = CASE status WHEN 'parked' THEN 0 ELSE recoveries END,"
        " pause_requested_at = CASE status WHEN 'running' THEN pause_requested_at END,"
        f" order_at = CASE status WHEN 'running' THEN order_at ELSE {db.order_of(now)} END,"
        f" wake_at = CASE status WHEN 'running' THEN wake_at ELSE {now} END,"
        " waiting_for = CASE WHEN status IN ('paused', 'parked') THEN '' ELSE waiting_for END,"
        " waiting_kind ="
        " CASE WHEN status IN ('paused', 'parked') THEN 'yield' ELSE waiting_kind END,"
        " status = CASE WHEN status IN ('paused', 'parked') THEN 'suspended' ELSE status END,"
        " park_reason = NULL"
        " WHERE id = %s AND (status IN ('pending', 'running', 'suspended', 'paused')"
        # With an ending, it was parked out of a compensation: that goes on, or nothing does.
        " OR (status = 'parked' AND ending IS NULL))"
        # What stopped for a person after a first request is woken by a second one.
        " AND (cancel_requested_at IS NULL OR status IN ('paused', 'parked'))"
    )
    if db.execute(sql, [reason, compensates, db.uuid(execution_id)]):
        return True
    execution = load_execution(db, execution_id)
    if execution.status in {"pending", "running", "suspended"}:
        return False
    raise _refusal(
        execution, "cancelled", (*_PAUSABLE, "paused", "parked outside of a compensation")
    )


def request_pause(db: Database, execution_id: UUID) -> bool:
    now = db.moment().now
    sql = (
        f"UPDATE {EXECUTIONS} SET pause_requested_at = {now}, updated_at = {now},"
        " order_at = CASE status WHEN 'running' THEN order_at END,"
        " wake_at = CASE status WHEN 'running' THEN wake_at END,"
        " status = CASE status WHEN 'running' THEN 'running' ELSE 'paused' END"
        " WHERE id = %s AND status IN ('pending', 'running', 'suspended')"
        " AND cancel_requested_at IS NULL AND pause_requested_at IS NULL"
    )
    if db.execute(sql, [db.uuid(execution_id)]):
        return True
    execution = load_execution(db, execution_id)
    if execution.status == "paused" or (
        execution.status in _PAUSABLE and execution.cancel_requested_at is None
    ):
        return False
    raise _refusal(execution, "paused", (*_PAUSABLE, "and that no cancel was requested"))


def resume(db: Database, execution_id: UUID) -> bool:
    now = db.moment().now
    sql = (
        f"UPDATE {EXECUTIONS} SET pause_requested_at = NULL, updated_at = {now},"
        f" order_at = CASE status WHEN 'paused' THEN {db.order_of(now)} ELSE order_at END,"
        f" wake_at = CASE status WHEN 'paused' THEN {now} ELSE wake_at END,"
        " waiting_for = CASE status WHEN 'paused' THEN '' ELSE waiting_for END,"
        " waiting_kind = CASE status WHEN 'paused' THEN 'yield' ELSE waiting_kind END,"
        " status = CASE status WHEN 'paused' THEN 'suspended' ELSE status END"
        " WHERE id = %s AND (status = 'paused' OR (pause_requested_at IS NOT NULL"
        " AND status IN ('pending', 'running', 'suspended')))"
    )

    def write() -> bool:
        if not db.execute(sql, [db.uuid(execution_id)]):
            return False
        limits.hold_back(db, execution_id)
        return True

    if db.transact(write):
        return True
    raise _refusal(load_execution(db, execution_id), "resumed", ("paused", "or asked to pause"))


def retry(db: Database, execution_id: UUID) -> ExecutionStatus:
    for _ in range(_MAX_TRIES):
        execution = load_execution(db, execution_id)
        if execution.status not in {ExecutionStatus.FAILED, ExecutionStatus.PARKED}:
            break
        if db.transact(partial(_retry, db, execution)):
            return _status_after_retry(execution)
        # It changed between the look and the write.
    raise _refusal(execution, "retried", ("failed", "parked"))


def hasten(db: Database, execution_id: UUID, key: str) -> bool:
    def write() -> bool:
        _lock(db, execution_id)
        if not _is_hastened(db, execution_id, key):
            return False
        now = db.moment().now
        # What is paused or held finds the timer due by itself; only who sleeps is woken.
        db.execute(
            f"UPDATE {EXECUTIONS} SET order_at = {db.order_of(now)}, wake_at = {now},"
            f" updated_at = {now} WHERE id = %s AND wake_at > {now}"
            " AND (status = 'suspended' OR (status = 'compensating' AND waiting_kind <> ''))",
            [db.uuid(execution_id)],
        )
        return True

    execution = load_execution(db, execution_id)
    if execution.is_terminal:
        alive = tuple(str(one) for one in ExecutionStatus if one not in TERMINAL_STATUSES)
        raise _refusal(execution, "hastened", alive)
    return db.transact(write)


def _is_hastened(db: Database, execution_id: UUID, key: str) -> bool:
    now = db.moment().now
    found = [db.uuid(execution_id), key]
    timers = db.execute(
        f"UPDATE {TIMERS} SET fire_at = {now} WHERE execution_id = %s AND call_key = %s"
        f" AND status = 'pending' AND fire_at > {now}",
        found,
    )
    attempts = db.execute(
        f"UPDATE {CHECKPOINTS} SET retry_at = {now} WHERE execution_id = %s AND call_key = %s"
        # A failed attempt that is tried again, or a poll that checks again.
        f" AND status IN ('failed', 'intent') AND NOT is_final AND retry_at > {now}",
        found,
    )
    return timers + attempts > 0


def _refusal(execution: Execution, act: str, allowed: tuple[str, ...]) -> InvalidTransitionError:
    return InvalidTransitionError(execution.id, execution.status, act, allowed)


# --- signals ---


def _lock(db: Database, execution_id: UUID) -> None:
    # An UPDATE and not SELECT … FOR UPDATE: SQLite takes its write lock only for this.
    db.execute(
        f"UPDATE {EXECUTIONS} SET updated_at = updated_at WHERE id = %s", [db.uuid(execution_id)]
    )


def _find_signal(db: Database, execution_id: UUID, dedupe_key: str) -> Signal | None:
    # Locking, so that it reads what is committed now and not a snapshot from before the lock.
    rows = (
        WorkflowSignal.objects.using(db.alias)
        .select_for_update()
        .filter(execution_id=execution_id, dedupe_key=dedupe_key)
    )
    row = rows.values_list(*SIGNAL_FIELDS).first()
    return None if row is None else to_signal(row)


def _insert_signal(
    db: Database, execution_id: UUID, name: str, payload: str, dedupe_key: str | None
) -> Signal:
    signal_id = new_id()
    sql = (
        f"INSERT INTO {SIGNALS}"
        " (id, execution_id, name, payload, status, dedupe_key, position, created_at)"
        f" SELECT %s, id, %s, %s, 'pending', %s, signal_count, {db.moment().now}"
        f" FROM {EXECUTIONS} WHERE id = %s"
    )
    params = [db.uuid(signal_id), name, payload, dedupe_key, db.uuid(execution_id)]
    position, created_at = _insert_returning(db, sql, params, signal_id)
    return Signal(
        id=signal_id,
        execution_id=execution_id,
        name=name,
        payload=payload,
        position=position,
        dedupe_key=dedupe_key,
        created_at=to_datetime(created_at),
    )


def _insert_returning(
    db: Database, sql: str, params: list[Any], signal_id: UUID
) -> tuple[int, Any]:
    if db.dialect.can_return_inserts:
        [[position, created_at]] = db.fetch(f"{sql} RETURNING position, created_at", params)
    else:
        db.execute(sql, params)
        row = WorkflowSignal.objects.using(db.alias).filter(pk=signal_id)
        position, created_at = row.values_list("position", "created_at").get()
    return position, created_at


# --- retry ---


def _status_after_retry(execution: Execution) -> ExecutionStatus:
    if execution.status is ExecutionStatus.PARKED and execution.ending is not None:
        return ExecutionStatus.COMPENSATING
    return ExecutionStatus.PENDING


def _retry(db: Database, execution: Execution) -> bool:
    """Revive it, if it is still as it was read."""
    now = db.moment().now
    status = _status_after_retry(execution)
    is_undoing = status is ExecutionStatus.COMPENSATING
    sql = (
        f"UPDATE {EXECUTIONS} SET status = %s, epoch = epoch + 1, recoveries = 0,"
        " park_reason = NULL, ending = %s, finished_at = NULL, pause_requested_at = NULL,"
        f" {_forgotten(execution, is_undoing=is_undoing)}"
        f" expires_at = CASE WHEN expires_at > {now} THEN expires_at END,"
        # The process that ran a FOREGROUND one has gone, and its lease with it.
        f" guarantee = 'background', order_at = {db.background_order_of(now)}, wake_at = {now},"
        # Not empty for a compensation: nobody holds it yet.
        f" waiting_kind = %s, waiting_for = '', lease_owner = '', updated_at = {now}"
        " WHERE id = %s AND status = %s AND epoch = %s AND fence = %s"
    )
    written = [
        str(status),
        str(execution.ending) if is_undoing and execution.ending else None,
        str(WaitKind.YIELD if is_undoing else WaitKind.NOTHING),
    ]
    found = [db.uuid(execution.id), str(execution.status), execution.epoch, execution.fence]
    if not db.execute(sql, [*written, *found]):
        return False
    if not is_undoing:
        _reopen_failed_call(db, execution)
    if execution.limit_key and execution.is_terminal:
        limits.rejoin(db, execution)
    elif execution.limit_key:
        limits.hold_back(db, execution.id)
    return True


def _reopen_failed_call(db: Database, execution: Execution) -> None:
    call = ErrorRecord.from_text(execution.error or "").call
    if call:
        rows = StepCheckpoint.objects.using(db.alias).filter(execution_id=execution.id)
        failed = rows.filter(status="failed", is_final=True)
        # With it the groups it stands in; of a group or a map, all that failed in it.
        failed.filter(Q(key__in=groups_of(call)) | Q(begins_with("key", f"{call}/"))).update(
            is_final=False
        )
        # A group that ran out of time is no failure of its own, nor is a map that tolerated the
        # failure of an item; but the workflow did not go on.
        rows.filter(key__in=groups_of(call), kind__in=("group", "map"), status="completed").update(
            status="failed"
        )


def _forgotten(execution: Execution, *, is_undoing: bool) -> str:
    """Return what a retry forgets: not what it undoes for, nor a cancel nobody has acted on."""
    if is_undoing:
        return ""
    if execution.status is ExecutionStatus.PARKED:
        return "error = NULL,"
    return (
        "error = NULL, cancel_requested_at = NULL, cancel_reason = '', cancel_compensates = TRUE,"
    )
