"""A fork begins with another execution's outcomes and makes a step again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy
from durable_django.domain.event import CODE, Actor, ActorKind
from durable_django.exceptions import PayloadError, StepNotFoundError, UnknownWorkflowError

ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


@pytest.fixture
def forked(driver):
    """Fork an execution as `client.fork` does, and advance it."""

    def fork(origin, from_step=None, **options):
        execution = driver.engine.acts.fork(origin.id, from_step, **options)
        driver.drain()
        return driver.engine.get(execution.id)

    return fork


@pytest.fixture
def order(define, log):
    """A workflow of three steps that return their names and the total."""

    def body(ctx, total=1):
        return [ctx.step(name, log.action(name, f"{name} {total}")) for name in ("a", "b", "c")]

    return define(body)


def test_what_was_recorded_before_the_step_is_reused(driver, order, log, forked):
    origin = driver.start(order)
    log.clear()

    fork = forked(origin, "c")

    assert log == ["c"]
    assert driver.result(fork) == driver.result(origin)
    assert driver.steps(fork) == ["a", "b", "c"]


def test_without_a_step_all_of_it_runs_again(driver, order, log, forked):
    origin = driver.start(order)
    log.clear()

    forked(origin)

    assert log == ["a", "b", "c"]


def test_it_takes_over_what_it_is_found_by_but_the_key(driver, order, forked):
    options = {"key": "o-1", "tags": ("eu",), "subject": "shop.order:1", "correlation_id": "c-1"}
    origin = driver.start(order.options(priority=3, **options))

    fork = forked(origin, "b").execution

    assert (fork.key, fork.tags, fork.subject) == (None, ("eu",), "shop.order:1")
    assert (fork.correlation_id, fork.priority) == ("c-1", 3)
    assert fork.forked_from == origin.id


def test_another_input_is_used_where_steps_run_again(driver, define, forked):
    body = define(lambda ctx, total: [ctx.step("a", abs, total), ctx.step("b", abs, total)])
    origin = driver.start(body, -1)

    fork = forked(origin, "b", input={"total": -2})

    assert driver.result(fork) == [1, 2]


def test_an_input_that_does_not_fit_is_refused(driver, order):
    origin = driver.start(order)

    with pytest.raises(TypeError, match="colour"):
        driver.engine.acts.fork(origin.id, input={"colour": "red"})
    with pytest.raises(PayloadError):
        driver.engine.acts.fork(origin.id, input={"total": object()})

    assert len(driver.store.list_executions()) == 1


def test_another_version_goes_on_from_the_outcomes(driver, define, forked, log):
    name = "scenario.versions"
    old = define(lambda ctx: ctx.step("a", log.action("old", 1)), name=name, version=1)
    define(lambda ctx: [ctx.step("a", log.action("new", 2)), 3], name=name, version=2)
    origin = driver.start(old)

    kept = forked(origin, "a", version=2)

    assert (driver.result(kept), kept.execution.workflow_version) == ([2, 3], 2)


def test_a_step_that_failed_for_good_runs_again_with_a_fresh_budget(driver, define, log, forked):
    attempts = []

    def flaky():
        attempts.append(1)
        if len(attempts) < 4:
            raise OSError("down")
        return "up"

    def body(ctx):
        ctx.step("a", log.action("a"))
        return ctx.step("b", flaky, retry=RetryPolicy.fixed(2, timedelta(0)))

    origin = driver.start(define(body))
    assert origin.status == "failed"

    fork = forked(origin, "b")

    assert (driver.result(fork), len(attempts), log) == ("up", 4, ["a"])


def test_what_was_undone_is_done_again(driver, define, log, forked):
    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        if len(log) < 3:
            ctx.step("fail", lambda: 1 / 0)
        return "done"

    origin = driver.start(define(body))
    assert log == ["a", "-a"]

    plan = driver.engine.acts.plan_fork(origin.id, "fail")
    fork = forked(origin, "fail")

    assert (plan.reused, plan.again) == ((), ("a", "fail"))
    assert log[2:] == ["a"]
    assert driver.result(fork) == "done"


def test_a_signal_that_was_consumed_is_not_waited_for_again(driver, define, forked):
    body = define(lambda ctx: [ctx.wait_signal("paid"), ctx.step("ship", str, "x")])
    origin = driver.start(body)
    driver.signal(origin, "paid", 7)

    fork = forked(origin, "ship")

    assert driver.result(fork) == [7, "x"]


def test_what_the_plan_says_is_what_happens(driver, order, log, forked):
    origin = driver.start(order)
    plan = driver.engine.acts.plan_fork(origin.id, "b")
    log.clear()

    forked(origin, "b")

    assert plan.reused == ("a",)
    assert (plan.again, tuple(log)) == (("b", "c"), ("b", "c"))


def test_an_unknown_step_or_version_is_refused_and_named(driver, order):
    origin = driver.start(order)

    with pytest.raises(StepNotFoundError, match=r"'d'.*a, b, c"):
        driver.engine.acts.fork(origin.id, "d")
    with pytest.raises(UnknownWorkflowError, match="version 9"):
        driver.engine.acts.plan_fork(origin.id, "b", version=9)


def test_both_executions_tell_of_it(driver, order, forked):
    origin = driver.start(order)

    fork = forked(origin, "b", reason="wrong price", by=ALICE)

    [told] = driver.store.list_events(origin.id, after=0, limit=9)
    [told_too] = driver.store.list_events(fork.id, after=0, limit=9)
    assert (told.type, told.actor, told.reason) == ("forked", ALICE, "wrong price")
    assert told.details == {"step": "b", "version": 1, "fork": str(fork.id)}
    assert told_too.details == {"step": "b", "version": 1, "origin": str(origin.id)}


def test_a_fork_of_a_fork_reuses_what_the_fork_reused(driver, order, log, forked):
    first = forked(driver.start(order), "b")
    log.clear()

    second = forked(first, "c")

    assert log == ["c"]
    assert second.execution.epoch > first.execution.epoch


def test_nobody_in_particular_is_told_of_as_the_code(driver, order, forked):
    origin = driver.start(order)

    forked(origin)

    assert driver.store.list_events(origin.id, after=0, limit=9)[0].actor == CODE
