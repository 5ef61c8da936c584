"""What is told of human tasks: plain JSON, secrets hidden."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from durable_django.api.http.links import link_to
from durable_django.api.representing import instant
from durable_django.control.human_tasks.errors import TaskFormError
from durable_django.control.human_tasks.form_description import describe_form
from durable_django.control.human_tasks.forms import build_form
from durable_django.control.human_tasks.inbox import with_all
from durable_django.control.human_tasks.people import Person, person_of
from durable_django.control.human_tasks.rows import TaskRow, build_row, candidates_of
from durable_django.control.human_tasks.showing import answer_json, display_json, offers_comment
from durable_django.control.human_tasks.visibility import visible_tasks
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.permissions import Permission, allows
from durable_django.domain.status import TaskStatus
from durable_django.models import HumanTask, WorkflowExecution
from durable_django.runtime import engine


def represent_tasks(
    request: Request, tasks: list[HumanTask], person: Person | None = None
) -> list[dict[str, Any]]:
    """Return tasks as some of many, read with execution and candidates; no further queries."""
    person, now = person or person_of(request.user), engine().store.now()
    return [_represent(request, build_row(task, person, now)) for task in tasks]


def visible_tasks_of(request: Request, execution: WorkflowExecution) -> QuerySet[HumanTask]:
    """Return the tasks of an execution that the user may see."""
    return with_all(visible_tasks(request.user).filter(execution_id=execution.pk))


def represent_task_of(request: Request, task: HumanTask) -> dict[str, Any]:
    """Return one task of an execution; at most as many queries as the user has permissions."""
    [told] = represent_tasks(request, [task], _person_of(request))
    return told


def represent_task(request: Request, task: HumanTask) -> dict[str, Any]:
    """Return a task by itself: also what is decided on, its form, and its answer."""
    person = person_of(request.user)
    [told] = represent_tasks(request, [task], person)
    is_active = TaskStatus(task.status).is_active
    form, problem = None, None
    if is_active:
        try:
            form = describe_form(build_form(task))
        except TaskFormError as error:
            problem = str(error)
    return told | {
        "display": display_json(task, person),
        "form": form,
        "form_problem": problem,
        "offers_comment": offers_comment(task),
        "data": answer_json(task, person),
        "comment": redact_text(task.comment),
    }


def _person_of(request: Request) -> Person:
    """Return who asks; once for a request, however many tasks are told."""
    asked: Any = request
    if not hasattr(asked, "durable_person"):
        asked.durable_person = person_of(request.user)
    person: Person = asked.durable_person
    return person


def _represent(request: Request, row: TaskRow) -> dict[str, Any]:
    task, execution = row.task, row.task.execution
    return {
        "id": str(task.pk),
        "name": task.name,
        "title": row.title,
        "description": redact_text(task.description),
        "status": task.status,
        "execution": {
            "id": str(execution.pk),
            "workflow": execution.workflow_name,
            "key": execution.key,
            "subject": execution.subject,
            "status": execution.status,
        },
        "assignee": task.assignee or None,
        "owner": task.owner or None,
        "candidates": [{"kind": str(one.kind), "name": one.name} for one in candidates_of(task)],
        "not_by": list(task.not_by),
        "priority": task.priority,
        "due_at": instant(task.due_at),
        "is_overdue": row.is_overdue,
        "expires_at": instant(task.expires_at),
        "reminders": task.reminders,
        "escalated_at": instant(task.escalated_at),
        "created_at": instant(task.created_at),
        "claimed_at": instant(task.claimed_at),
        "finished_at": instant(task.finished_at),
        "ended_by": _represent_actor(task),
        "actions": _actions_of(row),
        "links": _links_of(request, task),
    }


def _represent_actor(task: HumanTask) -> dict[str, str] | None:
    if not task.actor_kind:
        return None
    return {"kind": task.actor_kind, "id": task.actor_id, "name": task.actor_name}


def _actions_of(row: TaskRow) -> list[str]:
    allowed = {
        "claim": row.can_claim,
        "release": row.can_release,
        "delegate": row.can_delegate,
        "reassign": row.can_reassign,
        "complete": row.can_complete,
        "cancel": row.can_cancel,
    }
    return [name for name, is_allowed in allowed.items() if is_allowed]


def _links_of(request: Request, task: HumanTask) -> dict[str, str]:
    links = {"self": link_to(request, "task", task_id=task.pk)}
    if allows(request.user, Permission.VIEW):
        links["execution"] = link_to(request, "execution", execution_id=task.execution_id)
    return links
