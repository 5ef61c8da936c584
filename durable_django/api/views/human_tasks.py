"""Human tasks: find them, look at one, and act on it as who is logged in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import ReasonBody
from durable_django.api.http.describing import describe
from durable_django.api.http.idempotency import once
from durable_django.api.http.paging import NEWEST_FIRST, PAGE_PARAMETERS, read_page
from durable_django.api.http.parsing import json_object
from durable_django.api.http.problems import invalid_input
from durable_django.api.http.query import QueryParameter, one_of
from durable_django.api.http.strict import read_body_as
from durable_django.api.http.task_problems import task_not_found, to_problem
from durable_django.api.http.viewset import DurableView
from durable_django.api.task_bodies import CompleteBody, DelegateBody, ReassignBody
from durable_django.api.task_representing import represent_task, represent_tasks
from durable_django.api.task_serializers import TaskDetailSerializer, TaskPageSerializer
from durable_django.control import human_tasks
from durable_django.control.human_tasks.checking import load_row
from durable_django.control.human_tasks.inbox import State, TaskFilter, filter_tasks, with_all
from durable_django.control.human_tasks.people import person_of
from durable_django.control.human_tasks.visibility import find_visible_task, visible_tasks
from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH
from durable_django.domain.task import Principal, PrincipalKind

_STATES = [state.value for state in State]
_WORD = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH}


def _word(longest: int) -> Any:
    def parse(text: str) -> str:
        if not 0 < len(text) <= longest:
            raise ValueError(f"It is 1 to {longest} characters.")
        return text

    return parse


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("It is an instant with its offset: 2026-01-31T09:00:00Z.") from None
    if instant.utcoffset() is None:
        raise ValueError("Give its offset: 2026-01-31T09:00:00Z.")
    if not _FIRST_YEAR < instant.year < _LAST_YEAR:
        raise ValueError(f"Its year is between {_FIRST_YEAR} and {_LAST_YEAR}.")
    # PostgreSQL takes no offset of 16 hours or more.
    return instant.astimezone(UTC)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("It is the id of an execution.") from None


_FIRST_YEAR, _LAST_YEAR = 1970, 2999
FILTERS = (
    QueryParameter(
        name="assignee",
        description="Who has it: a username, or `me`.",
        schema=_WORD,
        parse=_word(MAX_KEY_LENGTH),
        default="",
    ),
    QueryParameter(
        name="state",
        description="`active` is open or claimed; `done` is completed, cancelled or expired.",
        schema={"type": "string", "enum": _STATES, "default": State.ACTIVE.value},
        parse=one_of(*_STATES),
        default=State.ACTIVE.value,
    ),
    QueryParameter(
        name="due_before",
        description="Due earlier.",
        schema={"type": "string", "format": "date-time"},
        parse=_instant,
    ),
    QueryParameter(
        name="workflow",
        description="The name of the workflow that asks.",
        schema={"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH},
        parse=_word(MAX_NAME_LENGTH),
        default="",
    ),
    QueryParameter(
        name="execution",
        description="The id of the execution that asks.",
        schema={"type": "string", "format": "uuid"},
        parse=_uuid,
    ),
)


class TaskView(DurableView):
    """Anything about human tasks."""

    def handle_exception(self, exc: Exception) -> Any:
        """Answer what goes wrong with tasks as the problem that it is."""
        return super().handle_exception(to_problem(exc))


class TasksView(TaskView):
    """All tasks that the user may see."""

    query_parameters: ClassVar = (*FILTERS, *PAGE_PARAMETERS)

    @describe(
        operation_id="tasks_list",
        summary="Find human tasks, newest first: all that you may view, or those that are yours.",
        tag="tasks",
        answers={200: TaskPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return a page of them."""
        query, person = self.query, person_of(request.user)
        asked = TaskFilter(
            state=State(query["state"]),
            assignee=person.name if query["assignee"] == "me" else query["assignee"],
            due_before=query["due_before"],
            workflow=query["workflow"],
            execution_id=query["execution"],
        )
        rows = with_all(filter_tasks(visible_tasks(request.user, person), asked))
        page = read_page(rows, NEWEST_FIRST, cursor=query["cursor"], page_size=query["page_size"])
        return Response(page.to_json(request, represent_tasks(request, page.rows, person)))


