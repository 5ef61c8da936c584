"""Counts of the items of maps: exact, by one statement or two, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from durable_django.control.items import ItemCount, count_items
from durable_django.domain.checkpoint import Checkpoint
from durable_django.engine.registry import default_registry
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import Terminal
from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.runtime import engine
from durable_django.testing.driver import DurableDriver

pytestmark = pytest.mark.django_db


@pytest.fixture
def define() -> Iterator[Any]:
    names: list[str] = []

    def define(body: Any) -> Any:
        names.append(f"counted.{len(names)}")
        return workflow(name=names[-1])(body)

    yield define
    for name in names:
        default_registry.forget(name)


def load(number: int) -> int:
    """Load one, unless it is a third one."""
    if number % 3 == 2:
        raise Terminal(f"no. {number}")
    return number


def unload(_: int) -> None:
    """Undo it."""


def count(execution: Any) -> dict[str, ItemCount]:
    return count_items(execution.id, _calls(execution))


def _calls(execution: Any) -> list[Checkpoint]:
    return engine().store.list_calls(execution.id)


def test_what_became_of_items_is_counted(durable: DurableDriver, define: Any) -> None:
    body = define(lambda ctx: len(ctx.map("load", load, list(range(9)), tolerate=3)))

    counted = count(durable.start(body))

    assert counted == {"load": ItemCount(total=9, completed=6, failed=3)}
    assert counted["load"].say() == "6 of 9 done, 3 failed"


def test_one_that_is_tried_again_is_open_and_counted_once(
    durable: DurableDriver, define: Any
) -> None:
    body = define(lambda ctx: ctx.map("load", load, [1, 2]))
    execution = durable.start(body)
    durable.engine.acts.retry(execution.id)

    assert count(execution)["load"] == ItemCount(total=2, completed=1, open=1)

    durable.drain()

    assert count(execution)["load"] == ItemCount(total=2, completed=1, failed=1)


def test_undone_items_are_told_from_those_that_can_be_undone(
    durable: DurableDriver, define: Any
) -> None:
    def body(ctx):
        ctx.map("load", load, [0, 1, 3], compensate=unload)
        ctx.wait_signal("go")
        raise ValueError

    execution = durable.start(define(body))
    before = count(execution)["load"]
    durable.signal(execution, "go")
    after = count(execution)["load"]

    assert before == ItemCount(total=3, completed=3, to_undo=3)
    assert after == ItemCount(total=3, undone=3)
    assert after.say() == "3 of 3 done, 3 undone"


def test_maps_of_one_name_are_told_apart(durable: DurableDriver, define: Any) -> None:
    def body(ctx):
        ctx.map("load", load, [0, 1])
        ctx.map("load", load, [3])
        with ctx.parallel("both") as p:
            for name in ("a", "A"):
                p.branch(name, lambda ctx, n: ctx.map("load", load, range(n)), len(name) + 1)

    counted = count(durable.start(define(body)))

    totals = {key: (one.total, one.completed) for key, one in counted.items()}
    assert totals == {
        "load": (2, 2),
        "load#2": (1, 1),
        "both/a/load": (2, 2),
        "both/A/load": (2, 2),
    }


def test_children_count_until_their_results_are_the_parent_s(
    durable: DurableDriver, define: Any
) -> None:
    child = define(lambda ctx, n: ctx.wait_signal("go") if n else load(2))
    parent = define(lambda ctx: ctx.map("each", child, [0, 1, 2], tolerate=1) and None)
    execution = durable.start(parent)

    counted = count(execution)["each"]

    assert counted == ItemCount(total=3, failed=1, open=2, are_children=True)

    for one in engine().store.list_children(execution.id, open_only=True):
        durable.signal(one.id, "go")
    WorkflowExecution.objects.filter(parent_id=execution.id).delete()

    assert count(execution)["each"] == ItemCount(total=3, completed=2, failed=1)


def test_items_of_another_execution_do_not_count(durable: DurableDriver, define: Any) -> None:
    body = define(lambda ctx, n: len(ctx.map("load", abs, list(range(n)))))
    few, _many = durable.start(body, 2), durable.start(body, 30)

    assert count(few)["load"].completed == 2


@pytest.mark.parametrize("number", [1, 200])
def test_it_asks_once_for_items_and_once_more_for_children(
    durable: DurableDriver,
    define: Any,
    django_assert_num_queries: DjangoAssertNumQueries,
    number: int,
) -> None:
    child = define(lambda ctx, n: ctx.wait_signal("go"))
    maps = define(lambda ctx, n: [ctx.map(m, abs, list(range(n))) for m in ("a", "b")] and None)
    parents = define(lambda ctx, n: ctx.map("each", child, list(range(n))))
    plain = define(lambda ctx, n: ctx.step("a", abs, n))

    for body, asked in ((maps, 1), (parents, 2), (plain, 0)):
        execution = durable.start(body, number)
        calls = _calls(execution)
        with django_assert_num_queries(asked):
            count_items(execution.id, calls)


def test_what_is_written_by_hand_is_counted_as_far_as_it_can_be(
    durable: DurableDriver, define: Any
) -> None:
    execution = durable.start(define(lambda ctx: len(ctx.map("load", abs, [1, 2]))))
    rows = StepCheckpoint.objects.filter(execution_id=execution.id)
    rows.filter(kind="map").update(input_digest="items:x")
    rows.filter(key="load/2").update(key="no slash")

    assert count(execution) == {"load": ItemCount(completed=1)}
    assert count(execution)["load"].say() == "1 done"
