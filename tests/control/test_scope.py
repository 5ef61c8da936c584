from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Count, Q, QuerySet

from durable_django.control.figures.bounded import count_capped
from durable_django.control.scope import find_visible, visible_executions
from durable_django.exceptions import ConfigurationError, ExecutionNotFoundError
from durable_django.models import WorkflowExecution
from tests.control.past_executions import insert, insert_attempt

pytestmark = pytest.mark.django_db
Rows = QuerySet[WorkflowExecution]


def by_a_join(_user: Any, rows: Rows) -> Any:
    return rows.filter(Q(checkpoints__name="charge") | Q(checkpoints__name="ship"))


def by_a_distinct_join(user: Any, rows: Rows) -> Any:
    return by_a_join(user, rows).distinct()


def by_either_of_two(user: Any, rows: Rows) -> Any:
    return rows.filter(queue="default") | by_a_join(user, rows)


def by_an_annotation(_user: Any, rows: Rows) -> Any:
    return rows.annotate(steps=Count("checkpoints")).filter(steps=2)


def in_an_order(_user: Any, rows: Rows) -> Any:
    return rows.order_by("key").select_related("workflow")


def by_a_subquery(_user: Any, rows: Rows) -> Any:
    return rows.filter(pk__in=rows.filter(queue="default").values("pk"))


def nothing(_user: Any, rows: Rows) -> Any:
    return rows.none()


def a_union(_user: Any, rows: Rows) -> Any:
    return rows.filter(queue="a").union(rows.filter(queue="b"))


def a_slice(_user: Any, rows: Rows) -> Any:
    return rows[:10]


def none_at_all(_user: Any, rows: Rows) -> Any:
    return None


@pytest.fixture
def execution() -> WorkflowExecution:
    execution = insert(queue="default")
    insert_attempt(execution, "charge", timedelta(seconds=1))
    insert_attempt(execution, "ship", timedelta(seconds=1), position=2)
    return execution


@pytest.mark.parametrize(
    "hook",
    [
        by_a_join,
        by_a_distinct_join,
        by_either_of_two,
        by_an_annotation,
        in_an_order,
        by_a_subquery,
    ],
)
def test_execution_is_there_once_however_the_hook_finds_it(
    settings: Any, execution: WorkflowExecution, hook: Any
):
    settings.DURABLE = {"SCOPE": f"{__name__}.{hook.__name__}"}

    rows = visible_executions(None)

    assert count_capped({"all": rows}) == {"all": 1}
    assert list(rows.order_by("-id").only("status")) == [execution]
    assert find_visible(None, execution.pk) == execution


def test_nothing_is_found_if_the_hook_says_so(settings: Any, execution: WorkflowExecution):
    settings.DURABLE = {"SCOPE": f"{__name__}.nothing"}

    with pytest.raises(ExecutionNotFoundError):
        find_visible(None, execution.pk)


@pytest.mark.parametrize("hook", [a_union, a_slice, none_at_all])
def test_what_cannot_be_filtered_further_is_named(settings: Any, hook: Any):
    settings.DURABLE = {"SCOPE": f"{__name__}.{hook.__name__}"}

    with pytest.raises(ConfigurationError, match=r"DURABLE\['SCOPE'\] must return"):
        visible_executions(None)
