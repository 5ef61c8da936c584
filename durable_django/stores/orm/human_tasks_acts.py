"""What people do with human tasks, in the caller's transaction if there is one.

Each act locks the execution's row first, then reads and writes the task: among all who act on one
task at once, each sees what those before it did.
"""

# ruff: noqa: D103 -- each function keeps the promise of the port method of its name

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db.models import F

from durable_django.domain.event import Actor, EventType, NewEvent
from durable_django.domain.status import TaskStatus, WaitKind
from durable_django.domain.task import Principal, Task
from durable_django.domain.task_moves import (
    assigned,
    cancelled,
    claimed,
    completed,
    event_of,
    released,
)
from durable_django.exceptions import TaskOverError
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.events import add_event
from durable_django.stores.orm.human_tasks import end_timer, load_task, lock_task, write_task
from durable_django.stores.orm.telling import tell

_Move = Callable[[Task, datetime], Task]
#: From the task before and after the act.
_Tale = Callable[[Task, Task], NewEvent]


def claim_task(db: Database, task_id: UUID, user: str, actor: Actor) -> Task:
    def tale(_: Task, after: Task) -> NewEvent:
        return event_of(after, EventType.TASK_CLAIMED, actor, user=user)

    return _act(db, task_id, lambda task, now: claimed(task, user, now), tale)


def release_task(db: Database, task_id: UUID, user: str | None, actor: Actor, reason: str) -> Task:
    def tale(before: Task, after: Task) -> NewEvent:
        return event_of(after, EventType.TASK_RELEASED, actor, reason, user=before.assignee)

    return _act(db, task_id, lambda task, now: released(task, user, now), tale)


def assign_task(  # noqa: PLR0913 -- what the port says, by name
    db: Database,
    task_id: UUID,
    *,
    to: Principal | str,
    owner: str,
    expected_user: str | None,
    actor: Actor,
    reason: str,
) -> Task:
    def move(task: Task, now: datetime) -> Task:
        return assigned(task, to, owner=owner, expected_user=expected_user, now=now)

    def tale(before: Task, after: Task) -> NewEvent:
        type_ = EventType.TASK_DELEGATED if owner else EventType.TASK_REASSIGNED
        people = {"from": before.assignee, "to": str(to)}
        return event_of(after, type_, actor, reason, **people)

    return _act(db, task_id, move, tale)


def complete_task(
    db: Database, task_id: UUID, user: str, data: str, comment: str, actor: Actor
) -> Task:
    def move(task: Task, now: datetime) -> Task:
        return completed(task, user, data, comment, actor, now)

    def tale(_: Task, after: Task) -> NewEvent:
        return event_of(after, EventType.TASK_COMPLETED, actor, user=user)

    return _end(db, task_id, move, tale)


def cancel_task(db: Database, task_id: UUID, actor: Actor, reason: str) -> Task:
    def tale(_: Task, after: Task) -> NewEvent:
        return event_of(after, EventType.TASK_CANCELLED, actor, reason)

    return _end(db, task_id, lambda task, now: cancelled(task, actor, reason, now), tale)


def _act(db: Database, task_id: UUID, move: _Move, tale: _Tale) -> Task:
    """Change a task that stays active, and tell of it; nothing at all if it raises."""
    execution_id = load_task(db, task_id).execution_id

    def act() -> Task:
        _lock(db, execution_id)
        return _write(db, task_id, move, tale)

    return db.act_transact(act)


def _end(db: Database, task_id: UUID, move: _Move, tale: _Tale) -> Task:
    """End a task, wake its execution, and tell of it; nothing at all if it raises."""
    known = load_task(db, task_id)  # for what never changes: whose it is, and its key

    def end() -> Task:
        takes_news = tell(db, known.execution_id, WaitKind.TASK, known.key)
        task = _write(db, task_id, move, tale)
        if not takes_news:
            raise TaskOverError(task_id, TaskStatus.CANCELLED)
        end_timer(db, known.execution_id, known.key, "cancelled")
        return task

    return db.act_transact(end)


def _write(db: Database, task_id: UUID, move: _Move, tale: _Tale) -> Task:
    before = lock_task(db, task_id)
    after = move(before, db.now())
    if after is not before:
        write_task(db, before, after)
        add_event(db, tale(before, after))
    return after


def _lock(db: Database, execution_id: UUID) -> None:
    # An UPDATE and not SELECT … FOR UPDATE: SQLite takes its write lock only for this.
    executions = WorkflowExecution.objects.using(db.alias).filter(pk=execution_id)
    executions.update(updated_at=F("updated_at"))
