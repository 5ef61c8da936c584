"""What the control plane writes together is there together, wherever its process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.db import connection, connections

from durable_django import client, runtime, workflow
from durable_django.control.hooks import mint_hook, use_hook
from durable_django.control.idempotency import Answer, answer_once
from durable_django.engine.durable_engine import DurableEngine
from durable_django.models import (
    ExecutionEvent,
    IdempotencyRecord,
    SignalHook,
    WorkflowExecution,
    WorkflowSignal,
)
from tests.crash_points.instrument import DIED, Instrument, die
from tests.crash_points.ledger import Ledger
from tests.crash_points.process import Child

pytestmark = pytest.mark.django_db(transaction=True)


@workflow(name="crash.linked")
def linked(ctx):
    return ctx.wait_signal("paid", timeout=timedelta(days=1))


@pytest.fixture
def engine() -> Iterator[DurableEngine]:
    engine = runtime.build_engine(dispatcher=None)
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


@pytest.fixture
def execution_id(engine: DurableEngine) -> UUID:
    handle = engine.start_by_name("crash.linked", {})
    engine.drain()
    return handle.id


def test_a_link_is_used_up_with_its_signal_or_not_at_all(
    execution_id: UUID, tmp_path: Path
) -> None:
    hook = mint_hook(execution_id, "paid", expires_in=timedelta(hours=1))

    for _ in _die_everywhere(lambda: use_hook(hook.token, 7), tmp_path):
        is_used = SignalHook.objects.filter(used_at__isnull=False).count()
        assert WorkflowSignal.objects.count() == is_used

    assert WorkflowSignal.objects.count() == 1


def test_an_answer_is_remembered_with_its_act_or_not_at_all(
    execution_id: UUID, tmp_path: Path
) -> None:
    def act() -> Answer:
        client.cancel(execution_id, reason="customer")
        return Answer(status=202, body="{}")

    for _ in _die_everywhere(lambda: answer_once("s" * 64, "r" * 64, act), tmp_path):
        is_asked = WorkflowExecution.objects.filter(cancel_requested_at__isnull=False).count()
        assert ExecutionEvent.objects.count() == is_asked
        assert IdempotencyRecord.objects.filter(response_status=202).count() == is_asked
        assert IdempotencyRecord.objects.count() == is_asked

    assert IdempotencyRecord.objects.get().response_status == 202


def _die_everywhere(act: Callable[[], object], tmp_path: Path) -> Iterator[int]:
    """Do it in a process that dies one point later each time, until one lives; yield after each.

    One that finds it done by the process before, which died after its commit, is refused, and lives.
    """
    number, died = 0, True
    while died:
        number += 1
        connections.close_all()

        def run(fatal: int = number) -> None:
            with Instrument(fatal, die).watching(connection):
                act()

        died = Child(Ledger(tmp_path / f"{number}.jsonl"), run).wait() == DIED
        yield number
    # Begin, statements, commit: each from both sides.
    assert number > 6
