"""One execution summed up: when it did what, and how its calls follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse, HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.finding import load_visible
from durable_django.api.http.describing import describe
from durable_django.api.http.negotiation import AlwaysJson
from durable_django.api.http.query import QueryParameter, one_of
from durable_django.api.http.viewset import DurableView
from durable_django.control.family import find_visible_executions
from durable_django.control.graph.graph import Graph, NodeKind, build_graph, graph_json
from durable_django.control.graph.mermaid import to_mermaid
from durable_django.control.items import count_items
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.timeline.timeline import (
    MAX_EVENTS,
    MarkKind,
    RowKind,
    SegmentKind,
    Timeline,
    build_timeline,
    timeline_json,
)
from durable_django.control.waiting import child_id_of
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.runtime import engine

MERMAID_TYPE = "text/plain"


class SegmentSerializer(serializers.Serializer[Any]):
    """What went on from one instant to another."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in SegmentKind])
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    attempt = serializers.IntegerField()
    title = serializers.CharField()


class MarkSerializer(serializers.Serializer[Any]):
    """What happened at one instant."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in MarkKind])
    at = serializers.DateTimeField()
    title = serializers.CharField()


class RowSerializer(serializers.Serializer[Any]):
    """One durable call, or several of one name."""

    key = serializers.CharField(allow_blank=True)
    name = serializers.CharField(allow_blank=True)
    label = serializers.CharField()  # type: ignore[assignment]  # a member, not the form's word
    kind = serializers.ChoiceField(choices=[kind.value for kind in RowKind])
    segments = SegmentSerializer(many=True)
    marks = MarkSerializer(many=True)
    summary = serializers.CharField(allow_blank=True)
    calls = serializers.IntegerField()
    depth = serializers.IntegerField(help_text="How deep it stands among branches; 0: in the body.")
    execution_id = serializers.UUIDField(
        allow_null=True, help_text="Of a child that you may see: its execution."
    )


class TimelineSerializer(serializers.Serializer[Any]):
    """When an execution did what."""

    execution_id = serializers.UUIDField()
    workflow_name = serializers.CharField()
    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    now = serializers.DateTimeField(allow_null=True)
    rows = RowSerializer(many=True)


class TimelineView(DurableView):
    """The timeline of one execution."""

    @describe(
        operation_id="executions_timeline",
        summary="When the execution did what: a row per call, its attempts and waits as segments.",
        tag="executions",
        answers={200: TimelineSerializer},
        problems=(404,),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return it."""
        execution = load_visible(request, execution_id)
        return Response(timeline_json(_load_timeline(request, execution.pk)))


class NodeSerializer(serializers.Serializer[Any]):
    """A call with all its attempts, several such calls, or an end of the chain."""

    id = serializers.CharField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in NodeKind])
    key = serializers.CharField(allow_blank=True)
    name = serializers.CharField()
    status = serializers.CharField()
    attempts = serializers.IntegerField()
    calls = serializers.IntegerField()
    took = serializers.FloatField(allow_null=True, help_text="In seconds.")
    items = serializers.CharField(allow_blank=True, help_text="Of a map: how far its items are.")
    execution_id = serializers.UUIDField(
        allow_null=True, help_text="Of a child that you may see: its execution."
    )


class EdgeSerializer(serializers.Serializer[Any]):
    """What came after what, by the nodes' ids."""

    source = serializers.CharField()  # type: ignore[assignment]  # a member, not the field's
    target = serializers.CharField()


class GraphSerializer(serializers.Serializer[Any]):
    """What an execution did, in order."""

    workflow_name = serializers.CharField()
    nodes = NodeSerializer(many=True)
    edges = EdgeSerializer(many=True)


class GraphView(DurableView):
    """The graph of one execution."""

    # Diagrams are asked for by who accepts text.
    content_negotiation_class = AlwaysJson
    query_parameters: ClassVar = (
        QueryParameter(
            name="format",
            description="`json`, or `mermaid` for the text of a Mermaid flowchart.",
            schema={"type": "string", "enum": ["json", "mermaid"], "default": "json"},
            parse=one_of("json", "mermaid"),
            default="json",
        ),
    )

    @describe(
        operation_id="executions_graph",
        summary="What the execution did, as calls one after another: JSON or a Mermaid flowchart.",
        tag="executions",
        answers={200: GraphSerializer},
        problems=(404,),
        media_types=("application/json", MERMAID_TYPE),
    )
    def get(self, request: Request, execution_id: str) -> HttpResponseBase:
        """Return it."""
        graph = _load_graph(request, load_visible(request, execution_id).pk)
        if self.query["format"] == "json":
            return Response(graph_json(graph))
        # Text that no browser takes for a page.
        headers = {"X-Content-Type-Options": "nosniff"}
        return HttpResponse(
            to_mermaid(graph), content_type=f"{MERMAID_TYPE}; charset=utf-8", headers=headers
        )


def _load_graph(request: Request, execution_id: UUID) -> Graph:
    """Return the graph of an execution."""
    store = engine().store
    calls = store.list_calls(execution_id)
    return build_graph(
        store.load_execution(execution_id),
        calls,
        store.list_timers(execution_id),
        now=store.now(),
        maps=count_items(execution_id, calls),
        children=_find_children(request, calls),
    )


def _find_children(request: Request, calls: Sequence[Checkpoint]) -> dict[UUID, Execution]:
    ids = {child_id for row in calls if (child_id := child_id_of(row)) is not None}
    return find_visible_executions(request.user, ids)


def _load_timeline(request: Request, execution_id: UUID) -> Timeline:
    """Return the timeline of an execution, its errors redacted."""
    store = engine().store
    calls = store.list_calls(execution_id)
    return build_timeline(
        store.load_execution(execution_id),
        calls,
        store.list_timers(execution_id),
        store.list_signals(execution_id),
        store.now(),
        events=store.list_events(execution_id, after=0, limit=MAX_EVENTS),
        maps=count_items(execution_id, calls),
        children=_find_children(request, calls),
        describe_error=redact_text,
    )
