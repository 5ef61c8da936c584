"""The registered workflows: what they are called, what they take, and which can be started here."""

from __future__ import annotations

import inspect
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import describe
from durable_django.api.http.links import link_to
from durable_django.api.http.problems import UNKNOWN_WORKFLOW, ProblemError
from durable_django.api.http.viewset import DurableView
from durable_django.api.workflow_serializers import WorkflowDetailSerializer, WorkflowListSerializer
from durable_django.control.inputs.signatures import input_schema
from durable_django.domain.definition import WorkflowDefinition
from durable_django.runtime import engine


class WorkflowsView(DurableView):
    """All registered workflows."""

    @describe(
        operation_id="workflows_list",
        summary="All registered workflows, by name; not all of them can be started over HTTP.",
        tag="workflows",
        answers={200: WorkflowListSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return them all: there are as many as the code has."""
        latest = {one.name: one for one in engine().registry.list_definitions()}
        return Response({"results": [_represent(request, one) for one in latest.values()]})


class WorkflowView(DurableView):
    """One registered workflow."""

    @describe(
        operation_id="workflows_retrieve",
        summary="A workflow, its versions, and the JSON schema of its input.",
        tag="workflows",
        answers={200: WorkflowDetailSerializer},
        problems=(404,),
    )
    def get(self, request: Request, name: str) -> Response:
        """Return it."""
        versions = [one for one in engine().registry.list_definitions() if one.name == name]
        if not versions:
            raise ProblemError(UNKNOWN_WORKFLOW, "No workflow of this name is registered.")
        latest = versions[-1]
        return Response(
            _represent(request, latest)
            | {
                "versions": [_represent_version(one) for one in reversed(versions)],
                "input_schema": input_schema(latest),
            }
        )


def _represent(request: Request, definition: WorkflowDefinition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "description": inspect.getdoc(definition.body) or "",
        "version": definition.version,
        "is_exposed": definition.expose,
        "links": {"self": link_to(request, "workflow", name=definition.name)},
    }


def _represent_version(definition: WorkflowDefinition) -> dict[str, Any]:
    return {
        "version": definition.version,
        "is_exposed": definition.expose,
        "queue": definition.queue,
        "ttl_seconds": None if definition.ttl is None else definition.ttl.total_seconds(),
        "tags": list(definition.tags),
    }
