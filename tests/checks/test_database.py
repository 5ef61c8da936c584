from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections
from django.db.models import Model
from django.test import override_settings

from durable_django.checks.database import check_database
from durable_django.checks.durable_setting import check_durable_setting

SQLITE = {
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


class FakeConnection:
    """A connection that is asked for its settings only."""

    alias = "default"

    def __init__(self, vendor: str, options: dict[str, Any], **settings: Any) -> None:
        self.vendor = vendor
        self.display_name = vendor.title()
        self.settings_dict = {"OPTIONS": options, "CONN_MAX_AGE": 60, **settings}
        self.Database = type("Driver", (), {"sqlite_version_info": (3, 40, 1)})


@contextmanager
def connection_is(fake: FakeConnection) -> Iterator[None]:
    former = connections["default"]
    connections["default"] = fake  # type: ignore[assignment]
    try:
        yield
    finally:
        connections["default"] = former


def ids_of(vendor: str, options: dict[str, Any], **settings: Any) -> list[str | None]:
    with connection_is(FakeConnection(vendor, options, **settings)):
        return [message.id for message in check_database()]


def test_database_of_these_tests_is_passed_over():
    assert check_database() == []


@pytest.mark.parametrize(
    ("vendor", "options", "settings"),
    [
        pytest.param("sqlite", SQLITE, {"CONN_MAX_AGE": 0}, id="SQLite, immediate and WAL"),
        pytest.param(
            "sqlite", {**SQLITE, "transaction_mode": "exclusive"}, {}, id="SQLite, exclusive"
        ),
        pytest.param("postgresql", {}, {}, id="PostgreSQL"),
        pytest.param("postgresql", {"isolation_level": 2}, {}, id="PostgreSQL, read committed"),
        pytest.param("postgresql", {"pool": True}, {"CONN_MAX_AGE": 0}, id="PostgreSQL, pool"),
        pytest.param("postgresql", {}, {"CONN_MAX_AGE": None}, id="PostgreSQL, kept for ever"),
        pytest.param("mysql", {}, {}, id="MySQL"),
        pytest.param("mysql", {"isolation_level": "READ COMMITTED"}, {}, id="MySQL, by name"),
    ],
)
def test_good_database_is_passed_over(
    vendor: str, options: dict[str, Any], settings: dict[str, Any]
):
    assert ids_of(vendor, options, **settings) == []


@pytest.mark.parametrize(
    ("vendor", "options", "settings", "expected"),
    [
        pytest.param(
            "sqlite",
            {**SQLITE, "transaction_mode": "DEFERRED"},
            {},
            "durable_django.E015",
            id="SQLite, deferred",
        ),
        pytest.param(
            "sqlite",
            {"init_command": SQLITE["init_command"]},
            {},
            "durable_django.E015",
            id="SQLite, no mode",
        ),
        pytest.param(
            "sqlite",
            {"transaction_mode": "IMMEDIATE"},
            {},
            "durable_django.W015",
            id="SQLite, no WAL",
        ),
        pytest.param(
            "postgresql", {}, {"CONN_MAX_AGE": 0}, "durable_django.W027", id="new connections"
        ),
        pytest.param(
            "postgresql", {"isolation_level": 4}, {}, "durable_django.W029", id="serializable"
        ),
        pytest.param(
            "mysql",
            {"isolation_level": "repeatable read"},
            {},
            "durable_django.W029",
            id="repeatable read",
        ),
        pytest.param(
            "mysql", {"isolation_level": None}, {}, "durable_django.W029", id="server's default"
        ),
        pytest.param("mysql", {}, {"AUTOCOMMIT": False}, "durable_django.E020", id="no commits"),
        pytest.param("oracle", {}, {}, "durable_django.E010", id="unknown vendor"),
        pytest.param("mysql", {}, {"TIME_ZONE": "Asia/Tokyo"}, "durable_django.E019", id="zone"),
        pytest.param(
            "postgresql", {}, {"ATOMIC_REQUESTS": True}, "durable_django.I028", id="requests"
        ),
    ],
)
def test_what_is_wrong_is_reported(
    vendor: str, options: dict[str, Any], settings: dict[str, Any], expected: str
):
    assert ids_of(vendor, options, **settings) == [expected]


def test_old_sqlite_is_reported():
    fake = FakeConnection("sqlite", SQLITE)
    fake.Database = type("Driver", (), {"sqlite_version_info": (3, 34, 9)})

    with connection_is(fake):
        [message] = check_database()

    assert message.id == "durable_django.E010"
    assert "3.34.9" in str(message.msg)


def test_local_time_is_reported():
    with override_settings(USE_TZ=False):
        ids = [message.id for message in check_database()]

    assert ids == ["durable_django.E018"]


def test_unknown_alias_is_left_to_the_check_of_the_setting():
    with override_settings(DURABLE={"DATABASE": "other"}):
        here, there = check_database(), check_durable_setting()

    assert here == []
    assert [message.id for message in there] == ["durable_django.E030"]


class ElsewhereRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        return "other" if model._meta.app_label == "durable_django" else None


class NowhereRouter:
    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if app_label == "durable_django" else None


class OthersRouter:
    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        return "other" if model._meta.app_label == "auth" else None


@pytest.mark.parametrize("router", [ElsewhereRouter, NowhereRouter])
def test_router_that_sends_our_tables_elsewhere_is_reported(router: type):
    with override_settings(DATABASE_ROUTERS=[router()]):
        ids = [message.id for message in check_database()]

    assert ids == ["durable_django.E009"]


def test_router_of_other_apps_is_passed_over():
    with override_settings(DATABASE_ROUTERS=[OthersRouter()]):
        messages = check_database()

    assert messages == []
