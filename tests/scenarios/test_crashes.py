"""Every write of a scenario is a place to die, and every run ends like the undisturbed one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy, SignalTimeoutError
from tests.scenarios.worlds import orm_only

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def act(world):
    """An action, or an undo, that leaves an entry in the ledger and returns it."""

    def act(entry):
        world.write(entry)
        return entry

    return act


@pytest.fixture
def undo(world):
    return lambda entry: world.write(f"-{entry}")


@pytest.fixture
def effects(world):
    """What was done, in order of the first time: an external effect may come twice."""
    return lambda: list(dict.fromkeys(world.entries()))


def test_an_order(driver, define, act, undo, effects):
    """C74, C84."""

    def body(ctx, number):
        ctx.step("validate", act, "validated")
        ctx.step("charge", act, "charged", compensate=undo, retry=RetryPolicy.exponential(3))
        ctx.step("reserve", act, "reserved", compensate=undo, atomic=True)
        ctx.sleep("cooling_off", DAY)
        packed = ctx.wait_signal("packed", timeout=3 * DAY)
        return [number, packed, ctx.step("ship", act, "shipped")]

    order = define(body)

    def scenario(driver):
        execution = driver.start(order, 5)
        driver.advance(hours=24)
        driver.signal(execution, "packed", {"boxes": 2})
        assert effects() == ["validated", "charged", "reserved", "shipped"]
        return execution

    assert driver.crash_everywhere(scenario, same=effects) > 20


def test_a_saga_that_fails(driver, define, act, undo, effects):
    """C43, C46, W6: what was done before the crash is undone, newest first, and only that."""

    def body(ctx):
        for name in ("flight", "hotel", "car"):
            ctx.step(name, act, name, compensate=undo)
        ctx.sleep("nap", HOUR)
        raise ValueError("no insurance")

    trip = define(body)

    def scenario(driver):
        execution = driver.start(trip)
        driver.advance(hours=1)
        assert execution.refresh().status == "failed"
        assert effects() == ["flight", "hotel", "car", "-car", "-hotel", "-flight"]
        return execution

    driver.crash_everywhere(scenario, same=effects)


def test_a_saga_whose_undo_fails_at_first(driver, define, act, world, effects):
    def undo(entry):
        if "hotel" in entry and world.entries().count("closed") < 2:
            world.write("closed")
            raise OSError("closed")
        world.write(f"-{entry}")

    def body(ctx):
        for name in ("flight", "hotel", "car"):
            ctx.step(name, act, name, compensate=undo, compensate_retry=RetryPolicy.fixed(3, HOUR))
        raise ValueError("no insurance")

    trip = define(body)

    def scenario(driver):
        execution = driver.start(trip)
        driver.advance(hours=5)
        return execution

    driver.crash_everywhere(scenario, same=effects)


def test_a_wait_that_times_out(driver, define, act, effects):
    """C59, C57."""

    def body(ctx):
        ctx.step("ask", act, "asked")
        try:
            return ctx.wait_signal("answer", timeout=DAY)
        except SignalTimeoutError:
            ctx.step("remind", act, "reminded")
        return ctx.wait_signal("answer", timeout=DAY, default="nothing")

    ask = define(body)

    def scenario(driver):
        execution = driver.start(ask)
        driver.advance(days=5)
        return execution

    driver.crash_everywhere(scenario, same=effects)


@pytest.mark.parametrize("compensate", [True, False], ids=["undone", "left"])
def test_a_cancel_in_the_middle(driver, define, act, undo, effects, compensate):
    def body(ctx):
        ctx.step("flight", act, "flight", compensate=undo)
        ctx.step("hotel", act, "hotel", compensate=undo, atomic=True)
        ctx.wait_signal("go")
        ctx.step("car", act, "car")

    trip = define(body)

    def scenario(driver):
        execution = driver.start(trip)
        driver.cancel(execution, compensate=compensate)
        driver.advance(hours=1)
        return execution

    driver.crash_everywhere(scenario, same=effects)


@orm_only
def test_atomic_steps_alone(driver, define, act, undo, world):
    """I6: exactly once, without a "first time"."""

    def body(ctx):
        for name in ("debit", "credit", "note"):
            ctx.step(name, act, name, atomic=True, compensate=undo)
        ctx.wait_signal("settle")
        raise ValueError("refused")

    transfer = define(body)

    def scenario(driver):
        execution = driver.start(transfer)
        driver.signal(execution, "settle")
        driver.advance(hours=1)
        assert world.entries() == ["debit", "credit", "note", "-note", "-credit", "-debit"]
        return execution

    driver.crash_everywhere(scenario, same=world.entries)


@pytest.mark.parametrize("atomic", [False, True], ids=["external", "atomic"])
def test_a_step_that_is_retried(driver, define, world, effects, atomic):
    """C32: the budget and the instants of the attempts are the same with and without a crash."""

    def body(ctx):
        policy = RetryPolicy.fixed(3, HOUR)
        return ctx.step("flaky", flaky, ctx.execution_id, retry=policy, atomic=atomic)

    def flaky(execution_id):
        rows = driver.store.list_checkpoints(execution_id)
        failed = [row for row in rows if row.status == "failed"]
        if len(failed) < 2:
            raise OSError(f"attempt {len(failed) + 1}")
        world.write("done")
        return len(failed) + 1

    workflow = define(body)

    def scenario(driver):
        execution = driver.start(workflow)
        driver.advance(hours=9)
        return execution

    driver.crash_everywhere(scenario, same=effects)


def test_a_step_whose_attempts_are_spent(driver, define, act, undo, effects):
    def failing():
        raise OSError("always")

    def body(ctx):
        ctx.step("reserve", act, "reserved", compensate=undo)
        ctx.step("charge", failing, retry=RetryPolicy.linear(3, HOUR))

    workflow = define(body)

    def scenario(driver):
        execution = driver.start(workflow)
        driver.advance(hours=9)
        assert "after 3 attempts" in execution.refresh().error.message
        return execution

    driver.crash_everywhere(scenario, same=effects)


def test_two_waits_of_one_name(driver, define, act, effects):
    """C66, W8c."""

    def body(ctx):
        first = ctx.wait_signal("part")
        ctx.step("note", act, f"got {first}")
        return [first, ctx.wait_signal("part")]

    workflow = define(body)

    def scenario(driver):
        execution = driver.start(workflow)
        driver.signal(execution, "part", 1)
        driver.signal(execution, "part", 2)
        driver.drain()
        return execution

    driver.crash_everywhere(scenario, same=effects)


def test_a_park_and_a_retry(driver, define, act, effects, world):
    def body(ctx):
        ctx.step("a", act, "a")
        if "mended" not in world.entries():
            raise ValueError("broken")
        return ctx.step("b", act, "b")

    workflow = define(body, on_failure="park")

    def scenario(driver):
        execution = driver.start(workflow)
        world.write("mended")
        driver.retry(execution)
        return execution

    driver.crash_everywhere(scenario, same=effects)


def test_a_run_out_of_time(driver, define, act, undo, effects):
    def body(ctx):
        ctx.step("a", act, "a", compensate=undo)
        ctx.wait_signal("go")

    workflow = define(body, ttl=DAY)

    def scenario(driver):
        execution = driver.start(workflow)
        driver.advance(days=2)
        return execution

    driver.crash_everywhere(scenario, same=effects)


def test_a_pause_in_the_middle(driver, define, act, effects):
    def body(ctx):
        ctx.step("a", act, "a")
        ctx.sleep("nap", HOUR)
        ctx.step("b", act, "b")

    workflow = define(body)

    def scenario(driver):
        execution = driver.start(workflow)
        driver.pause(execution)
        driver.advance(hours=5)
        driver.resume(execution)
        return execution

    driver.crash_everywhere(scenario, same=effects)
