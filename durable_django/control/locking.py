"""The lock that comes before every other: that of the execution's row."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F

from durable_django.conf import settings
from durable_django.models import WorkflowExecution


def lock_execution(execution_id: UUID) -> None:
    """Lock the execution before what is its own, everywhere: its events follow the lock's order.

    To be called inside a transaction, at whose end the lock ends.
    """
    executions = WorkflowExecution.objects.using(settings().database).filter(pk=execution_id)
    # An UPDATE and not SELECT … FOR UPDATE: SQLite takes its write lock only for this.
    executions.update(updated_at=F("updated_at"))
