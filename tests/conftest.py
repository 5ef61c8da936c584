from __future__ import annotations

import gc
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.test import TransactionTestCase

#: Whoever asks for one of these, directly or not, needs a database.
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}

#: Pages and answers over what `control` finds, which runs on every database. Only what commits in
#: them runs on every one too; `tests/api/test_schemathesis.py` comes by all of the API there.
SCREENS = tuple(
    f"tests/{room}/"
    for room in (
        "admin/acts",
        "admin/human_tasks",
        "admin/page",
        "admin/queues",
        "admin/schedules",
        "api/http",
        "api/views",
        "browser",
    )
)

# The same examples on every run and machine, and no failure because a machine is slow.
hypothesis.settings.register_profile("durable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("durable")


def pytest_report_header() -> str:
    database = settings.DATABASES["default"]
    where = database.get("HOST") or database["TEST"]["NAME"]
    return f"database: {settings.DATABASE} at {where}"


# First, because `-m database` is applied in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if needs_database(item):
            item.add_marker("database")


def pytest_collection_finish() -> None:
    """Spare the collector what stays until the end: modules and 14,000 tests."""
    gc.collect()
    gc.freeze()
    # From 700: hypothesis is called back at each collection, which costs more than it frees.
    gc.set_threshold(10_000, 20, 20)


def needs_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("one_database") is not None:
        return False
    case = getattr(item, "cls", None)
    if item.nodeid.startswith(SCREENS) and not commits(item):
        return False
    return (
        item.get_closest_marker("django_db") is not None
        or not DATABASE_FIXTURES.isdisjoint(getattr(item, "fixturenames", ()))
        or (isinstance(case, type) and issubclass(case, TransactionTestCase))
    )


def commits(item: pytest.Item) -> bool:
    """Say whether a test commits what it writes, which two connections may then fight for."""
    mark = item.get_closest_marker("django_db")
    is_marked = mark is not None and bool(mark.kwargs.get("transaction"))
    return is_marked or "transactional_db" in getattr(item, "fixturenames", ())


@pytest.fixture(autouse=True, scope="session")
def quick_flush() -> None:
    """Empty tables on PostgreSQL as Django does on the others: TRUNCATE makes 44 new files."""
    if settings.DATABASE != "postgresql":
        return
    from django.db.backends.postgresql.operations import (  # noqa: PLC0415 - others lack its driver
        DatabaseOperations,
    )

    truncate = DatabaseOperations.sql_flush

    def sql_flush(operations: Any, style: Any, tables: list[str], **options: bool) -> list[str]:
        if options.get("reset_sequences"):
            return truncate(operations, style, tables, **options)
        # In any order: Django's foreign keys are looked at when the transaction ends.
        return [f"DELETE FROM {operations.quote_name(table)}" for table in tables]  # noqa: S608

    DatabaseOperations.sql_flush = sql_flush
