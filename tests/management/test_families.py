"""Children, groups, maps and broadcasts at the shell."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from durable_django import Terminal, client
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.domain.wait import Wait, list_waits
from durable_django.engine.awaitables import Event, Signal, Timer
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.workflow_function import workflow
from durable_django.management.describing import describe_wait, stand_of
from durable_django.models import ExecutionEvent, WorkflowSignal
from durable_django.testing import make_execution
from tests.management.conftest import PREFIX, Ran

Run = Callable[..., Ran]
pytestmark = pytest.mark.django_db


def load(number: int) -> int:
    if number == 2:
        raise Terminal(f"no. {number}, token=hunter2")
    return number


@pytest.fixture(autouse=True)
def families(workflows: None) -> None:
    @workflow(name=f"{PREFIX}child")
    def child(ctx, number):
        if number == 2:
            raise Terminal("no")
        ctx.wait_signal("go")

    @workflow(name=f"{PREFIX}parent")
    def parent(ctx, count):
        ctx.map("each", child, list(range(count)), tolerate=count)

    @workflow(name=f"{PREFIX}paying")
    def paying(ctx):
        ctx.child("pay", child, 1)

    @workflow(name=f"{PREFIX}group")
    def group(ctx):
        with ctx.parallel("prepare") as p:
            p.step("stock", int)
            p.step("invoice", int)
        ctx.map("load", load, [1, 2, 3], tolerate=1)
        ctx.race("end", paid=Signal("paid"), off=Event("off", "7"), late=Timer(days=1))

    @workflow(name=f"{PREFIX}listener")
    def listener(ctx, key):
        return ctx.wait_event("price-changed", key)


def start(engine: DurableEngine, name: str, **given: Any) -> Any:
    handle = engine.start_by_name(f"{PREFIX}{name}", given)
    engine.drain()
    return handle


class TestList:
    def test_children_are_listed_oldest_first_with_their_calls(
        self, run: Run, engine: DurableEngine
    ):
        parent = start(engine, "parent", count=4)
        start(engine, "listener", key="")
        children = [one.id for one in client.list_children(parent.id)]

        document = json.loads(run("durable_list", "--parent", parent.id, "--json").out)
        table = run("durable_list", "--parent", parent.id)

        assert [one["id"] for one in document["executions"]] == [str(one) for one in children]
        assert "each/3" in table.out

    @pytest.mark.parametrize(
        ("options", "count"),
        [
            (["--status", "failed"], 1),
            (["--status", "failed", "--status", "suspended"], 4),
            (["--queue", "nowhere"], 0),
            (["--workflow", f"{PREFIX}child", "--limit", 2], 2),
        ],
    )
    def test_they_can_be_narrowed(
        self, run: Run, engine: DurableEngine, options: list[Any], count: int
    ):
        parent = start(engine, "parent", count=4)

        ran = run("durable_list", "--parent", parent.id, "--json", *options)

        assert len(json.loads(ran.out)["executions"]) == count

    @pytest.mark.parametrize("parent", ["no id", "00000000-0000-7000-8000-000000000000"])
    def test_an_unknown_parent_is_not_found(self, run: Run, parent: str):
        assert run("durable_list", "--parent", parent).code == 3

    def test_more_than_a_page_is_listed_too(self, run: Run, engine: DurableEngine):
        parent = start(engine, "parent", count=230)

        ran = run("durable_list", "--parent", parent.id, "--limit", 500, "--json")

        assert len(json.loads(ran.out)["executions"]) == 230


class TestShow:
    def test_a_parent_is_shown_with_its_children_and_their_numbers(
        self, run: Run, engine: DurableEngine
    ):
        parent = start(engine, "parent", count=4)

        ran = run("durable_show", parent.id)

        assert "It waits for the items of 'each'." in ran.out
        assert f"durable_list --parent {parent.id}" in ran.out
        assert "0 of 4 done, 1 failed" in ran.out
        assert "each/3" in ran.out

    def test_many_children_are_cut_and_the_way_to_all_is_told(
        self, run: Run, engine: DurableEngine
    ):
        parent = start(engine, "parent", count=60)

        ran = run("durable_show", parent.id)
        document = json.loads(run("durable_show", parent.id, "--json").out)

        assert f"`durable_list --parent {parent.id}` shows all" in ran.err
        assert (len(document["children"]), document["has_more_children"]) == (50, True)
        assert document["maps"]["each"]["total"] == 60

    def test_a_child_names_its_parent(self, run: Run, engine: DurableEngine):
        parent = start(engine, "paying")
        [child] = client.list_children(parent.id)

        assert f"{parent.id}, called pay" in run("durable_show", child.id).out

    def test_groups_and_maps_are_told_and_not_as_they_are_stored(
        self, run: Run, engine: DurableEngine
    ):
        execution = start(engine, "group")

        ran = run("durable_show", execution.id)
        text = run("durable_show", execution.id, "--json").out
        document = json.loads(text)

        assert "all done" in ran.out
        assert "2 of 3 done, 1 failed" in ran.out
        assert "It waits for any of: signal paid, event off, timer late." in ran.out
        keys = [one["key"] for one in document["checkpoints"]]
        assert keys == ["prepare", "prepare/invoice", "prepare/stock", "load"]
        assert document["checkpoints"][0]["action"] == ""
        assert document["checkpoints"][0]["group"]["statuses"] == {
            "stock": "done",
            "invoice": "done",
        }
        assert "failed_calls\\\\" not in text
        assert "hunter2" not in text


class TestBroadcast:
    def test_everybody_who_waits_is_told_and_it_is_audited(self, run: Run, engine: DurableEngine):
        told = [start(engine, "listener", key="A-1") for _ in range(2)]
        start(engine, "listener", key="B-2")
        options = ("--key", "A-1", "--payload", '{"to": 3}', "--reason", "the market")

        ran = run("durable_broadcast", "price-changed", *options)
        engine.drain()

        assert (ran.code, ran.out) == (0, "2\n")
        assert {one.refresh().status for one in told} == {ExecutionStatus.COMPLETED}
        event = ExecutionEvent.objects.filter(execution_id=told[0].id).get()
        assert (event.actor_kind, event.reason) == ("command", "the market")

    def test_nobody_who_waits_is_said(self, run: Run, engine: DurableEngine):
        ran = run("durable_broadcast", "price-changed", "--json")

        assert json.loads(ran.out) == {"name": "price-changed", "key": "", "reached": 0}
        assert "Nobody waits for it" in ran.err

    @pytest.mark.parametrize(
        "arguments",
        [["a/b"], ["x" * 151], ["x", "--payload", "{"], ["x", "--key", "\t"]],
        ids=["slash", "long", "no json", "key"],
    )
    def test_what_is_not_legal_is_a_usage_error(self, run: Run, arguments: list[str]):
        ran = run("durable_broadcast", *arguments)

        assert ran.code == 2
        assert WorkflowSignal.objects.count() == 0


class TestFork:
    def test_a_plan_from_inside_a_group_says_that_all_of_it_is_made_again(
        self, run: Run, engine: DurableEngine
    ):
        execution = start(engine, "group")

        ran = run("durable_fork", execution.id, "--from-step", "prepare/stock", "--dry-run")

        assert "prepare/stock stands in prepare, which is made again as a whole." in ran.err
        assert "load/1" not in ran.out


class TestWords:
    @pytest.mark.parametrize("kind", list(WaitKind))
    @pytest.mark.parametrize("wake_at", [None, timedelta(hours=1)], ids=["no alarm", "alarm"])
    def test_every_wait_has_words(self, kind: WaitKind, wake_at: timedelta | None):
        now = make_execution().created_at
        execution = make_execution(
            status=ExecutionStatus.SUSPENDED,
            waiting_kind=kind,
            waiting_for="~event/x/abc",
            wake_at=None if wake_at is None else now + wake_at,
        )

        standing = stand_of(execution, now)

        assert standing.why
        assert standing.wakes

    def test_several_things_are_listed(self):
        parts = [Wait(kind=WaitKind.SIGNAL, name="paid"), Wait(kind=WaitKind.TIMER, name="late")]
        fields = {"status": ExecutionStatus.SUSPENDED, "waiting_kind": WaitKind.SEVERAL}

        listed = describe_wait(make_execution(waiting_for=list_waits(parts), **fields))
        unknown = describe_wait(make_execution(waiting_for="|x:y|", **fields))

        assert listed == "any of: signal paid, timer late"
        assert unknown == "any of: several things"
