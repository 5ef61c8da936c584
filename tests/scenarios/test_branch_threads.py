"""Branches run in threads of their own, each with its own connection, where the database allows."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from durable_django import runtime
from durable_django.engine.branch_crew import BranchCrew
from durable_django.engine.registry import Registry
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import StepFailedError
from durable_django.models import StepCheckpoint
from durable_django.worker.connections import drop_connections

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def engine():
    crew = BranchCrew(lambda: 8, drop_connections)
    engine = runtime.build_engine(registry=Registry(), dispatcher=None, branches=crew)
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


@pytest.fixture
def _threaded():
    if connection.vendor == "sqlite":
        pytest.skip("It has one writer at a time: branches run one after the other.")


@pytest.mark.usefixtures("_threaded")
class TestParallel:
    def test_actions_run_at_the_same_time(self, engine):
        meeting = threading.Barrier(3, timeout=20)

        @workflow(name="threads.meet", registry=engine.registry)
        def meet(ctx):
            with ctx.parallel("all") as p:
                pending = [p.step(f"s{n}", meeting.wait) for n in range(3)]
            return sorted(one.result for one in pending)

        assert meet.run() == [0, 1, 2]

    def test_no_more_run_at_once_than_the_code_allows(self, engine):
        lock, inside, most = threading.Lock(), [0], [0]
        waits = threading.Barrier(2, timeout=20)

        def act():
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            waits.wait()
            with lock:
                inside[0] -= 1

        @workflow(name="threads.few", registry=engine.registry)
        def few(ctx):
            with ctx.parallel("all", max_concurrency=2) as p:
                for number in range(6):
                    p.step(f"s{number}", act)

        few.run()

        assert most == [2]

    def test_atomic_branches_commit_each_by_itself(self, engine):
        @workflow(name="threads.atomic", registry=engine.registry)
        def atomic(ctx):
            with ctx.parallel("all", policy="complete_all") as p:
                for number in range(8):
                    p.step(f"s{number}", lambda n=number: 1 // (n % 2), atomic=True)
            return sorted(p.errors)

        assert atomic.run() == ["s0", "s2", "s4", "s6"]

    def test_the_first_failure_keeps_others_from_beginning(self, engine):
        begun = []

        def act(number):
            begun.append(number)
            raise OSError(number)

        @workflow(name="threads.fail", registry=engine.registry)
        def fail(ctx):
            with ctx.parallel("all") as p:
                for number in range(200):
                    p.step(f"s{number}", act, number)

        def body(ctx):
            try:
                fail(ctx)
            except StepFailedError as error:
                return error.step
            return ""

        assert (
            workflow(name="threads.caught", registry=engine.registry)(body)
            .run()
            .startswith("all/s")
        )
        assert len(begun) < 50

    def test_a_map_is_shared_by_threads(self, engine):
        names = set()

        def act(item):
            names.add(threading.current_thread().name)
            threading.Event().wait(0.005)
            return item * 2

        @workflow(name="threads.map", registry=engine.registry)
        def double(ctx):
            return list(ctx.map("each", act, range(120)))

        assert double.run() == [item * 2 for item in range(120)]
        assert len(names) > 1
        assert StepCheckpoint.objects.filter(kind="item").count() == 120