class OneTaskView(TaskView):
    """One task."""

    @describe(
        operation_id="tasks_retrieve",
        summary="Look at a task, what is decided on, and the form to be filled in.",
        tag="tasks",
        answers={200: TaskDetailSerializer},
        problems=(404,),
    )
    def get(self, request: Request, task_id: str) -> Response:
        """Return it."""
        task = find_visible_task(request.user, to_id(task_id))
        return Response(represent_task(request, task))


class ClaimView(TaskView):
    """Have a task."""

    @describe(
        operation_id="tasks_claim",
        summary="Have a task, so that nobody else does it.",
        tag="tasks",
        answers={200: TaskDetailSerializer},
        problems=(400, 403, 404, 409, 411, 413, 415),
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Claim it; claiming what one has changes nothing."""
        _refuse_body(request)
        human_tasks.claim(to_id(task_id), user=request.user)
        return told(request, task_id)


class ReleaseView(TaskView):
    """Let go of a task."""

    @describe(
        operation_id="tasks_release",
        summary="Let go of your task; with the right to reassign also of another's.",
        tag="tasks",
        body=ReasonBody,
        answers={200: TaskDetailSerializer},
        problems=(403, 404, 409),
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Release it."""
        body = read_body_as(ReasonBody, request)
        human_tasks.release(to_id(task_id), user=request.user, reason=body["reason"])
        return told(request, task_id)


class DelegateView(TaskView):
    """Hand a task on."""

    @describe(
        operation_id="tasks_delegate",
        summary="Hand your task on to another of its candidates.",
        tag="tasks",
        body=DelegateBody,
        answers={200: TaskDetailSerializer},
        problems=(403, 404, 409),
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Delegate it."""
        body = read_body_as(DelegateBody, request)
        human_tasks.delegate(to_id(task_id), body["user"], user=request.user, reason=body["reason"])
        return told(request, task_id)


class ReassignView(TaskView):
    """Give a task to somebody."""

    @describe(
        operation_id="tasks_reassign",
        summary="Give a task to a user, or offer it to a group alone, whoever has it.",
        tag="tasks",
        body=ReassignBody,
        answers={200: TaskDetailSerializer},
        problems=(403, 404, 409),
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Reassign it."""
        body = read_body_as(ReassignBody, request)
        kind = PrincipalKind.USER if "user" in body else PrincipalKind.GROUP
        to = Principal(kind=kind, name=body[kind.value])
        human_tasks.reassign(to_id(task_id), to, user=request.user, reason=body["reason"])
        return told(request, task_id)


class CompleteView(TaskView):
    """Answer a task."""

    @describe(
        operation_id="tasks_complete",
        summary="Answer a task: what passes its form is handed to the execution, which goes on.",
        tag="tasks",
        body=CompleteBody,
        answers={200: TaskDetailSerializer},
        problems=(403, 404, 409),
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Complete it."""
        body = read_body_as(CompleteBody, request)
        human_tasks.complete(
            to_id(task_id), body["data"], user=request.user, comment=body["comment"]
        )
        return told(request, task_id)


class CancelTaskView(TaskView):
    """End a task without an answer."""

    @describe(
        operation_id="tasks_cancel",
        summary="End a task without an answer; the execution's call fails.",
        tag="tasks",
        body=ReasonBody,
        answers={200: TaskDetailSerializer},
        problems=(403, 404, 409),
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Cancel it."""
        body = read_body_as(ReasonBody, request)
        human_tasks.cancel(to_id(task_id), user=request.user, reason=body["reason"])
        return told(request, task_id)


def to_id(text: str) -> UUID:
    """Return the id in a path.

    Raises:
        ProblemError: It is no UUID: answered as an id that nobody has.
    """
    try:
        return UUID(text)
    except ValueError:
        raise task_not_found() from None


def told(request: Request, task_id: str) -> Response:
    """Return the task as it is after an act, which may have moved it out of sight."""
    return Response(represent_task(request, load_row(to_id(task_id))))


def _refuse_body(request: Request) -> None:
    if json_object(request):
        raise invalid_input("", _("There is nothing to say: the body is empty."))
