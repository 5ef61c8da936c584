"""A fork is there as a whole or not at all, wherever its process dies."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import connection, connections

from durable_django import runtime, workflow
from durable_django.domain.event import Actor, ActorKind
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.models import ExecutionEvent, StepCheckpoint, WorkflowExecution
from tests.crash_points.instrument import DIED, Instrument, die
from tests.crash_points.ledger import Ledger
from tests.crash_points.process import Child

pytestmark = pytest.mark.django_db(transaction=True)
ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


@workflow(name="crash.forked")
def forked(ctx):
    return [ctx.step(name, str.upper, name) for name in ("a", "b", "c")]


def test_a_fork_is_whole_or_not_there(tmp_path: Path) -> None:
    engine = runtime.build_engine(dispatcher=None)
    origin = engine.start_by_name("crash.forked", {})
    engine.drain()
    fatal, died = 0, True

    while died:
        fatal += 1
        before = set(_forks(origin))
        connections.close_all()
        died = _fork_and_die(engine, origin, tmp_path, fatal) == DIED
        for fork in set(_forks(origin)) - before:
            copied = StepCheckpoint.objects.filter(execution_id=fork).values_list("key", flat=True)
            assert sorted(copied) == ["a", "b"]
            assert ExecutionEvent.objects.filter(execution_id=fork).count() == 1

    # Begin, the row, its checkpoints, two events, commit: each from both sides.
    assert fatal > 10
    told = ExecutionEvent.objects.filter(execution_id=origin.id).count()
    assert told == len(_forks(origin)) >= 1
    engine.drain()
    assert set(_forks(origin).values()) == {"completed"}


def _fork_and_die(
    engine: DurableEngine, origin: ExecutionHandle[object], tmp_path: Path, fatal: int
) -> int:
    def act() -> None:
        with Instrument(fatal, die).watching(connection):
            engine.acts.fork(origin.id, "c", by=ALICE)

    return Child(Ledger(tmp_path / f"{fatal}.jsonl"), act).wait()


def _forks(origin: ExecutionHandle[object]) -> dict[object, str]:
    return dict(WorkflowExecution.objects.filter(forked_from=origin.id).values_list("pk", "status"))
