"""The rows of human tasks and their values."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Prefetch, QuerySet

from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.principals import principal_of
from durable_django.domain.status import TaskStatus
from durable_django.domain.task import Principal, PrincipalKind, Task
from durable_django.models import HumanTask, HumanTaskCandidate
from durable_django.stores.orm.database import Database

#: What is written once, when the task is opened; all else may change.
_FIXED = (
    "id",
    "execution_id",
    "key",
    "name",
    "title",
    "description",
    "display",
    "form",
    "not_by",
    "priority",
    "due_at",
    "expires_at",
    "created_at",
)
_CHANGING = (
    "assignee",
    "owner",
    "remind_at",
    "reminders",
    "escalate_at",
    "escalated_at",
    "data",
    "comment",
    "claimed_at",
    "finished_at",
    "updated_at",
)


def task_rows(db: Database) -> QuerySet[HumanTask]:
    """Return all tasks, each with its candidates in their order."""
    candidates = HumanTaskCandidate.objects.order_by("pk")
    return HumanTask.objects.using(db.alias).prefetch_related(Prefetch("candidates", candidates))


def to_task(row: HumanTask) -> Task:
    """Return the value of a row, read with its candidates."""
    values = {name: getattr(row, name) for name in (*_FIXED, *_CHANGING)}
    seconds = row.remind_every_seconds
    candidates = ((PrincipalKind(one.kind), one.name) for one in row.candidates.all())
    return Task(
        **(values | {"not_by": tuple(row.not_by)}),
        status=TaskStatus(row.status),
        fields=tuple(row.fields),
        candidates=tuple(Principal(kind=kind, name=name) for kind, name in candidates),
        remind_every=None if seconds is None else timedelta(seconds=seconds),
        escalate_to=tuple(map(principal_of, row.escalate_to)),
        actor=_to_actor(row),
    )


def to_row(task: Task) -> HumanTask:
    """Return a row for a task that was just opened."""
    every = task.remind_every
    return HumanTask(
        **({name: getattr(task, name) for name in _FIXED} | {"not_by": list(task.not_by)}),
        **to_columns(task),
        fields=[dict(field) for field in task.fields],
        remind_every_seconds=None if every is None else every.total_seconds(),
        escalate_to=[str(one) for one in task.escalate_to],
    )


def to_columns(task: Task) -> dict[str, Any]:
    """Return what may change of a task, as its row holds it."""
    actor = task.actor
    return {name: getattr(task, name) for name in _CHANGING} | {
        "status": str(task.status),
        "is_active": True if task.status.is_active else None,
        "actor_kind": "" if actor is None else str(actor.kind),
        "actor_id": "" if actor is None else actor.id,
        "actor_name": "" if actor is None else actor.name,
    }


def insert_candidates(db: Database, task: Task, candidates: Iterable[Principal]) -> None:
    """Insert who may claim the task, in this order."""
    HumanTaskCandidate.objects.using(db.alias).bulk_create(
        HumanTaskCandidate(task_id=task.id, kind=str(one.kind), name=one.name) for one in candidates
    )


def _to_actor(row: HumanTask) -> Actor | None:
    if not row.actor_kind:
        return None
    return Actor(kind=ActorKind(row.actor_kind), id=row.actor_id, name=row.actor_name)
