"""Human tasks: what slices open, remind of and withdraw."""

# ruff: noqa: D103 -- each public function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.models import QuerySet

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.event import Actor, ActorKind, EventType
from durable_django.domain.status import ExecutionStatus, Interrupt
from durable_django.domain.task import NewTask, Task
from durable_django.domain.task_moves import (
    NOT_NEEDED,
    escalated,
    event_of,
    opened,
    reminded,
    why_withdrawn,
)
from durable_django.domain.wait import Suspension
from durable_django.exceptions import TaskNotFoundError
from durable_django.models import (
    HumanTask,
    HumanTaskCandidate,
    WorkflowExecution,
    WorkflowTimer,
)
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.checkpoint_rows import close_intent, insert_intent
from durable_django.stores.orm.database import Database, Moment
from durable_django.stores.orm.events import add_event
from durable_django.stores.orm.fencing import (
    signals_seen,
    try_fence,
    write_or_interrupt,
    write_unless_signalled,
)
from durable_django.stores.orm.human_tasks_rows import (
    insert_candidates,
    task_rows,
    to_columns,
    to_row,
    to_task,
)

_TASKS = HumanTask._meta.db_table  # noqa: SLF001 -- Django's documented model API


def insert_tasks(
    db: Database, claim: Claim, asking: Sequence[tuple[Checkpoint, NewTask]], moment: Moment
) -> None:
    """Insert the tasks and their open attempts, in the transaction that begins to wait for them.

    Raises:
        LeaseLost: One is there already, which only another claim can have written.
    """
    now = db.now()
    for checkpoint, new in asking:
        if not insert_intent(db, claim, checkpoint, moment, "1 = 1"):
            raise LeaseLost(claim.execution_id)
        task = opened(new, now)
        try:
            to_row(task).save(using=db.alias, force_insert=True)
        except IntegrityError as error:
            raise LeaseLost(claim.execution_id) from error
        insert_candidates(db, task, task.candidates)
    if claim.execution.epoch:
        _forget_timers(db, claim, [checkpoint.key for checkpoint, _ in asking])


def cancel_open(
    db: Database, execution_id: UUID, moment: Moment, keys: Collection[str] | None = None
) -> None:
    """Cancel the active tasks of these calls, and of those inside them (None: of all).

    In the caller's transaction, in which the execution's row says already how it ends.
    """
    why = NOT_NEEDED if keys is not None else _why_withdrawn(db, execution_id)
    sql = (
        f"UPDATE {_TASKS} SET status = 'cancelled', is_active = NULL, remind_at = NULL,"
        f" escalate_at = NULL, comment = %s, finished_at = {moment.now}, updated_at = {moment.now}"
        f" WHERE execution_id = %s AND is_active"
    )
    params: list[Any] = [why, db.uuid(execution_id)]
    if keys is not None:
        inside = [f"{key}/" for key in keys]
        conditions = [f"call_key IN ({', '.join(['%s'] * len(keys)) or 'NULL'})"]
        conditions += [f"SUBSTR(call_key, 1, {len(one):d}) = %s" for one in inside]
        sql += f" AND ({' OR '.join(conditions)})"
        params += [*keys, *inside]
    db.execute(sql, params)


def _why_withdrawn(db: Database, execution_id: UUID) -> str:
    rows = WorkflowExecution.objects.using(db.alias).filter(pk=execution_id)
    status, cancelled_at, reason = rows.values_list(
        "status", "cancel_requested_at", "cancel_reason"
    ).get()
    return why_withdrawn(
        ExecutionStatus(status), is_cancelled=cancelled_at is not None, reason=reason
    )


# --- reading ---


def load_task(db: Database, task_id: UUID) -> Task:
    return _load(task_rows(db), task_id)


def lock_task(db: Database, task_id: UUID) -> Task:
    """Return the task as it is committed now, whatever the caller's transaction saw before."""
    return _load(task_rows(db).select_for_update(), task_id)


def _load(rows: QuerySet[HumanTask], task_id: UUID) -> Task:
    row = rows.filter(pk=task_id).first()
    if row is None:
        raise TaskNotFoundError(task_id)
    return to_task(row)


def list_tasks(db: Database, execution_id: UUID) -> list[Task]:
    return [to_task(row) for row in task_rows(db).filter(execution_id=execution_id).order_by("pk")]


# --- what a slice writes ---


def expire_task(db: Database, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
    is_over = False

    def write() -> bool:
        nonlocal is_over
        moment = db.moment()
        if not try_fence(db, claim, moment, signals_seen(claim)):
            return False
        sql = (
            f"UPDATE {_TASKS} SET status = 'expired', is_active = NULL, remind_at = NULL,"
            f" escalate_at = NULL, finished_at = {moment.now}, updated_at = {moment.now}"
            " WHERE execution_id = %s AND call_key = %s AND is_active"
        )
        is_over = not db.execute(sql, [db.uuid(claim.execution_id), checkpoint.key])
        if is_over:
            return True
        if not close_intent(db, claim, checkpoint, moment):
            raise LeaseLost(claim.execution_id)
        end_timer(db, claim.execution_id, checkpoint.key, "fired")
        return True

    answer = write_unless_signalled(db, claim, lambda: db.slice_transact(write))
    return Suspension.SIGNALLED if is_over and answer is Suspension.SUSPENDED else answer


def remind_task(db: Database, claim: Claim, task_id: UUID) -> Interrupt | None:
    return _move(db, claim, task_id, reminded, EventType.TASK_REMINDED)


def escalate_task(db: Database, claim: Claim, task_id: UUID) -> Interrupt | None:
    return _move(db, claim, task_id, escalated, EventType.TASK_ESCALATED)


def _move(
    db: Database,
    claim: Claim,
    task_id: UUID,
    move: Callable[[Task, datetime], Task],
    type: EventType,  # noqa: A002 -- the word of the table
) -> Interrupt | None:
    def write() -> bool:
        if not try_fence(db, claim, db.moment()):
            return False
        before = lock_task(db, task_id)
        after = move(before, db.now())
        if after is not before:
            write_task(db, before, after)
            by = Actor(kind=ActorKind.WORKER, id=claim.execution.lease_owner)
            add_event(db, event_of(after, type, by))
        return True

    return write_or_interrupt(db, claim, lambda: db.slice_transact(write))


# --- shared with the acts of people ---


def write_task(db: Database, before: Task, after: Task) -> None:
    """Write the difference; the execution's row is locked, and the task was read since."""
    rows = HumanTask.objects.using(db.alias).filter(
        pk=before.id, status=str(before.status), assignee=before.assignee
    )
    if rows.update(**to_columns(after)) != 1:
        raise AssertionError(f"Task {before.id} changed under the lock of its execution.")
    candidates = HumanTaskCandidate.objects.using(db.alias).filter(task_id=before.id)
    for one in before.candidates:
        if one not in after.candidates:
            candidates.filter(kind=str(one.kind), name=one.name).delete()
    insert_candidates(db, after, (one for one in after.candidates if one not in before.candidates))


def end_timer(db: Database, execution_id: UUID, key: str, status: str) -> None:
    """Mark the pending timer of a call, if there is one."""
    timers = WorkflowTimer.objects.using(db.alias)
    timers.filter(execution_id=execution_id, key=key, status="pending").update(status=status)


def _forget_timers(db: Database, claim: Claim, keys: Sequence[str]) -> None:
    """Let the timeouts of earlier tasks of these calls be over: a new task has its own time."""
    timers = WorkflowTimer.objects.using(db.alias)
    timers.filter(execution_id=claim.execution_id, key__in=keys, status="cancelled").update(
        status="fired"
    )
