"""What belongs to one execution: its steps, signals, timers, tasks and history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.db.models.functions import Substr
from rest_framework.request import Request

from durable_django.api.http.links import link_to
from durable_django.api.http.paging import MAX_PAGE_SIZE, OLDEST_FIRST, Order, read_page
from durable_django.api.representing import (
    represent_attempts,
    represent_execution,
    represent_signal,
    represent_timer,
)
from durable_django.api.task_representing import represent_task_of, visible_tasks_of
from durable_django.control.calls import UNDO_PREFIX
from durable_django.control.family import visible_children
from durable_django.domain.status import CheckpointKind
from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.stores.orm.children import without_items


def list_children(
    request: Request, execution: WorkflowExecution, call: str = ""
) -> QuerySet[WorkflowExecution, Any]:
    """Return the children that the user may see, without their payloads."""
    return visible_children(request.user, execution.pk, call=call).defer("input", "output")


def list_items(execution: WorkflowExecution, call: str) -> QuerySet[StepCheckpoint, Any]:
    """Return the attempts of a map's items, and of their undos."""
    own, undo = f"{call}/", f"{UNDO_PREFIX}{call}/"
    # Not `startswith`: SQLite's LIKE takes no notice of case.
    rows = execution.checkpoints.defer("input").alias(
        begin=Substr("key", 1, len(own)), begin_of_undo=Substr("key", 1, len(undo))
    )
    is_item = Q(kind=CheckpointKind.ITEM.value, begin=own)
    return rows.filter(is_item | Q(kind=CheckpointKind.UNDO.value, begin_of_undo=undo))


def _as_it_is(_: Request, row: Any) -> dict[str, Any]:
    shown: dict[str, Any] = row
    return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A list that belongs to an execution."""

    #: As the path and `?include=` call it; its route is `execution-<name>`.
    name: str
    rows: Callable[[Request, WorkflowExecution], QuerySet[Any, Any]]
    order: Order
    represent: Callable[[Request, Any], dict[str, Any]] = _as_it_is
    #: Represents a page at once, where that takes more than each row by itself.
    represent_all: (
        Callable[[Request, WorkflowExecution, Sequence[Any]], list[dict[str, Any]]] | None
    ) = None

    def represent_page(
        self, request: Request, execution: WorkflowExecution, rows: Sequence[Any]
    ) -> list[dict[str, Any]]:
        """Return the rows of a page."""
        if self.represent_all is not None:
            return self.represent_all(request, execution, rows)
        return [self.represent(request, row) for row in rows]


PARTS = {
    part.name: part
    for part in (
        Part(
            name="steps",
            # What a call was given is not shown: often it is the input again. There may be many
            # thousands of items: each map's are a list of their own.
            rows=lambda _, execution: without_items(execution.checkpoints.defer("input")),
            order=OLDEST_FIRST,
            represent_all=represent_attempts,
        ),
        Part(
            name="signals",
            rows=lambda _, execution: execution.signals.all(),
            order=Order(column="position"),
            represent=represent_signal,
        ),
        Part(
            name="timers",
            rows=lambda _, execution: execution.timers.all(),
            order=OLDEST_FIRST,
            represent=represent_timer,
        ),
        Part(
            name="children",
            # Only those that the user may see.
            rows=list_children,
            order=Order(column="id", parse=UUID),
            represent=represent_execution,
        ),
        Part(
            name="tasks",
            # Only those that the user may see.
            rows=visible_tasks_of,
            order=Order(column="id", parse=UUID),
            represent=represent_task_of,
        ),
    )
}


def page_of(request: Request, part: Part, execution: WorkflowExecution, query: Any) -> Any:
    """Return the page of the part that the query asks for."""
    rows: QuerySet[Model, Any] = part.rows(request, execution)
    page = read_page(rows, part.order, cursor=query["cursor"], page_size=query["page_size"])
    return page.to_json(request, part.represent_page(request, execution, page.rows))


def first_page_of(request: Request, part: Part, execution: WorkflowExecution) -> Any:
    """Return the first page of the part, with a link to where the others are."""
    page = read_page(
        part.rows(request, execution), part.order, cursor=None, page_size=MAX_PAGE_SIZE
    )
    there = link_to(request, f"execution-{part.name}", execution_id=execution.pk)
    return {
        "results": part.represent_page(request, execution, page.rows),
        "next": f"{there}?cursor={page.next}&page_size={MAX_PAGE_SIZE}" if page.next else None,
        "previous": None,
    }
