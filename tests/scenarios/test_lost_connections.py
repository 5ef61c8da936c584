"""A connection that breaks is a crash of the slice: no step fails for it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from durable_django import WorkflowContext, workflow
from durable_django.conf import settings
from durable_django.engine.durable_engine import EngineOptions
from durable_django.runtime import build_engine, build_store, use_engine
from durable_django.testing import ManualClock
from tests.stores.orm.test_commit_proof import CUT

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor not in CUT, reason="It has no connection to cut."),
]
cuts: list[int] = []


def write_and_be_cut_once() -> None:
    Group.objects.create(name="once")
    if not cuts:
        cuts.append(1)
        with connection.cursor() as cursor:
            cursor.execute(CUT[connection.vendor])
            cursor.execute("SELECT 1")


@workflow(name="test.is_cut")
def is_cut(ctx: WorkflowContext) -> None:
    ctx.step("write", write_and_be_cut_once, atomic=True)


def test_an_atomic_step_whose_connection_breaks_is_done_again() -> None:
    clock = ManualClock()
    engine = build_engine(
        store=build_store(settings(), clock),
        clock=clock,
        dispatcher=None,
        options=EngineOptions(renews_leases=False),
    )
    former = use_engine(engine)
    cuts.clear()
    try:
        execution = is_cut.start()
        dropped = engine.advance()[0].status
        clock.advance(seconds=1)
        engine.drain()
    finally:
        use_engine(former)
        engine.dispose()

    assert dropped is None
    assert execution.refresh().status == "completed"
    assert Group.objects.filter(name="once").count() == 1
