"""Which executions a user may see: `DURABLE["SCOPE"]`, the same for the admin and the REST API.

What is out of scope does not exist for the user: it is found by nothing, and acting on it says so.
"""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.utils.module_loading import import_string

from durable_django.conf import settings
from durable_django.exceptions import ExecutionNotFoundError
from durable_django.models import WorkflowExecution


def visible_executions(user: Any) -> QuerySet[WorkflowExecution]:
    """Return the executions that the user may see, given the permission to view any."""
    conf = settings()
    rows = WorkflowExecution.objects.using(conf.database)
    if not conf.scope:
        return rows
    return cast("QuerySet[WorkflowExecution]", import_string(conf.scope)(user, rows))


def find_visible(user: Any, execution_id: UUID) -> WorkflowExecution:
    """Return the execution's row.

    Raises:
        ExecutionNotFoundError: There is none with this id, or the user may not see it.
    """
    row = visible_executions(user).filter(pk=execution_id).first()
    if row is None:
        raise ExecutionNotFoundError(execution_id)
    return row
