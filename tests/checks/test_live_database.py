from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.checks import ERROR
from django.db import DatabaseError, connections
from django.utils import timezone

from durable_django.checks.live_database import check_live_database
from durable_django.domain.definition import WorkflowDefinition
from durable_django.engine.registry import default_registry
from durable_django.models import Schedule, WorkflowExecution
from durable_django.stores.orm import health
from durable_django.stores.orm.schedules import OrmScheduleStore
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution, make_schedule

pytestmark = pytest.mark.django_db


@pytest.fixture
def _shop_order_is_registered():
    default_registry.replace(WorkflowDefinition(name="shop.order", version=1, body=print))
    yield
    default_registry.forget("shop.order")


def ids() -> list[str | None]:
    return [message.id for message in check_live_database(databases=["default"])]


def test_empty_database_is_passed_over():
    assert ids() == []


@pytest.mark.usefixtures("_shop_order_is_registered")
def test_due_execution_of_a_known_workflow_is_passed_over():
    OrmCheckpointStore().insert_executions([make_new_execution()])

    assert ids() == []


def test_live_execution_of_an_unknown_workflow_is_reported():
    OrmCheckpointStore().insert_executions([make_new_execution(workflow_version=3)])

    [message] = check_live_database(databases=["default"])

    assert message.id == "durable_django.W023"
    assert "'shop.order' version 3" in str(message.msg)


def test_schedule_that_cannot_tick_is_an_error():
    OrmScheduleStore().insert_schedule(make_schedule(name="sound"))
    OrmScheduleStore().insert_schedule(make_schedule(timezone="Mars/Olympus"))

    [message] = check_live_database(databases=["default"])

    assert (message.id, message.level) == ("durable_django.E007", ERROR)
    assert "Schedule 'nightly' cannot tick: 'Mars/Olympus' is not a time zone" in message.msg


def test_schedule_that_cannot_be_read_is_an_error_and_the_others_are_looked_at():
    for name in ("a", "b"):
        OrmScheduleStore().insert_schedule(make_schedule(name=name, timezone="Mars/Olympus"))
    Schedule.objects.filter(name="a").update(overlap="of_later")

    messages = check_live_database(databases=["default"])

    assert [message.id for message in messages] == ["durable_django.E007"] * 2
    assert "Schedule 'a' cannot tick: overlap is one of 'skip'" in messages[0].msg


@pytest.mark.usefixtures("_shop_order_is_registered")
def test_late_work_is_reported():
    OrmCheckpointStore().insert_executions([make_new_execution()])
    past = timezone.now() - timedelta(minutes=2)
    WorkflowExecution.objects.update(wake_at=past, order_at=past)

    assert ids() == ["durable_django.W024"]


@pytest.mark.parametrize("databases", [None, [], ["other"]], ids=["none", "empty", "other"])
def test_other_databases_are_not_asked(databases: Any, django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        assert check_live_database(databases=databases) == []


def test_missing_tables_are_no_error(monkeypatch: pytest.MonkeyPatch):
    def refuse(alias: str) -> None:
        raise DatabaseError("no such table")

    monkeypatch.setattr(health, "list_live_workflows", refuse)

    assert ids() == []


class FakeServer:
    vendor = "mysql"

    def __init__(self, version: tuple[int, ...], *, is_mariadb: bool) -> None:
        self.mysql_is_mariadb = is_mariadb
        self._version = version

    def get_database_version(self) -> tuple[int, ...]:
        return self._version


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        pytest.param(FakeServer((10, 5, 9), is_mariadb=True), 1, id="MariaDB 10.5"),
        pytest.param(FakeServer((10, 6, 0), is_mariadb=True), 0, id="MariaDB 10.6"),
        pytest.param(FakeServer((5, 7, 44), is_mariadb=False), 1, id="MySQL 5.7"),
        pytest.param(FakeServer((8, 0, 11), is_mariadb=False), 0, id="MySQL 8"),
    ],
)
def test_old_server_is_reported(monkeypatch: pytest.MonkeyPatch, server: FakeServer, expected: int):
    for question in ("list_live_workflows", "list_lags", "list_schedules"):
        monkeypatch.setattr(health, question, lambda *_: [])
    former = connections["default"]
    connections["default"] = server  # type: ignore[assignment]
    try:
        found = ids()
    finally:
        connections["default"] = former

    assert found == ["durable_django.E010"] * expected
