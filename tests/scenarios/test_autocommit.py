"""With autocommit off nothing that a slice writes would be there after it: it is refused."""

from __future__ import annotations

import pytest
from django.db import transaction

from durable_django import WorkflowContext, workflow
from durable_django.conf import settings
from durable_django.engine.durable_engine import EngineOptions
from durable_django.exceptions import DurableCallError
from durable_django.runtime import build_engine, build_store, use_engine
from durable_django.testing import ManualClock

pytestmark = pytest.mark.django_db(transaction=True)
turned_off: list[bool] = []


def turn_autocommit_off_once() -> str:
    if not turned_off:
        turned_off.append(True)
        transaction.set_autocommit(False)
    return "done"


@workflow(name="test.autocommit_off")
def careless(ctx: WorkflowContext) -> str:
    return ctx.step("careless", turn_autocommit_off_once)


@pytest.fixture
def engine():
    clock = ManualClock()
    made = build_engine(
        store=build_store(settings(), clock),
        clock=clock,
        dispatcher=None,
        options=EngineOptions(renews_leases=False),
    )
    former = use_engine(made)
    turned_off.clear()
    yield made
    transaction.rollback()
    transaction.set_autocommit(True)
    use_engine(former)
    made.dispose()


def test_an_action_that_turns_it_off_has_recorded_nothing(engine):
    execution = careless.start()
    outcome = engine.advance()[0]
    transaction.rollback()
    transaction.set_autocommit(True)
    recorded = execution.refresh().status
    engine.clock.advance(minutes=1)
    engine.drain()

    assert (outcome.status, recorded) == (None, "running")
    assert execution.refresh().status == "completed"


def test_run_is_refused(engine):
    transaction.set_autocommit(False)

    with pytest.raises(DurableCallError, match="atomic"):
        careless.run()
