"""The history of one execution: all that happened to it, what it did and what people did."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.finding import load_visible
from durable_django.api.http.describing import describe
from durable_django.api.http.paging import PAGE_PARAMETERS, read_slice
from durable_django.api.http.viewset import DurableView
from durable_django.api.representing import instant
from durable_django.api.serializers import HistoryPageSerializer
from durable_django.control.history.history import HistoryEntry, build_history
from durable_django.control.items import count_items
from durable_django.control.payloads.redaction import redact, redact_text
from durable_django.domain.event import Event
from durable_django.runtime import engine

#: What people did to one execution is told up to here; the feed of events tells all of it.
MAX_EVENTS = 5_000


class HistoryView(DurableView):
    """The history of one execution."""

    query_parameters = PAGE_PARAMETERS

    @describe(
        operation_id="executions_history",
        summary="All that happened to an execution, oldest first.",
        tag="executions",
        answers={200: HistoryPageSerializer},
        problems=(404,),
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Return a page of it."""
        execution = load_visible(request, execution_id)
        page = read_slice(
            _load_history(execution.pk),
            cursor=self.query["cursor"],
            page_size=self.query["page_size"],
        )
        return Response(page.to_json(request, [_represent(entry) for entry in page.rows]))


def _load_history(execution_id: UUID) -> list[HistoryEntry]:
    store = engine().store
    events: list[Event] = store.list_events(execution_id, after=0, limit=MAX_EVENTS)
    calls = store.list_calls(execution_id)
    return build_history(
        store.load_execution(execution_id),
        calls,
        store.list_timers(execution_id),
        store.list_signals(execution_id),
        events,
        maps=count_items(execution_id, calls),
        describe_error=redact_text,
    )


def _represent(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "at": instant(entry.at),
        "type": str(entry.type),
        "key": entry.key,
        "attempt": entry.attempt,
        "error": entry.error,
        "actor": entry.actor,
        "actor_kind": entry.actor_kind,
        "actor_id": entry.actor_id,
        "reason": redact_text(entry.reason),
        "event_id": entry.event_id,
        "signal_id": str(entry.signal_id) if entry.signal_id else None,
        "child_id": str(entry.child_id) if entry.child_id else None,
        "due_at": instant(entry.due_at),
        "is_approximate": entry.is_approximate,
        "details": redact(entry.details),
    }
