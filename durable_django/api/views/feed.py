"""What was done to an execution, as a feed that can be followed without missing or repeating."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.finding import load_visible
from durable_django.api.http.describing import describe
from durable_django.api.http.query import QueryParameter, whole_number
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import instant
from durable_django.api.serializers import ActorSerializer
from durable_django.control.payloads.redaction import redact, redact_text
from durable_django.domain.event import Event, EventType
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine

#: The largest number an event can have.
MAX_SEQ = 2**63 - 1
MAX_LIMIT = 200


class EventSerializer(serializers.Serializer[Any]):
    """One act."""

    seq = serializers.IntegerField(min_value=1)
    type = serializers.ChoiceField(choices=[kind.value for kind in EventType])
    actor = ActorSerializer()
    reason = serializers.CharField(allow_blank=True)
    details = serializers.DictField()
    at = serializers.DateTimeField()


class FeedSerializer(serializers.Serializer[Any]):
    """Acts after a number, and where to go on."""

    results = EventSerializer(many=True)
    next_after_seq = serializers.IntegerField(min_value=0)
    status = serializers.ChoiceField(choices=[status.value for status in ExecutionStatus])
    is_terminal = serializers.BooleanField()


class EventsView(DurableView):
    """The feed of one execution.

    Numbers rise in the order in which acts were committed, so whoever asks again with
    `next_after_seq` gets every act once. An ended execution can still be retried.
    """

    query_parameters: ClassVar = (
        QueryParameter(
            name="after_seq",
            description="Return what was done after the act of this number.",
            schema={"type": "integer", "minimum": 0, "maximum": MAX_SEQ},
            parse=whole_number(0, MAX_SEQ),
            default=0,
        ),
        QueryParameter(
            name="limit",
            description="Return no more than this many acts.",
            schema={"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
            parse=whole_number(1, MAX_LIMIT),
            default=100,
        ),
    )

    @describe(
        operation_id="executions_events_list",
        summary="What was done to the execution, oldest first.",
        tag="executions",
        answers={200: FeedSerializer},
        problems=(404,),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return the next acts."""
        execution = load_visible(request, execution_id)
        after = self.query["after_seq"]
        return Response(read_feed(execution, after=after, limit=self.query["limit"]))


def read_feed(execution: WorkflowExecution, *, after: int, limit: int) -> dict[str, Any]:
    """Return a page of the feed of an execution whose row was read before."""
    # The row first: who sees that it has ended has then seen what was done until its end.
    events = engine().store.list_events(execution.pk, after=after, limit=limit)
    return {
        "results": [represent_event(event) for event in events],
        "next_after_seq": events[-1].id if events else after,
        "status": execution.status,
        "is_terminal": ExecutionStatus(execution.status).is_terminal,
    }


def represent_event(event: Event) -> dict[str, Any]:
    """Return an act as JSON; details hold no payloads, and nothing that looks like a secret."""
    actor = event.actor
    return {
        "seq": event.id,
        "type": str(event.type),
        "actor": {"kind": str(actor.kind), "id": actor.id, "name": actor.name},
        "reason": redact_text(event.reason),
        "details": redact(dict(event.details)),
        "at": instant(event.created_at),
    }
