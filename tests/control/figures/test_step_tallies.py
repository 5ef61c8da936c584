from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from durable_django.control.figures import step_tallies
from durable_django.control.figures.step_tallies import StepTally, load_tallies
from durable_django.domain.status import CheckpointStatus
from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import make_new_execution

pytestmark = pytest.mark.django_db


def make(*attempts: tuple[str, int, str, str]) -> WorkflowExecution:
    [(execution, _)] = OrmCheckpointStore().insert_executions([make_new_execution()])
    for key, number, kind, status in attempts:
        StepCheckpoint.objects.create(
            execution_id=execution.id,
            key=key,
            name=key,
            position=1,
            kind=kind,
            attempt=number,
            status=status,
        )
    return WorkflowExecution.objects.get(pk=execution.id)


def test_attempts_of_steps_and_undos_are_counted_and_the_latest_is_told():
    row = make(
        ("z", 1, "step", "completed"),
        ("nap", 1, "sleep", "completed"),
        ("charge", 1, "step", "failed"),
        ("charge", 2, "step", "failed"),
        ("~undo/z", 1, "undo", "intent"),
        ("answer", 1, "signal", "completed"),
    )

    assert load_tallies("default", [row.pk]) == {
        row.pk: StepTally(
            attempts=4,
            retries=1,
            latest_key="~undo/z",
            latest_attempt=1,
            latest_status=CheckpointStatus.INTENT,
        )
    }


def test_many_executions_take_one_query_and_none_takes_none():
    rows = [make(("a", 1, "step", "completed")) for _ in range(5)]
    untried = make()

    with CaptureQueriesContext(connection) as queries:
        tallies = load_tallies("default", [row.pk for row in (*rows, untried)])
        nothing = load_tallies("default", [])

    assert set(tallies) == {row.pk for row in rows}
    assert nothing == {}
    assert len(queries) == 1


def test_no_more_attempts_are_read_than_the_cap():
    row = make(*((f"s{number}", 1, "step", "completed") for number in range(3)))
    sql = step_tallies._TALLY

    assert f"LIMIT {step_tallies.MAX_TALLIED + 1}" in sql
    assert not load_tallies("default", [row.pk])[row.pk].is_capped


def test_one_more_than_the_cap_means_many(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(step_tallies, "MAX_TALLIED", 2)
    row = make(*((f"s{number}", 1, "step", "completed") for number in range(3)))

    assert load_tallies("default", [row.pk])[row.pk].is_capped
