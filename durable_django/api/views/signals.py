"""Signals: list an execution's, send it one, by its id or its key; broadcast an event to many."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import BroadcastBody, KeyedSignalBody, SignalBody
from durable_django.api.finding import load_visible
from durable_django.api.http.describing import describe
from durable_django.api.http.etags import unless_changed
from durable_django.api.http.idempotency import once
from durable_django.api.http.links import link_to
from durable_django.api.http.problems import TOO_MANY_SIGNALS, ProblemError, execution_not_found
from durable_django.api.http.strict import read_body_as
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import instant
from durable_django.api.serializers import (
    AcceptedSignalSerializer,
    BroadcastSerializer,
    SignalPageSerializer,
)
from durable_django.api.views.executions import PartView
from durable_django.api.views.parts import PARTS
from durable_django.control.acting import Acting
from durable_django.control.scope import visible_executions
from durable_django.domain.status import SignalStatus
from durable_django.models import WorkflowExecution

#: More than this wait for no execution that is well: somebody floods it.
MAX_PENDING = 1000
_ANSWERS = {202: AcceptedSignalSerializer, 200: AcceptedSignalSerializer}


class SignalsView(PartView):
    """The signals of an execution."""

    part = PARTS["signals"]

    @describe(
        operation_id="executions_signals",
        summary="Every signal, in the order they came.",
        tag="signals",
        answers={200: SignalPageSerializer},
        problems=(404,),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return a page of them."""
        return self.list_part(request, execution_id)

    @describe(
        operation_id="executions_signal",
        summary="Send an execution a signal.",
        tag="signals",
        body=SignalBody,
        answers=_ANSWERS,
        problems=(404, 409, 412, 422),
        headers={"If-Match": "The ETag of the version you mean: 412 if it has changed since."},
    )
    @once
    def post(self, request: Request, execution_id: str) -> Response:
        """Send one; 200 if its dedupe key was known."""
        body = read_body_as(SignalBody, request)
        execution = load_visible(request, execution_id)
        with unless_changed(request, execution.pk):
            return _send(request, execution, body)


class KeyedSignalView(DurableView):
    """Signals to whoever has a key."""

    @describe(
        operation_id="signals_send",
        summary="Send a signal to the execution of a workflow that has a key.",
        tag="signals",
        body=KeyedSignalBody,
        answers=_ANSWERS,
        problems=(404, 409, 422),
    )
    @once
    def post(self, request: Request) -> Response:
        """Send one; 200 if its dedupe key was known."""
        body = read_body_as(KeyedSignalBody, request)
        execution = (
            visible_executions(request.user)
            .filter(workflow_name=body["workflow"], key=body["key"], holds_key=True)
            .first()
        )
        if execution is None:
            raise execution_not_found()
        return _send(request, execution, body)


class BroadcastView(DurableView):
    """Events for whoever waits for them."""

    @describe(
        operation_id="events_broadcast",
        summary="Broadcast an event to every execution that waits for it now.",
        tag="signals",
        body=BroadcastBody,
        answers={202: BroadcastSerializer},
    )
    @once
    def post(self, request: Request) -> Response:
        """Broadcast it, as far as the user may see; nobody who comes later hears of it."""
        body = read_body_as(BroadcastBody, request)
        key = body.get("key", "")
        reached = Acting(request.user, body["reason"]).broadcast(
            body["name"], body["payload"], key=key
        )
        return Response({"name": body["name"], "key": key, "reached": reached}, status=202)


def _send(request: Request, execution: WorkflowExecution, body: dict[str, Any]) -> Response:
    _refuse_flood(execution)
    signal, is_new = Acting(request.user).send_signal(
        execution.pk, body["name"], body["payload"], dedupe_key=body.get("dedupe_key")
    )
    return Response(
        {
            "id": str(signal.id),
            "name": signal.name,
            "position": signal.position,
            "dedupe_key": signal.dedupe_key,
            "created_at": instant(signal.created_at),
            "execution_id": str(execution.pk),
            "links": {"execution": _link(request, execution.pk)},
        },
        status=202 if is_new else 200,
    )


def _refuse_flood(execution: WorkflowExecution) -> None:
    if execution.signal_count < MAX_PENDING:
        return
    pending = execution.signals.filter(status=SignalStatus.PENDING).values("pk")[:MAX_PENDING]
    if len(pending) >= MAX_PENDING:
        raise ProblemError(
            TOO_MANY_SIGNALS, f"{MAX_PENDING} signals wait for the execution to take them."
        )


def _link(request: Request, execution_id: UUID) -> str:
    return link_to(request, "execution", execution_id=execution_id)
