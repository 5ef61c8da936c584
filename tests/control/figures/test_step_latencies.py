from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.control.figures.step_latencies import step_latencies
from durable_django.models import WorkflowExecution
from tests.control.past_executions import ago, insert, insert_attempt

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def everything() -> Any:
    return WorkflowExecution.objects.all()


def test_attempts_are_told_by_workflow_and_step(django_assert_num_queries: Any):
    one, other = insert(), insert()
    insert_attempt(one, "charge", SECOND, status="failed")
    insert_attempt(one, "charge", 2 * SECOND, attempt=2)
    insert_attempt(other, "charge", 3 * SECOND)
    insert_attempt(other, "ship", 9 * SECOND)
    insert_attempt(insert("bank.move"), "charge", 5 * SECOND)

    with django_assert_num_queries(2):
        found = step_latencies(everything())

    told = [(s.workflow_name, s.step, s.attempts, s.failures, s.p50, s.p95) for s in found.steps]
    assert told == [
        ("bank.move", "charge", 1, 0, 5 * SECOND, 5 * SECOND),
        ("shop.order", "charge", 3, 1, 2 * SECOND, 3 * SECOND),
        ("shop.order", "ship", 1, 0, 9 * SECOND, 9 * SECOND),
    ]
    assert (found.attempts, found.executions) == (5, 3)
    assert [step.step for step in found.slowest(1)] == ["ship"]
    assert [(step.step, step.failure_rate) for step in found.most_failing()] == [("charge", 1 / 3)]


def test_waits_undos_and_open_attempts_are_no_latencies():
    execution = insert()
    insert_attempt(execution, "night", SECOND, kind="sleep")
    insert_attempt(execution, "~undo/charge", SECOND, kind="undo")
    insert_attempt(execution, "ship", SECOND, status="intent", completed_at=None)

    assert step_latencies(everything()).steps == []


def test_only_the_newest_executions_are_looked_at():
    insert_attempt(insert(created_at=ago(hours=1)), "old", SECOND)
    insert_attempt(insert(), "new", SECOND)

    found = step_latencies(everything(), most_executions=1)

    assert [step.step for step in found.steps] == ["new"]


def test_both_questions_have_a_limit():
    insert()

    with CaptureQueriesContext(connection) as queries:
        step_latencies(everything(), most_executions=7, most_attempts=8)

    ids, attempts = [query["sql"] for query in queries]
    assert ids.endswith("LIMIT 7")
    assert attempts.endswith("LIMIT 8")


def test_nothing_is_asked_of_an_empty_history(django_assert_num_queries: Any):
    with django_assert_num_queries(1):
        assert step_latencies(everything()).steps == ()
