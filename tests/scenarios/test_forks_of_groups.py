"""A fork of an execution with groups, maps and children: groups are made again as a whole."""

from __future__ import annotations

import pytest

from durable_django.engine.awaitables import Signal
from durable_django.exceptions import StepNotFoundError


@pytest.fixture
def forked(driver):
    def fork(origin, from_step=None):
        execution = driver.engine.acts.fork(origin.id, from_step)
        driver.drain()
        return driver.engine.get(execution.id)

    return fork


@pytest.fixture
def order(define, log):
    """A step, a group of three with a branch that is a body of its own, and a step."""

    def pack(ctx):
        ctx.step("box", log.action("box"))
        return ctx.step("tape", log.action("tape"))

    def body(ctx):
        ctx.step("validate", log.action("validate"))
        with ctx.parallel("prepare") as p:
            p.step("stock", log.action("stock"))
            p.step("invoice", log.action("invoice"))
            p.branch("pack", pack)
        return ctx.step("ship", log.action("ship", "shipped"))

    return define(body)


@pytest.mark.parametrize(
    ("from_step", "again"),
    [
        pytest.param("ship", {"ship"}, id="after"),
        pytest.param("prepare", {"stock", "invoice", "box", "tape", "ship"}, id="at"),
        pytest.param("prepare/stock", {"stock", "invoice", "box", "tape", "ship"}, id="inside"),
        pytest.param(
            "prepare/pack/tape", {"stock", "invoice", "box", "tape", "ship"}, id="deep_inside"
        ),
        pytest.param(
            "validate", {"validate", "stock", "invoice", "box", "tape", "ship"}, id="before"
        ),
    ],
)
def test_a_group_is_reused_or_made_again_as_a_whole(driver, order, log, forked, from_step, again):
    origin = driver.start(order)
    log.clear()

    fork = forked(origin, from_step)

    assert (set(log), len(log)) == (again, len(again))
    assert driver.result(fork) == "shipped"


@pytest.mark.parametrize(
    ("from_step", "group"),
    [("prepare/stock", "prepare"), ("prepare/pack/tape", "prepare"), ("prepare", ""), (None, "")],
)
def test_the_plan_says_which_group_is_made_again_as_a_whole(driver, order, from_step, group):
    origin = driver.start(order)

    plan = driver.engine.acts.plan_fork(origin.id, from_step)

    assert plan.group == group
    in_group = {"prepare", "prepare/stock", "prepare/invoice", "prepare/pack/box"}
    assert in_group <= set(plan.again)
    assert plan.reused == (("validate",) if from_step else ())


def test_the_items_of_a_map_before_the_step_are_reused_and_not_listed(driver, define, log, forked):
    def body(ctx):
        results = ctx.map("load", lambda n: log.append(n) or n * 2, list(range(250)))
        return ctx.step("sum", sum, list(results))

    origin = driver.start(define(body))
    log.clear()

    plan = driver.engine.acts.plan_fork(origin.id, "sum")
    fork = forked(origin, "sum")

    assert (plan.reused, plan.again) == (("load",), ("sum",))
    assert driver.result(fork) == driver.result(origin) == 62_250
    assert log == []


def test_from_a_map_all_of_its_items_run_again(driver, define, log, forked):
    def body(ctx):
        return sum(ctx.map("load", lambda n: log.append(n) or n, [1, 2, 3]))

    origin = driver.start(define(body))
    log.clear()

    assert driver.result(forked(origin, "load")) == 6
    assert sorted(log) == [1, 2, 3]


def test_an_item_is_no_call_to_fork_from(driver, define):
    origin = driver.start(define(lambda ctx: list(ctx.map("load", abs, [1, 2]))))

    with pytest.raises(StepNotFoundError, match="load"):
        driver.engine.acts.plan_fork(origin.id, "load/1")


def test_a_map_of_children_before_the_step_is_reused_without_children(driver, define, log, forked):
    double = define(lambda ctx, n: ctx.step("double", lambda: log.append(n) or 2 * n))

    def body(ctx):
        return ctx.step("sum", sum, list(ctx.map("load", double, [1, 2, 3])))

    origin = driver.start(define(body))
    log.clear()

    fork = forked(origin, "sum")

    assert (driver.result(fork), log) == (12, [])
    assert driver.store.list_children(fork.id) == []


def test_from_a_child_another_child_is_started(driver, define, log, forked):
    charge = define(lambda ctx: ctx.step("charge", log.action("charge", 42)))
    origin = driver.start(define(lambda ctx: ctx.child("pay", charge)))
    log.clear()

    fork = forked(origin, "pay")

    [first], [second] = (driver.store.list_children(one.id) for one in (origin, fork))
    assert (driver.result(fork), log) == (42, ["charge"])
    assert first.id != second.id


def test_a_fork_of_a_child_is_nobody_s_child(driver, define, forked):
    charge = define(lambda ctx: ctx.step("charge", int))
    origin = driver.start(define(lambda ctx: ctx.child("pay", charge)))
    [child] = driver.store.list_children(origin.id)

    fork = forked(child)

    assert (fork.execution.parent_id, fork.execution.depth) == (None, 0)


def test_what_a_race_decided_is_reused(driver, define, log, forked):
    def body(ctx):
        winner = ctx.race("first", paid=Signal("paid"), refused=Signal("refused"))
        ctx.step("note", log.action(winner[0]))
        return list(winner)

    origin = driver.start(define(body))
    driver.signal(origin, "refused", "no money")
    log.clear()

    fork = forked(origin, "note")

    assert (driver.result(fork), log) == (["refused", "no money"], ["refused"])
