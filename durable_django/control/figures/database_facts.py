"""How large the history is, without counting it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connections
from django.db.models import QuerySet

from durable_django.control.figures.bounded import MAX_COUNTED, count_capped
from durable_django.models import WorkflowExecution

_ESTIMATES = {
    "postgresql": "SELECT reltuples FROM pg_class WHERE oid = to_regclass(%s)",
    "mysql": "SELECT table_rows FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND table_name = %s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """How many executions there are."""

    count: int
    #: The database's own guess; else it was counted, no further than `MAX_COUNTED` and one.
    is_estimate: bool


def size_of(executions: QuerySet[WorkflowExecution], *, is_whole: bool) -> TableSize:
    """Return how many executions there are: counted if they are few, else estimated.

    Only of the whole table (`is_whole`) does the database keep an estimate, and SQLite of none.
    """
    counted = count_capped({"all": executions})["all"]
    if counted <= MAX_COUNTED or not is_whole:
        return TableSize(count=counted, is_estimate=False)
    estimate = _estimate(executions.db)
    if estimate <= MAX_COUNTED:  # never analysed, or long ago
        return TableSize(count=counted, is_estimate=False)
    return TableSize(count=estimate, is_estimate=True)


def _estimate(alias: str) -> int:
    connection = connections[alias]
    question = _ESTIMATES.get(connection.vendor)
    if question is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(question, [WorkflowExecution._meta.db_table])  # noqa: SLF001 -- Django documents it
        row = cursor.fetchone()
    return int(row[0] or 0) if row else 0
