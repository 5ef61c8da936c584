"""Parents and children of an execution, as far as a user may see them.

Who is out of the user's scope is neither listed nor counted. That there is a parent, or a child
under which call, is the execution's own record, and stands there whoever looks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, QuerySet, Sum
from django.db.models.functions import Substr

from durable_django.control.scope import visible_executions
from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.rows import EXECUTION_FIELDS, to_execution

#: So many ancestors are told, the nearest ones; one query for each.
MAX_ANCESTORS = 8
_STOPPED = (ExecutionStatus.PAUSED.value, ExecutionStatus.PARKED.value)
_PAYLOADS = frozenset({"input", "output"})
_READ = [name for name in EXECUTION_FIELDS if name not in _PAYLOADS]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildrenSummary:
    """How many children there are, and when one of them changed last."""

    count: int
    ended: int
    stopped: int
    waiting: int
    claims: int | None
    latest: datetime | None


def visible_children(
    user: Any, parent_id: UUID, *, call: str = ""
) -> QuerySet[WorkflowExecution, WorkflowExecution]:
    """Return the children that the user may see; with `call`, those of this call or map."""
    children = visible_executions(user).filter(parent_id=parent_id)
    if not call:
        return children
    # Not `startswith`: SQLite's LIKE takes no notice of case.
    prefix = f"{call}/"
    begin = Substr("parent_key", 1, len(prefix))
    return children.alias(begin=begin).filter(Q(parent_key=call) | Q(begin=prefix))


def find_visible_executions(user: Any, ids: Collection[UUID]) -> dict[UUID, Execution]:
    """Return those of the executions that the user may see, by id, without their payloads."""
    if not ids:
        return {}
    rows = visible_executions(user).filter(pk__in=list(ids)).values_list(*_READ)
    found = (to_value(dict(zip(_READ, row, strict=True))) for row in rows)
    return {execution.id: execution for execution in found}


def list_ancestors(user: Any, execution: WorkflowExecution | Execution) -> list[Execution | UUID]:
    """Return the ancestors, the nearest last, up to `MAX_ANCESTORS`.

    One that the user may not see, or that is gone, stands there as its id, and ends the list.
    """
    found: list[Execution | UUID] = []
    parent_id = execution.parent_id
    while parent_id is not None and len(found) < MAX_ANCESTORS:
        parent = find_visible_executions(user, [parent_id]).get(parent_id)
        found.append(parent or parent_id)
        parent_id = parent.parent_id if parent else None
    return found[::-1]


def sum_up_children(user: Any, parent_id: UUID) -> ChildrenSummary:
    """Return how many children the user may see, and what differs once one of them changes."""
    # Instants may have only milliseconds (SQLite); statuses and claims tell apart what shares one.
    summary = visible_children(user, parent_id).aggregate(
        count=Count("pk"),
        ended=Count("finished_at"),
        latest=Max("updated_at"),
        stopped=Count("pk", filter=Q(status__in=_STOPPED)),
        waiting=Count("pk", filter=Q(status=ExecutionStatus.SUSPENDED.value)),
        claims=Sum("fence"),
    )
    return ChildrenSummary(**summary)


def to_value(columns: dict[str, Any]) -> Execution:
    """Return columns as a value; its payloads are left out."""
    values = columns | {"input": "null", "output": None}
    return to_execution([values[name] for name in EXECUTION_FIELDS])
