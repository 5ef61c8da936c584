from __future__ import annotations

import pytest
from django.db import connection

from durable_django.control.figures import database_facts
from durable_django.control.figures.database_facts import TableSize, size_of
from durable_django.models import WorkflowExecution
from tests.control.past_executions import insert

pytestmark = pytest.mark.django_db


def test_few_are_counted():
    insert()
    insert()

    assert size_of(WorkflowExecution.objects.all(), is_whole=True) == TableSize(
        count=2, is_estimate=False
    )


def test_many_are_estimated_where_the_database_can(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(database_facts, "MAX_COUNTED", 1)
    monkeypatch.setattr(database_facts, "_estimate", lambda alias: 1_200_000)
    insert()
    insert()

    executions = WorkflowExecution.objects.all()

    assert size_of(executions, is_whole=True) == TableSize(count=1_200_000, is_estimate=True)
    # Only of the whole table does the database keep an estimate.
    assert size_of(executions, is_whole=False) == TableSize(count=2, is_estimate=False)


def test_database_is_asked_for_its_estimate():
    estimate = database_facts._estimate("default")

    # What it says depends on when it last looked: -1 is "never".
    assert estimate == 0 if connection.vendor == "sqlite" else estimate >= -1
