"""Which human tasks a user sees, and which of them are theirs to do.

A task is seen by whoever may view tasks, and by those whom it is for, if they may complete tasks:
its assignee, who delegated it, its candidates by name or by group, and who has completed it. A
task without candidates is for everybody who may complete tasks: whoever was asked by name is among
them, also if they have it from the start. What is out of the user's scope (`DURABLE["SCOPE"]`, asked about the task's execution) is not there.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet, Value

from durable_django.conf import settings
from durable_django.control.human_tasks.people import Person, person_of
from durable_django.control.scope import visible_executions
from durable_django.domain.event import ActorKind
from durable_django.domain.task import PrincipalKind
from durable_django.exceptions import TaskNotFoundError
from durable_django.models import HumanTask, HumanTaskCandidate


def visible_tasks(user: Any, person: Person | None = None) -> QuerySet[HumanTask]:
    """Return the tasks that the user may see, each once, to be filtered further.

    Give the `person` if it is known already.
    """
    person = person or person_of(user)
    rows = all_tasks()
    if settings().scope:
        rows = rows.filter(execution__in=visible_executions(user).order_by().values("pk"))
    if person.sees_all:
        return rows
    return rows.filter(concerns(person)) if person.completes else rows.none()


def find_visible_task(user: Any, task_id: UUID, person: Person | None = None) -> HumanTask:
    """Return the task's row, with its execution and candidates.

    Raises:
        TaskNotFoundError: There is none with this id, or the user may not see it.
    """
    rows = visible_tasks(user, person).select_related("execution").prefetch_related("candidates")
    row = rows.filter(pk=task_id).first()
    if row is None:
        raise TaskNotFoundError(task_id)
    return row


def all_tasks() -> QuerySet[HumanTask]:
    """Return every task there is, for who has no user, such as a command."""
    return HumanTask.objects.using(settings().database)


def concerns(person: Person) -> Q:
    """Return the condition that a task is, or was, for this person."""
    done = Q(
        actor_name=person.name,
        actor_kind__in=[ActorKind.USER.value, ActorKind.HOOK.value],
    )
    return Q(assignee=person.name) | Q(owner=person.name) | done | is_candidate_of(person)


def is_candidate_of(person: Person) -> Q:
    """Return the condition that a task is offered to this person, whoever has it now."""
    candidates = HumanTaskCandidate.objects.using(settings().database)
    named = Q(kind=PrincipalKind.USER.value, name=person.name)
    if person.groups:
        named |= Q(kind=PrincipalKind.GROUP.value, name__in=sorted(person.groups))
    offered = Q(pk__in=candidates.filter(named).values("task"))
    return offered | Q(~Exists(candidates.filter(task=OuterRef("pk"))))


def is_for(task: HumanTask, person: Person) -> bool:
    """Say whether a task, read with its candidates, is this person's to do, four eyes aside.

    Its assignee's, or that of anybody it is offered to; whether somebody else has it is another
    question.
    """
    if task.assignee and task.assignee == person.name:
        return True
    candidates = list(task.candidates.all())
    return not candidates or any(
        one.name == person.name if one.kind == PrincipalKind.USER else one.name in person.groups
        for one in candidates
    )


def is_barred(task: HumanTask, person: Person) -> bool:
    """Say whether the four-eyes rule keeps this person from doing it; for superusers as well."""
    return person.name in task.not_by


def bars(person: Person) -> Q:
    """Return the condition that the four-eyes rule keeps this person from a task."""
    return Q(_SharesString(F("not_by"), Value(json.dumps([person.name]))))


class _SharesString(Func):
    """Whether two lists of strings, as JSON, have one in common, upper and lower case told apart.

    The second has one string: of more, all would have to be there on PostgreSQL and MariaDB.
    """

    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Look into the list: SQLite cannot compare it."""
        template = "EXISTS (SELECT 1 FROM JSON_EACH(%(expressions)s) b WHERE a.value = b.value)"
        return self._write(compiler, connection, template, ") a, JSON_EACH(", context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Ask whether the one contains the other."""
        return self._write(compiler, connection, "(%(expressions)s::jsonb)", " @> ", context)

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Ask whether the one contains the other."""
        return self._write(compiler, connection, "JSON_CONTAINS(%(expressions)s)", ", ", context)

    def _write(
        self, compiler: Any, connection: Any, template: str, joiner: str, context: Any
    ) -> Any:
        words = {"template": template, "arg_joiner": joiner}
        return super().as_sql(compiler, connection, **words, **context)
