"""Tell an execution that something happened which its wait may be for."""

# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from typing import Any
from uuid import UUID

from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.domain.wait import ANY_NEWS, listed
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.rows import EXECUTIONS

_TAKES_NEWS = "('pending', 'running', 'suspended', 'paused', 'parked')"


def tell(db: Database, execution_id: UUID, kind: WaitKind, name: str) -> bool:
    """Count the news under the row's lock, and wake the execution if it waits for (kind, name).

    Returns False if it takes none any more: it has ended, or undoes its steps. Who holds it looks
    at the count before it suspends, so that no news is lost between its look and its wait.
    """
    now = db.moment().now
    awaited = f"{_is_awaited(db)} AND (wake_at IS NULL OR wake_at > {now})"
    sql = (
        f"UPDATE {EXECUTIONS} SET"
        f" order_at = CASE WHEN {awaited} THEN {db.order_of(now)} ELSE order_at END,"
        f" wake_at = CASE WHEN {awaited} THEN {now} ELSE wake_at END,"
        f" signal_count = signal_count + 1, updated_at = {now}"
        f" WHERE id = %s AND status IN {_TAKES_NEWS}"
    )
    wanted = _wanted(kind, name)
    return db.execute(sql, [*wanted, *wanted, db.uuid(execution_id)]) == 1


def tell_parent(db: Database, child: Execution, status: ExecutionStatus) -> None:
    """Tell the parent that a child has ended; the child's end is written in this transaction.

    A parent that waits for all items of a map is told of the last of them, and of each that
    failed. Which is the last is decided without its row as long as there is an item to leave it
    to, so that thousands of ends do not queue for one lock (except on MySQL and MariaDB).
    """
    if child.parent_id is None or not child.parent_wait:
        return
    if child.parent_wait is WaitKind.CHILD:
        tell(db, child.parent_id, WaitKind.CHILD, child.parent_key)
        return
    call = child.parent_key.rpartition("/")[0]
    if status is not ExecutionStatus.COMPLETED:
        tell(db, child.parent_id, WaitKind.MAP, call)
        return
    if _leaves_it_to_another(db, child.parent_id, call):
        return
    # All that are still open are being written now. The first statement takes the parent's lock;
    # the next one sees, by its own snapshot, the ends of all children that took it before, so
    # that one of the last two is the last.
    if not tell(db, child.parent_id, WaitKind.NOTHING, ""):
        return
    if not _finds_open_item(db, child.parent_id, call):
        tell(db, child.parent_id, WaitKind.MAP, call)


def _leaves_it_to_another(db: Database, parent_id: UUID, call: str) -> bool:
    """Say whether an item that is still open will see to it when it ends."""
    lock = db.dialect.share_lock_passing_over
    return lock is not None and _finds_open_item(db, parent_id, call, lock)


def _finds_open_item(db: Database, parent_id: UUID, call: str, lock: str = "") -> bool:
    """Say whether an item has not ended.

    With the lock it finds only one whose end nobody writes now, and keeps that from ending before
    this transaction has: its own end then sees this one's, and it is told in its place.
    """
    prefix = f"{call}/"
    sql = (
        f"SELECT 1 FROM {EXECUTIONS} WHERE parent_id = %s AND finished_at IS NULL"
        f" AND parent_wait = 'map' AND SUBSTR(parent_key, 1, {len(prefix):d}) = %s LIMIT 1 {lock}"
    )
    return bool(db.fetch(sql, [db.uuid(parent_id), prefix]))


def _is_awaited(db: Database) -> str:
    """Return the condition that it is suspended for the news; its parameters are `_wanted`."""
    return (
        "status = 'suspended' AND ((waiting_kind = %s AND waiting_for = %s)"
        f" OR (waiting_kind = 'several' AND (waiting_for = '{ANY_NEWS}'"
        f" OR {db.dialect.contains('waiting_for', '%s')})))"
    )


def _wanted(kind: WaitKind, name: str) -> list[Any]:
    return [str(kind), name, listed(kind, name)]
