"""Start an execution on behalf of a request."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils.translation import gettext as _
from rest_framework.request import Request

from durable_django.api.bodies import TAKES_OVER
from durable_django.api.finding import may_see
from durable_django.api.http.links import link_to
from durable_django.api.http.problems import INVALID_INPUT, KEY_CONFLICT, NOT_EXPOSED, ProblemError
from durable_django.conf import settings
from durable_django.control.acting import Acting, ActNotAllowedError
from durable_django.control.actions import Action
from durable_django.control.inputs.signatures import InputError, coerce_input
from durable_django.control.permissions import Permission, allows
from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.status import Guarantee, OnConflict
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import ExecutionKeyConflictError
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine


def start(request: Request, body: Mapping[str, Any]) -> ExecutionHandle[Any]:
    """Start what a `StartBody` asks for; the handle says whether the execution is new.

    Raises:
        ProblemError: The workflow is not exposed, its input does not fit, or the key is taken.
        DurableError: What `Acting.start` raises.
    """
    definition = load_exposed(body["workflow"], body.get("version"))
    workflow_input = fit_input(definition, body["input"])
    if body["on_conflict"] in TAKES_OVER:
        _check_may_take_over(request, body)
    try:
        handle = Acting(request.user).start(
            definition.name, workflow_input, _options_of(body), definition.version
        )
    except ExecutionKeyConflictError as error:
        raise _conflict(request, error.key, error.execution_id) from None
    if not handle.is_new and (body["on_conflict"] == "reject" or not may_see(request, handle.id)):
        raise _conflict(request, body["key"], handle.id)
    return handle


def _check_may_take_over(request: Request, body: Mapping[str, Any]) -> None:
    """Refuse to take a key from an execution that the user may not see, or not cancel.

    Raises:
        ProblemError: The key's execution is not theirs to see.
        ActNotAllowedError: It would be cancelled, and they may not cancel.
    """
    if body["on_conflict"] == OnConflict.REPLACE and not allows(request.user, Permission.CANCEL):
        raise ActNotAllowedError(Action.CANCEL)
    holders = WorkflowExecution.objects.using(settings().database).filter(
        workflow_name=body["workflow"], key=body["key"], holds_key=True
    )
    for holder in holders.values_list("pk", flat=True):
        if not may_see(request, holder):
            raise _conflict(request, body["key"], holder)


def fit_input(
    definition: WorkflowDefinition, given: Mapping[str, Any], *, filled_in: str = ""
) -> dict[str, Any]:
    """Return the input as the workflow's signature takes it; see `coerce_input`.

    Raises:
        ProblemError: It does not fit; the errors point into the body.
    """
    try:
        return coerce_input(definition, given, filled_in=filled_in)
    except InputError as error:
        raise ProblemError(
            INVALID_INPUT,
            error,
            errors=[{"pointer": f"/input{at}", "detail": detail} for at, detail in error.errors],
        ) from None


def load_exposed(name: str, version: int | None) -> WorkflowDefinition:
    """Return a version of a workflow, the highest by default, if it may be started over HTTP.

    Raises:
        ProblemError: It may not.
        UnknownWorkflowError: It is not registered.
    """
    definition = engine().registry.load(name, version)
    if not definition.expose:
        raise ProblemError(
            NOT_EXPOSED,
            _("Workflow %s is not exposed: @workflow(expose=True) says that it may be.") % name,
        )
    return definition


def _options_of(body: Mapping[str, Any]) -> StartOptions:
    delay, ttl = body.get("delay_seconds"), body.get("ttl_seconds")
    return StartOptions(
        key=body.get("key"),
        queue=body.get("queue"),
        priority=body["priority"],
        start_at=body.get("start_at"),
        delay=None if delay is None else timedelta(seconds=delay),
        ttl=None if ttl is None else timedelta(seconds=ttl),
        tags=tuple(body["tags"]),
        subject=body.get("subject", ""),
        correlation_id=body.get("correlation_id", ""),
        # Whatever the workflow says: this process answers and does not advance it.
        guarantee=Guarantee.BACKGROUND,
        on_conflict=TAKES_OVER.get(body["on_conflict"], OnConflict.RETURN),
    )


def _conflict(request: Request, key: str, execution_id: Any) -> ProblemError:
    facts: dict[str, Any] = {}
    if may_see(request, execution_id):
        facts["execution_id"] = str(execution_id)
        facts["execution"] = link_to(request, "execution", execution_id=execution_id)
    return ProblemError(
        KEY_CONFLICT, _("An execution of this workflow has the key %r already.") % key, **facts
    )
