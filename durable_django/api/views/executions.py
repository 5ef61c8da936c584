"""Executions: find them, start one, look at one and at what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import StartBody
from durable_django.api.finding import FILTERS, load_visible, reload, to_criteria, to_statuses
from durable_django.api.http.describing import describe
from durable_django.api.http.etags import POLL_AFTER, is_known, poll_after, tag_of
from durable_django.api.http.idempotency import once
from durable_django.api.http.links import link_to
from durable_django.api.http.long_polling import WAIT, check_wait, wait_for_news
from durable_django.api.http.paging import NEWEST_FIRST, PAGE_PARAMETERS, read_page
from durable_django.api.http.problems import EXECUTION_FAILED, ProblemError
from durable_django.api.http.query import QueryParameter
from durable_django.api.http.strict import read_body_as
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import (
    represent_error,
    represent_execution,
    represent_payloads,
    represent_whole,
)
from durable_django.api.serializers import (
    AttemptPageSerializer,
    ExecutionPageSerializer,
    ResultSerializer,
    TimerPageSerializer,
    WholeExecutionSerializer,
)
from durable_django.api.starting import start
from durable_django.api.task_serializers import ExecutionWithTasksSerializer
from durable_django.api.views.parts import (
    PARTS,
    Part,
    first_page_of,
    list_children,
    list_items,
    page_of,
)
from durable_django.control.finding.matching import Criteria, matching
from durable_django.control.payloads.payload_view import payload_json
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import visible_executions
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution

_PAYLOADS = ("input", "output")
_ANY_PART = "|".join(PARTS)
_MAX_CALL_KEY = 500


def _to_includes(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in PARTS:
            raise ValueError(f"It names some of {', '.join(PARTS)}, with commas between.")
    return names


class ExecutionsView(DurableView):
    """All executions that the user may see."""

    query_parameters = (*FILTERS, *PAGE_PARAMETERS)

    @describe(
        operation_id="executions_list",
        summary="Find executions, newest first.",
        tag="executions",
        answers={200: ExecutionPageSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return a page of them."""
        executions = visible_executions(request.user).defer(*_PAYLOADS)
        page = read_page(
            matching(executions, to_criteria(self.query)),
            NEWEST_FIRST,
            cursor=self.query["cursor"],
            page_size=self.query["page_size"],
        )
        return Response(
            page.to_json(request, [represent_execution(request, row) for row in page.rows])
        )

    @describe(
        operation_id="executions_start",
        summary="Start an execution of an exposed workflow.",
        tag="executions",
        body=StartBody,
        answers={201: WholeExecutionSerializer, 200: WholeExecutionSerializer},
        problems=(404, 409, 422),
    )
    @once
    def post(self, request: Request) -> Response:
        """Start one; 200 if one with its key was there already."""
        handle = start(request, read_body_as(StartBody, request))
        return created(request, reload(handle.id), is_new=handle.is_new)


