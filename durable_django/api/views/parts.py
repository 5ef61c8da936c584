"""What belongs to one execution: its steps, signals, timers and history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, QuerySet
from rest_framework.request import Request

from durable_django.api.http.links import link_to
from durable_django.api.http.paging import MAX_PAGE_SIZE, OLDEST_FIRST, Order, read_page
from durable_django.api.representing import represent_attempt, represent_signal, represent_timer
from durable_django.models import WorkflowExecution


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A list that belongs to an execution."""

    #: As the path and `?include=` call it; its route is `execution-<name>`.
    name: str
    rows: Callable[[WorkflowExecution], QuerySet[Any, Any]]
    order: Order
    represent: Callable[[Request, Any], dict[str, Any]]


PARTS = {
    part.name: part
    for part in (
        Part(
            name="steps",
            # What a call was given is not shown: often it is the input again.
            rows=lambda execution: execution.checkpoints.defer("input"),
            order=OLDEST_FIRST,
            represent=represent_attempt,
        ),
        Part(
            name="signals",
            rows=lambda execution: execution.signals.all(),
            order=Order(column="position"),
            represent=represent_signal,
        ),
        Part(
            name="timers",
            rows=lambda execution: execution.timers.all(),
            order=OLDEST_FIRST,
            represent=represent_timer,
        ),
    )
}


def page_of(request: Request, part: Part, execution: WorkflowExecution, query: Any) -> Any:
    """Return the page of the part that the query asks for."""
    rows: QuerySet[Model, Any] = part.rows(execution)
    page = read_page(rows, part.order, cursor=query["cursor"], page_size=query["page_size"])
    return page.to_json(request, [part.represent(request, row) for row in page.rows])


def first_page_of(request: Request, part: Part, execution: WorkflowExecution) -> Any:
    """Return the first page of the part, with a link to where the others are."""
    page = read_page(part.rows(execution), part.order, cursor=None, page_size=MAX_PAGE_SIZE)
    there = link_to(request, f"execution-{part.name}", execution_id=execution.pk)
    return {
        "results": [part.represent(request, row) for row in page.rows],
        "next": f"{there}?cursor={page.next}&page_size={MAX_PAGE_SIZE}" if page.next else None,
        "previous": None,
    }
