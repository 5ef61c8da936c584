"""Human tasks: find them, look at one, and act on it as who is logged in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import ReasonBody
from durable_django.api.http.describing import Handler, describe
from durable_django.api.http.etags import is_known
from durable_django.api.http.idempotency import once
from durable_django.api.http.paging import NEWEST_FIRST, PAGE_PARAMETERS, read_page
from durable_django.api.http.parsing import json_object
from durable_django.api.http.problems import invalid_input
from durable_django.api.http.strict import StrictSerializer, read_body_as
from durable_django.api.http.task_problems import task_not_found, to_problem
from durable_django.api.http.viewset import DurableView
from durable_django.api.task_bodies import CompleteBody, DelegateBody, ReassignBody
from durable_django.api.task_etags import tag_of_task, unless_task_changed
from durable_django.api.task_filters import FILTERS, to_filter
from durable_django.api.task_representing import represent_task, represent_tasks
from durable_django.api.task_serializers import TaskDetailSerializer, TaskPageSerializer
from durable_django.control import human_tasks
from durable_django.control.human_tasks.checking import load_row
from durable_django.control.human_tasks.inbox import filter_tasks, with_all
from durable_django.control.human_tasks.people import person_of
from durable_django.control.human_tasks.visibility import find_visible_task, visible_tasks
from durable_django.domain.task import Principal, PrincipalKind
from durable_django.models import HumanTask


def _describe_act(
    name: str,
    summary: str,
    body: type[StrictSerializer] | None = ReasonBody,
    problems: tuple[int, ...] = (403, 404, 409, 412),
) -> Callable[[Handler], Handler]:
    return describe(
        operation_id=f"tasks_{name}",
        summary=summary,
        tag="tasks",
        body=body,
        answers={200: TaskDetailSerializer},
        problems=problems,
        headers={"If-Match": "The ETag of the version you mean: 412 if it has changed since."},
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
        asked = to_filter(query, person.name)
        rows = with_all(filter_tasks(visible_tasks(request.user, person), asked))
        page = read_page(rows, NEWEST_FIRST, cursor=query["cursor"], page_size=query["page_size"])
        return Response(page.to_json(request, represent_tasks(request, page.rows, person)))


class OneTaskView(TaskView):
    """One task."""

    @describe(
        operation_id="tasks_retrieve",
        summary="Look at a task, what is decided on, and the form to be filled in.",
        tag="tasks",
        answers={200: TaskDetailSerializer, 304: None},
        problems=(404,),
        headers={
            "If-None-Match": "The ETag of the version you have: the answer is 304 if it holds."
        },
    )
    def get(self, request: Request, task_id: str) -> Response:
        """Return it, or 304 if the client has this version."""
        answer = _show(request, find_visible_task(request.user, to_id(task_id)))
        if is_known(request, answer["ETag"]):
            return Response(status=304, headers={"ETag": answer["ETag"]})
        return answer


class ClaimView(TaskView):
    """Have a task."""

    @_describe_act(
        "claim",
        "Have a task, so that nobody else does it.",
        body=None,
        problems=(400, 403, 404, 409, 411, 412, 413, 415),
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Claim it; claiming what one has changes nothing."""
        _refuse_body(request)
        return _act(request, task_id, lambda own_id: human_tasks.claim(own_id, user=request.user))


class ReleaseView(TaskView):
    """Let go of a task."""

    @_describe_act("release", "Let go of your task; with the right to reassign also of another's.")
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Release it."""
        given = read_body_as(ReasonBody, request) | {"user": request.user}
        return _act(request, task_id, lambda own_id: human_tasks.release(own_id, **given))


class DelegateView(TaskView):
    """Hand a task on."""

    @_describe_act("delegate", "Hand your task on to another of its candidates.", body=DelegateBody)
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Delegate it."""
        body = read_body_as(DelegateBody, request)
        given = {"user": request.user, "reason": body["reason"]}
        return _act(
            request, task_id, lambda own_id: human_tasks.delegate(own_id, body["user"], **given)
        )


class ReassignView(TaskView):
    """Give a task to somebody."""

    @_describe_act(
        "reassign",
        "Give a task to a user, or offer it to a group alone, whoever has it.",
        body=ReassignBody,
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Reassign it."""
        body = read_body_as(ReassignBody, request)
        kind = PrincipalKind.USER if "user" in body else PrincipalKind.GROUP
        to = Principal(kind=kind, name=body[kind.value])
        given = {"user": request.user, "reason": body["reason"]}
        return _act(request, task_id, lambda own_id: human_tasks.reassign(own_id, to, **given))


class CompleteView(TaskView):
    """Answer a task."""

    @_describe_act(
        "complete",
        "Answer a task: what passes its form is handed to the execution, which goes on.",
        body=CompleteBody,
    )
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Complete it."""
        body = read_body_as(CompleteBody, request)
        given = {"user": request.user, "comment": body["comment"]}
        return _act(
            request, task_id, lambda own_id: human_tasks.complete(own_id, body["data"], **given)
        )


class CancelTaskView(TaskView):
    """End a task without an answer."""

    @_describe_act("cancel", "End a task without an answer; the execution's call fails.")
    @once
    def post(self, request: Request, task_id: str) -> Response:
        """Cancel it."""
        given = read_body_as(ReasonBody, request) | {"user": request.user}
        return _act(request, task_id, lambda own_id: human_tasks.cancel(own_id, **given))


def to_id(text: str) -> UUID:
    """Return the id in a path.

    Raises:
        ProblemError: It is no UUID: answered as an id that nobody has.
    """
    try:
        return UUID(text)
    except ValueError:
        raise task_not_found() from None


def _act(request: Request, task_id: str, act: Callable[[UUID], Any]) -> Response:
    """Act, and return the task as it is then; the act may have moved it out of sight."""
    own_id = to_id(task_id)
    with unless_task_changed(request, own_id):
        act(own_id)
        return _show(request, load_row(own_id))


def _show(request: Request, task: HumanTask) -> Response:
    told = represent_task(request, task)
    return Response(told, headers={"ETag": tag_of_task(told)})


def _refuse_body(request: Request) -> None:
    if json_object(request):
        raise invalid_input("", _("There is nothing to say: the body is empty."))