class ExecutionView(DurableView):
    """One execution."""

    query_parameters = (
        QueryParameter(
            name="include",
            description=f"Some of {', '.join(f'`{one}`' for one in PARTS)}, with commas between.",
            schema={"type": "string", "pattern": f"^({_ANY_PART})(,({_ANY_PART}))*$"},
            parse=_to_includes,
            default=[],
        ),
        WAIT,
    )

    @describe(
        operation_id="executions_retrieve",
        summary="Look at an execution; poll it with If-None-Match.",
        tag="executions",
        answers={200: ExecutionWithTasksSerializer, 304: None},
        problems=(404,),
        headers={
            "If-None-Match": "The ETag of the version you have: the answer is 304 if it holds."
        },
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return it, or 304 if the client has this version."""
        check_wait(self.query["wait"])
        execution, tag = self._look(request, execution_id)
        if is_known(request, tag):
            return _with_tag(Response(status=304), execution, tag)
        body = represent_whole(request, execution) | represent_payloads(request, execution)
        for name in self.query["include"]:
            body[name] = first_page_of(request, PARTS[name], execution)
        return _with_tag(Response(body), execution, tag)

    def _look(self, request: Request, execution_id: str) -> tuple[WorkflowExecution, str]:
        def look() -> tuple[WorkflowExecution, str]:
            execution = load_visible(request, execution_id)
            return execution, tag_of(request, execution, included=self.query["include"])

        if not self.query["wait"]:
            return look()
        first = look()
        has_old = is_known(request, first[1])
        if first[0].finished_at is not None or (not has_old and "If-None-Match" in request.headers):
            return first
        return wait_for_news(look, lambda seen: seen[1] != first[1], self.query["wait"])


class ResultView(DurableView):
    """What an execution came to."""

    @describe(
        operation_id="executions_result",
        summary="The result of a completed execution.",
        tag="executions",
        answers={200: ResultSerializer, 202: ResultSerializer},
        problems=(404, 409),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return it; 202 while there is none, 409 if there never will be."""
        execution = load_visible(request, execution_id)
        status = ExecutionStatus(execution.status)
        if status in (ExecutionStatus.FAILED, ExecutionStatus.CANCELLED):
            raise ProblemError(
                EXECUTION_FAILED,
                f"The execution ended {status.upper()}.",
                current_status=str(status),
                error=represent_error(execution.error),
            )
        may_see = allows(request.user, Permission.PAYLOADS)
        is_done = status is ExecutionStatus.COMPLETED
        result = payload_json(execution.output, may_see=may_see) if is_done else None
        answer = Response({"status": str(status), "result": result}, status=200 if is_done else 202)
        return _with_poll_after(answer, execution)


class PartView(DurableView):
    """A list that belongs to an execution."""

    part: Part
    query_parameters: ClassVar[Sequence[QueryParameter]] = PAGE_PARAMETERS

    def list_part(self, request: Request, execution_id: str) -> Response:
        """Return a page of it."""
        execution = load_visible(request, execution_id)
        return Response(page_of(request, self.part, execution, self.query))


class StepsView(PartView):
    """The steps of an execution, attempt by attempt."""

    part = PARTS["steps"]
    query_parameters = (
        *PAGE_PARAMETERS,
        QueryParameter(
            name="map",
            description="The key of a map: its items, which are not among the others.",
            schema={"type": "string", "minLength": 1, "maxLength": _MAX_CALL_KEY},
        ),
    )

    @describe(
        operation_id="executions_steps",
        summary="Every attempt of every durable call, or of the items of a map, oldest first.",
        tag="executions",
        answers={200: AttemptPageSerializer},
        problems=(404,),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return a page of them."""
        if self.query["map"] is None:
            return self.list_part(request, execution_id)
        execution = load_visible(request, execution_id)
        items = replace(self.part, rows=lambda _, own: list_items(own, self.query["map"]))
        return Response(page_of(request, items, execution, self.query))


class ChildrenView(PartView):
    """The executions that an execution started."""

    part = PARTS["children"]
    query_parameters = (
        *PAGE_PARAMETERS,
        QueryParameter(
            name="call",
            description="The key of a call or a map: those that it started.",
            schema={"type": "string", "minLength": 1, "maxLength": _MAX_CALL_KEY},
        ),
        *(parameter for parameter in FILTERS if parameter.name == "status"),
    )

    @describe(
        operation_id="executions_children",
        summary="The children that you may see, oldest first.",
        tag="executions",
        answers={200: ExecutionPageSerializer},
        problems=(404,),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return a page of them."""
        execution = load_visible(request, execution_id)
        call, statuses = self.query["call"] or "", to_statuses(self.query["status"])
        part = replace(
            self.part,
            rows=lambda _, own: matching(
                list_children(request, own, call), Criteria(statuses=statuses)
            ),
        )
        return Response(page_of(request, part, execution, self.query))


class TimersView(PartView):
    """The timers of an execution."""

    part = PARTS["timers"]

    @describe(
        operation_id="executions_timers",
        summary="Every timer, oldest first.",
        tag="timers",
        answers={200: TimerPageSerializer},
        problems=(404,),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return a page of them."""
        return self.list_part(request, execution_id)


def created(request: Request, execution: WorkflowExecution, *, is_new: bool = True) -> Response:
    """Return the answer that gives a client an execution of its own."""
    answer = Response(represent_whole(request, execution), status=201 if is_new else 200)
    answer["Location"] = link_to(request, "execution", execution_id=execution.pk)
    return _with_tag(answer, execution, tag_of(request, execution))


def accepted(request: Request, execution: WorkflowExecution, *, is_new: bool = True) -> Response:
    """Return the answer to an act: the execution as it is now, when a worker has yet to see it.

    200 says that the act changed nothing, because somebody had asked for it before.
    """
    answer = Response(represent_whole(request, execution), status=202 if is_new else 200)
    return _with_tag(answer, execution, tag_of(request, execution))


def _with_tag(answer: Response, execution: WorkflowExecution, tag: str) -> Response:
    answer["ETag"] = tag
    return _with_poll_after(answer, execution)


def _with_poll_after(answer: Response, execution: WorkflowExecution) -> Response:
    seconds = poll_after(execution)
    if seconds is not None:
        answer[POLL_AFTER] = str(seconds)
    return answer
