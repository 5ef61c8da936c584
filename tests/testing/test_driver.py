from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django import forms

from durable_django.engine.registry import Registry
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import FieldErrors
from durable_django.scheduling.schedule_editor import ScheduleEditor
from durable_django.testing import DurableDriver, InMemoryCheckpointStore, build_test_engine

HOUR = timedelta(hours=1)
#: When the driver's clock begins.
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def driver() -> DurableDriver:
    registry = Registry()

    def report(ctx: Any, day: datetime) -> datetime:
        ctx.sleep("a_while", HOUR / 2)
        return day

    workflow(name="report", registry=registry)(report)
    return DurableDriver(
        lambda store, clock: build_test_engine(store, clock, registry=registry),
        lambda clock: InMemoryCheckpointStore(clock=clock),
    )


def create(driver: DurableDriver, **options: Any) -> None:
    ScheduleEditor(driver.engine, driver.schedule_store).create(
        "hourly", {"workflow": "report", "every": HOUR, "tick_argument": "day"} | options
    )


class TestSchedules:
    def test_tick_at_their_alarms_while_time_passes(self, driver: DurableDriver):
        create(driver)

        driver.advance(hours=3, minutes=45)

        executions = driver.store.list_executions()[::-1]
        assert [one.created_at for one in executions] == [MIDNIGHT + n * HOUR for n in (1, 2, 3)]
        assert [driver.engine.result_of(one) for one in executions[:2]] == [
            MIDNIGHT + HOUR,
            MIDNIGHT + 2 * HOUR,
        ]
        assert driver.clock.now() == MIDNIGHT + 3.75 * HOUR

    def test_outlast_a_restart(self, driver: DurableDriver):
        create(driver)

        driver.restart()
        driver.advance(hours=1)

        assert len(driver.store.list_executions()) == 1

    def test_that_cannot_tick_fail_the_test(
        self, driver: DurableDriver, monkeypatch: pytest.MonkeyPatch
    ):
        def fail(*_: object) -> None:
            raise ConnectionError

        create(driver)
        monkeypatch.setattr(driver.schedule_store, "insert_tick", fail)

        with pytest.raises(AssertionError, match="hourly"):
            driver.advance(hours=1)

    def test_without_any_cost_a_scenario_nothing(self, driver: DurableDriver):
        driver.advance(days=365)

        assert driver.store.list_executions() == []


class RefundForm(forms.Form):
    amount = forms.DecimalField(max_value=1000)
    reason = forms.CharField(required=False)


@workflow(name="testing.refund")
def refund(ctx: Any) -> list[Any]:
    answer = ctx.ask("refund", RefundForm)
    return [answer["amount"], answer["reason"], answer.by]


class TestAnswersToForms:
    def test_what_the_form_refuses_is_refused(self, durable: DurableDriver):
        execution = durable.start(refund)

        with pytest.raises(FieldErrors) as caught:
            durable.complete_task(execution, "refund", {"amount": 5000, "why": "lost"})

        assert set(caught.value.errors) == {"why"}
        with pytest.raises(FieldErrors, match="less than or equal to 1000"):
            durable.complete_task(execution, "refund", {"amount": 5000})
        assert durable.tasks(execution)[0].status.is_active

    def test_the_workflow_gets_what_the_form_makes_of_it(self, durable: DurableDriver):
        execution = durable.start(refund)

        durable.complete_task(execution, "refund", {"amount": "9.90"}, by="bob")

        assert durable.result(execution) == [Decimal("9.90"), "", "bob"]
