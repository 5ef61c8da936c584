"""Which executions a user may see: `DURABLE["SCOPE"]`, the same for the admin and the REST API.

What is out of scope does not exist for the user: it is found by nothing, and acting on it says so.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.module_loading import import_string

from durable_django.conf import settings
from durable_django.exceptions import ConfigurationError, ExecutionNotFoundError
from durable_django.models import WorkflowExecution


def visible_executions(user: Any) -> QuerySet[WorkflowExecution]:
    """Return the executions that the user may see, given the permission to view any.

    Whatever the hook returns, each execution is among them once, and they can be filtered further.

    Raises:
        ConfigurationError: The hook returned what cannot be filtered further.
    """
    conf = settings()
    rows = WorkflowExecution.objects.using(conf.database)
    return _narrow(rows, import_string(conf.scope)(user, rows)) if conf.scope else rows


def find_visible(user: Any, execution_id: UUID) -> WorkflowExecution:
    """Return the execution's row.

    Raises:
        ExecutionNotFoundError: There is none with this id, or the user may not see it.
    """
    row = visible_executions(user).filter(pk=execution_id).first()
    if row is None:
        raise ExecutionNotFoundError(execution_id)
    return row


def _narrow(rows: QuerySet[WorkflowExecution], visible: Any) -> QuerySet[WorkflowExecution]:
    if not isinstance(visible, QuerySet) or visible.query.combinator or visible.query.is_sliced:
        raise ConfigurationError(
            "DURABLE['SCOPE'] must return the queryset it was given, filtered; not a union or a "
            "slice of it, which cannot be filtered further, nor None. For one condition or "
            "another: rows.filter(a | b)."
        )
    query = visible.query
    is_joined = sum(query.alias_refcount.values()) > 1
    if is_joined or query.distinct or query.group_by is not None:
        # A join may say an execution more than once, and DISTINCT sorts whatever it is asked for.
        return rows.filter(pk__in=visible.order_by().values("pk"))
    # The lists read fewer columns than it may have asked for.
    return visible.select_related(None)
