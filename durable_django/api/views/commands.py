"""What may be done to one execution. Each act is written with who did it and why.

An act is answered 202 with the execution as it is now; a worker acts on it, and the next look
shows that. Who asks for what somebody asked for before is answered 200: `cancel` says who it was,
and when. Nothing is changed then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import CancelBody, ForkBody, ReasonBody
from durable_django.api.finding import load_visible, reload, to_id
from durable_django.api.http.describing import Handler, describe
from durable_django.api.http.etags import unless_changed
from durable_django.api.http.idempotency import once
from durable_django.api.http.problems import INVALID_STATE, ProblemError
from durable_django.api.http.strict import StrictSerializer, read_body_as
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import represent_cancel
from durable_django.api.serializers import ForkPlanSerializer, WholeExecutionSerializer
from durable_django.api.starting import fit_input, load_exposed
from durable_django.api.views.executions import accepted, created
from durable_django.control.acting import Acting
from durable_django.engine.acting import UNCHANGED
from durable_django.engine.forking import ForkPlan
from durable_django.exceptions import InvalidTransitionError

_IF_MATCH = {"If-Match": "The ETag of the version you mean: 412 if it has changed since."}


def _describe_act(
    name: str, summary: str, body: type[StrictSerializer] = ReasonBody, **fields: Any
) -> Callable[[Handler], Handler]:
    shared: dict[str, Any] = {
        "answers": {202: WholeExecutionSerializer, 200: WholeExecutionSerializer},
        "problems": (404, 409, 412, 422),
        "headers": _IF_MATCH,
        "tag": "commands",
    }
    return describe(
        operation_id=f"executions_{name}", summary=summary, body=body, **(shared | fields)
    )


def _act(
    request: Request, execution_id: str, reason: str, act: Callable[[Acting, UUID], Any]
) -> Response:
    """Act, and answer; an act that returns False found it done already."""
    own_id = to_id(execution_id)
    with unless_changed(request, own_id):
        is_new = act(Acting(request.user, reason), own_id) is not False
        return accepted(request, reload(own_id), is_new=is_new)


class CancelView(DurableView):
    """Cancelling an execution."""

    @_describe_act("cancel", "Cancel an execution; undo its completed steps.", CancelBody)
    @once
    def post(self, request: Request, execution_id: str) -> Response:
        """Ask for it."""
        body = read_body_as(CancelBody, request)

        def cancel(acting: Acting, own_id: UUID) -> bool:
            return acting.cancel(own_id, compensate=body["compensate"])

        try:
            return _act(request, execution_id, body["reason"], cancel)
        except InvalidTransitionError as error:
            raise _too_late(request, error) from None


class PauseView(DurableView):
    """Pausing an execution."""

    @_describe_act("pause", "Pause an execution at its next durable call.")
    @once
    def post(self, request: Request, execution_id: str) -> Response:
        """Ask for it."""
        body = read_body_as(ReasonBody, request)
        return _act(request, execution_id, body["reason"], Acting.pause)


class ResumeView(DurableView):
    """Resuming an execution."""

    @_describe_act("resume", "Let a paused execution go on.")
    @once
    def post(self, request: Request, execution_id: str) -> Response:
        """Do it."""
        body = read_body_as(ReasonBody, request)
        return _act(request, execution_id, body["reason"], Acting.resume)


class RetryView(DurableView):
    """Retrying an execution."""

    @_describe_act("retry", "Let a failed or parked execution run again; keep its checkpoints.")
    @once
    def post(self, request: Request, execution_id: str) -> Response:
        """Do it."""
        body = read_body_as(ReasonBody, request)
        return _act(request, execution_id, body["reason"], Acting.retry)


class FireTimerView(DurableView):
    """Firing a timer early."""

    @_describe_act(
        "fire_timer",
        "Have a sleep, a wait's timeout or the delay before a retry be over now.",
        tag="timers",
    )
    @once
    def post(self, request: Request, execution_id: str, key: str) -> Response:
        """Do it."""
        body = read_body_as(ReasonBody, request)

        def fire(acting: Acting, own_id: UUID) -> None:
            acting.fire_timer(own_id, key)

        return _act(request, execution_id, body["reason"], fire)


class ForkView(DurableView):
    """Forking an execution."""

    @_describe_act(
        "fork",
        "Start an execution that begins with this one's outcomes.",
        ForkBody,
        answers={201: WholeExecutionSerializer, 200: ForkPlanSerializer},
    )
    @once
    def post(self, request: Request, execution_id: str) -> Response:
        """Do it, or with `dry_run` say what it would do."""
        body = read_body_as(ForkBody, request)
        origin = load_visible(request, execution_id)
        acting = Acting(request.user, body["reason"])
        step, version = body["from_step"], body.get("version")
        with unless_changed(request, origin.pk):
            plan = acting.plan_fork(origin.pk, step, version)
            workflow_input = _input_of(plan, body)
            if body["dry_run"]:
                return Response(_represent_plan(plan))
            fork = acting.fork(origin.pk, step, workflow_input=workflow_input, version=version)
            return created(request, reload(fork.id))


def _input_of(plan: ForkPlan, body: dict[str, Any]) -> Any:
    if "input" not in body:
        return UNCHANGED
    # With another input it is a start like any other.
    return fit_input(load_exposed(plan.workflow_name, plan.version), body["input"])


def _represent_plan(plan: ForkPlan) -> dict[str, Any]:
    return {
        "execution_id": str(plan.execution_id),
        "workflow": plan.workflow_name,
        "from_version": plan.from_version,
        "version": plan.version,
        "from_step": plan.from_step,
        "reused": list(plan.reused),
        "again": list(plan.again),
        "group": plan.group,
    }


def _too_late(request: Request, error: InvalidTransitionError) -> ProblemError:
    """Say also who cancelled it, if somebody did."""
    execution = load_visible(request, str(error.execution_id))
    return ProblemError(
        INVALID_STATE,
        error,
        current_status=str(error.status),
        allowed_statuses=[str(status) for status in error.allowed],
        cancel=represent_cancel(execution),
    )
