from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.control.figures.throughput import Minute, throughput
from durable_django.models import WorkflowExecution
from tests.control.past_executions import insert, now

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def everything() -> Any:
    return WorkflowExecution.objects.all()


def whole_minute(instant: datetime) -> datetime:
    return instant.replace(second=0, microsecond=0)


def test_each_minute_is_told_by_status_without_gaps(django_assert_num_queries: Any):
    present = whole_minute(now()) + 30 * SECOND
    insert(created_at=present - 2 * MINUTE, took=MINUTE)
    insert(created_at=present - MINUTE, took=SECOND)
    insert(created_at=present - MINUTE, took=SECOND, status="failed")
    insert(created_at=present, took=SECOND, status="cancelled")
    insert(created_at=present - 3 * MINUTE, took=SECOND)

    with django_assert_num_queries(1):
        found = throughput(everything(), present, minutes=3)

    start = whole_minute(present) - 2 * MINUTE
    assert list(found.minutes) == [
        Minute(at=start, started=1),
        Minute(at=start + MINUTE, started=2, completed=2, failed=1),
        Minute(at=start + 2 * MINUTE, started=1, cancelled=1),
    ]
    assert found.total("completed") == 2
    assert not found.is_capped


def test_more_than_the_limit_is_said():
    present = now()
    for _ in range(3):
        insert(created_at=present - SECOND, took=SECOND / 2)

    found = throughput(everything(), present, limit=2)

    assert found.is_capped
    assert found.total("completed") == 2


def test_what_the_user_may_not_see_is_left_out():
    insert(took=SECOND / 10, queue="theirs")

    found = throughput(everything().filter(queue="mine"), now() + SECOND)

    assert found.total("started") == found.total("completed") == 0


def test_both_parts_have_a_limit():
    with CaptureQueriesContext(connection) as queries:
        throughput(everything(), now())

    [query] = queries.captured_queries
    assert query["sql"].count("LIMIT 50000") == 2
