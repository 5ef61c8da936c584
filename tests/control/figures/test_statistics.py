from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.control.figures import statistics
from durable_django.control.figures.statistics import (
    count_by_status,
    count_live_versions,
    list_statistics,
    percentile,
    workflow_statistics,
)
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution
from tests.control.past_executions import ago, insert

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def everything() -> Any:
    return WorkflowExecution.objects.all()


class TestCountByStatus:
    def test_every_status_is_counted_in_one_query(self, django_assert_num_queries: Any):
        for status in ["pending", "pending", "parked", "completed"]:
            insert(status=status)

        with django_assert_num_queries(1):
            counts = count_by_status(everything())

        assert {status: count for status, count in counts.items() if count} == {
            ExecutionStatus.PENDING: 2,
            ExecutionStatus.PARKED: 1,
            ExecutionStatus.COMPLETED: 1,
        }
        assert set(counts) == set(ExecutionStatus)

    def test_counting_ends_at_the_limit(self):
        for _ in range(5):
            insert()

        assert count_by_status(everything(), limit=3)[ExecutionStatus.PENDING] == 3

    def test_what_the_user_may_not_see_is_not_counted(self):
        insert(queue="mine")
        insert(queue="theirs")

        counts = count_by_status(everything().filter(queue="mine"))

        assert counts[ExecutionStatus.PENDING] == 1

    def test_who_may_see_nothing_gets_zeros_and_asks_nothing(self, django_assert_num_queries: Any):
        insert()

        with django_assert_num_queries(0):
            counts = count_by_status(WorkflowExecution.objects.none())

        assert set(counts.values()) == {0}

    def test_no_count_reads_more_than_its_limit(self):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            count_by_status(everything(), limit=77)

        [query] = queries.captured_queries
        assert query["sql"].count("COUNT(*)") == len(ExecutionStatus)
        assert query["sql"].count("LIMIT 77") == len(ExecutionStatus)


