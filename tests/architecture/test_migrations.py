"""The migrations can be undone, and done again."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

pytestmark = pytest.mark.django_db(transaction=True)


def list_our_tables() -> list[str]:
    tables = connection.introspection.table_names()
    return [name for name in tables if name.startswith("durable_django_")]


def test_migrations_are_reversible() -> None:
    before = list_our_tables()
    try:
        call_command("migrate", "durable_django", "zero", verbosity=0)
        assert list_our_tables() == []
    finally:
        call_command("migrate", "durable_django", verbosity=0)

    assert list_our_tables() == before
    assert before
