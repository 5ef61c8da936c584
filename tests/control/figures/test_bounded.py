from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_django.control.figures import bounded
from durable_django.control.figures.bounded import count_capped, first_id_at, select_from
from durable_django.domain.identifiers import new_id
from durable_django.models import WorkflowExecution
from tests.control.past_executions import insert

pytestmark = pytest.mark.django_db


def test_more_questions_than_fit_one_statement_are_asked_in_several(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
):
    monkeypatch.setattr(bounded, "_MOST_IN_ONE_STATEMENT", 2)
    insert("b")
    questions = {n: WorkflowExecution.objects.filter(workflow_name=n) for n in ("a", "b", "c")}

    with django_assert_num_queries(2):
        counts = count_capped(questions)

    assert counts == {"a": 0, "b": 1, "c": 0}


def test_nothing_asked_is_nothing_counted(django_assert_num_queries: Any):
    with django_assert_num_queries(0):
        assert count_capped({}) == {}
        assert list(select_from({}, "COUNT(*)")) == []


def test_values_with_percent_signs_and_quotes_are_parameters():
    name = "100% 'sure' %s"
    insert(name)

    counts = count_capped({name: WorkflowExecution.objects.filter(workflow_name=name)})

    assert counts == {name: 1}


def test_first_id_of_an_instant_divides_the_ids():
    now = datetime.now(UTC)

    assert (
        first_id_at(now - timedelta(seconds=1)) < new_id() < first_id_at(now + timedelta(minutes=1))
    )
    assert first_id_at(now).version == 7
