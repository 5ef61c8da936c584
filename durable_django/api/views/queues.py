"""Queues: what is in them, and how much of them is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import ReasonBody
from durable_django.api.http.describing import Handler, describe
from durable_django.api.http.idempotency import once
from durable_django.api.http.paging import PAGE_PARAMETERS, read_slice
from durable_django.api.http.problems import ProblemError, invalid_input
from durable_django.api.http.schedule_problems import QUEUE_NOT_FOUND, to_problem
from durable_django.api.http.strict import read_body_as
from durable_django.api.http.viewset import DurableView
from durable_django.api.schedule_bodies import QueueLimitsBody
from durable_django.api.schedule_representing import represent_queue
from durable_django.api.schedule_serializers import QueuePageSerializer, QueueSerializer
from durable_django.control.queues.acting import QueueActing
from durable_django.control.queues.rows import list_rows, load_row
from durable_django.domain.identifiers import check_queue
from durable_django.domain.work_queue import Rate
from durable_django.exceptions import DefinitionError


class QueueView(DurableView):
    """Anything about queues."""

    def handle_exception(self, exc: Exception) -> Any:
        """Answer what goes wrong with queues as the problem that it is."""
        return super().handle_exception(to_problem(exc))


class QueuesView(QueueView):
    """All queues."""

    query_parameters: ClassVar = PAGE_PARAMETERS

    @describe(
        operation_id="queues_list",
        summary="The queues that are served, controlled, or hold anything; by name.",
        tag="queues",
        answers={200: QueuePageSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return a page of them."""
        page = read_slice(list_rows(), **self.query)
        return Response(page.to_json(request, [represent_queue(request, one) for one in page.rows]))


class OneQueueView(QueueView):
    """One queue."""

    @describe(
        operation_id="queues_retrieve",
        summary="Look at a queue; one that nobody uses is open and empty.",
        tag="queues",
        answers={200: QueueSerializer},
        problems=(404,),
    )
    def get(self, request: Request, name: str) -> Response:
        """Return it."""
        return _told(request, name)

    @describe(
        operation_id="queues_update",
        summary="Limit a queue, over all workers.",
        tag="queues",
        body=QueueLimitsBody,
        answers={200: QueueSerializer},
        problems=(404,),
    )
    @once
    def patch(self, request: Request, name: str) -> Response:
        """Set the limits that the body names."""
        _check(name)
        body = read_body_as(QueueLimitsBody, request)
        reason = body.pop("reason")
        if body.get("rate") is not None:
            body["rate"] = _read_rate(body["rate"])
        QueueActing(request.user, reason).configure(name, **body)
        return _told(request, name)


def _describe_act(name: str, summary: str) -> Callable[[Handler], Handler]:
    return describe(
        operation_id=f"queues_{name}",
        summary=summary,
        tag="queues",
        body=ReasonBody,
        answers={200: QueueSerializer},
        problems=(404,),
    )


def _act(request: Request, name: str, act: Callable[[QueueActing, str], Any]) -> Response:
    _check(name)
    body = read_body_as(ReasonBody, request)
    act(QueueActing(request.user, body["reason"]), name)
    return _told(request, name)


class PauseQueueView(QueueView):
    """Pausing a queue."""

    @_describe_act("pause", "Have workers take nothing from a queue.")
    @once
    def post(self, request: Request, name: str) -> Response:
        """Pause it."""
        return _act(request, name, QueueActing.pause)


class DrainQueueView(QueueView):
    """Draining a queue."""

    @_describe_act("drain", "Have workers begin nothing new of a queue; what has begun goes on.")
    @once
    def post(self, request: Request, name: str) -> Response:
        """Drain it."""
        return _act(request, name, QueueActing.drain)


class ResumeQueueView(QueueView):
    """Opening a queue."""

    @_describe_act("resume", "Open a queue that was paused or drained; its limits stay.")
    @once
    def post(self, request: Request, name: str) -> Response:
        """Open it."""
        return _act(request, name, QueueActing.resume)


def _told(request: Request, name: str) -> Response:
    _check(name)
    return Response(represent_queue(request, load_row(name)))


def _check(name: str) -> None:
    """Refuse a name in a path that no queue can have.

    Raises:
        ProblemError: It is.
    """
    try:
        check_queue(name)
    except DefinitionError:
        raise ProblemError(QUEUE_NOT_FOUND, _("No queue can have this name.")) from None


def _read_rate(text: str) -> Rate:
    try:
        return Rate.parse(text)
    except DefinitionError as error:
        raise invalid_input("/rate", error) from None