class TestWorkflowStatistics:
    def test_small_history_is_told_exactly(self):
        for seconds in (1, 2, 3, 4):
            insert(created_at=ago(hours=1), took=seconds * SECOND)
        insert(created_at=ago(hours=1), took=10 * SECOND, status="failed")
        insert(created_at=ago(hours=1), took=20 * SECOND, status="cancelled")
        insert(status="suspended")
        insert("shop.other", created_at=ago(hours=1), took=99 * SECOND)

        found = workflow_statistics(everything(), "shop.order", ago(hours=24))

        assert found.name == "shop.order"
        assert (found.started, found.sampled, found.is_sampled) == (7, 7, False)
        figures = found.figures
        assert (figures.completed, figures.failed, figures.cancelled) == (4, 1, 1)
        # A cancel or a failure says nothing of how long it takes.
        assert (figures.p50, figures.p95) == (2 * SECOND, 4 * SECOND)
        assert figures.failure_rate == 1 / 5
        assert figures.finished == 6

    def test_what_is_older_does_not_count(self):
        insert(created_at=ago(hours=30), took=SECOND)
        insert(created_at=ago(hours=30), took=timedelta(hours=10))

        found = workflow_statistics(everything(), "shop.order", ago(hours=24))

        assert found.started == 0
        assert found.figures.finished == 1
        assert found.figures.p50 == timedelta(hours=10)

    def test_versions_are_told_apart(self):
        insert(workflow_version=1, took=SECOND, status="failed")
        insert(workflow_version=2, took=2 * SECOND)

        found = workflow_statistics(everything(), "shop.order", ago(hours=24))

        assert list(found.versions) == [1, 2]
        assert found.versions[1].failure_rate == 1
        assert found.versions[2].p95 == 2 * SECOND

    def test_newest_failure_is_named(self):
        for minutes in (9, 3, 6):
            insert(
                created_at=ago(minutes=minutes),
                took=SECOND,
                status="failed",
                error=ErrorRecord(type="Declined", message=f"{minutes} minutes ago").to_text(),
            )

        failure = workflow_statistics(everything(), "shop.order", ago(hours=1)).last_failure

        assert failure is not None
        assert failure.error.message == "3 minutes ago"
        assert WorkflowExecution.objects.get(pk=failure.execution_id).status == "failed"

    def test_workflow_without_history_has_no_figures(self):
        found = workflow_statistics(everything(), "shop.order", ago(hours=1))

        assert (found.started, found.figures.finished, found.last_failure) == (0, 0, None)
        assert (found.figures.p50, found.figures.failure_rate) == (None, None)

    def test_execution_that_never_began_has_no_duration(self):
        insert(took=SECOND, status="cancelled", started_at=None)

        figures = workflow_statistics(everything(), "shop.order", ago(hours=1)).figures

        assert (figures.cancelled, figures.p50) == (1, None)

    def test_only_the_newest_are_looked_at(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(statistics, "MAX_SAMPLE", 2)
        for minutes in (9, 6, 3):
            insert(created_at=ago(minutes=minutes), took=minutes * SECOND)

        found = workflow_statistics(everything(), "shop.order", ago(hours=1))

        assert (found.started, found.sampled, found.is_sampled) == (3, 2, True)
        assert (found.figures.p50, found.figures.p95) == (3 * SECOND, 6 * SECOND)

    @pytest.mark.parametrize("workflows", [1, 50])
    def test_number_of_queries_does_not_depend_on_the_number_of_workflows(
        self, django_assert_num_queries: Any, workflows: int
    ):
        names = [f"shop.w{number}" for number in range(workflows)]
        for name in names:
            insert(name, took=SECOND, status="failed")

        with django_assert_num_queries(3):
            found = list_statistics(everything(), names, ago(hours=1))

        assert [one.name for one in found] == names
        assert {one.figures.failed for one in found} == {1}

    def test_every_part_of_every_question_has_a_limit(self):
        insert("a", took=SECOND, status="failed")

        with CaptureQueriesContext(connection) as queries:
            list_statistics(everything(), ["a", "b"], ago(hours=1))

        counts, sample, errors = [query["sql"] for query in queries]
        assert counts.count("LIMIT 10001") == counts.count("COUNT(*)") == 2
        assert sample.count("LIMIT 2000") == sample.count("FROM (SELECT") == 2
        assert not re.search(r"\W(input|output|error)\W", counts + sample)
        assert " IN (" in errors


class TestLiveVersions:
    def test_live_ones_are_counted_by_version_and_status(self, django_assert_num_queries: Any):
        insert(workflow_version=2)
        insert(workflow_version=2, status="parked")
        insert(workflow_version=3)
        insert(workflow_version=3, took=SECOND)

        with django_assert_num_queries(1):
            live = count_live_versions(everything())

        assert live.counts == {
            ("shop.order", 2): {ExecutionStatus.PENDING: 1, ExecutionStatus.PARKED: 1},
            ("shop.order", 3): {ExecutionStatus.PENDING: 1},
        }
        assert live.of("shop.order", 2) == 2
        assert live.of("shop.gone", 1) == 0
        assert live.versions_of("shop.order") == [2, 3]
        assert live.is_complete

    def test_beyond_the_limit_the_oldest_are_counted(self):
        insert(workflow_version=1, created_at=ago(days=3))
        for _ in range(3):
            insert(workflow_version=2)

        live = count_live_versions(everything(), limit=2)

        assert live.of("shop.order", 1) == 1
        assert live.of("shop.order", 2) == 1
        assert not live.is_complete


@pytest.mark.parametrize(
    ("seconds", "p50", "p95"),
    [
        pytest.param([7], 7, 7, id="one"),
        pytest.param([1, 9], 1, 9, id="two"),
        pytest.param(range(1, 101), 50, 95, id="a hundred"),
    ],
)
def test_percentile_is_the_nearest_rank(seconds: Any, p50: int, p95: int):
    values = [second * SECOND for second in seconds]

    assert percentile(values, 0.5) == p50 * SECOND
    assert percentile(values, 0.95) == p95 * SECOND


def test_percentile_of_nothing_is_none():
    assert percentile([], 0.5) is None
