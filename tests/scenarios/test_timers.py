from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from durable_django.testing.crash import SimulatedCrash
from durable_django.testing.driver import LEASE

HOUR = timedelta(hours=1)


def timers(driver, execution):
    return {timer.key: str(timer.status) for timer in driver.store.list_timers(execution.id)}


def test_a_sleep_suspends_and_registers_a_timer(driver, define):
    """C47, C54."""
    now = driver.clock.now()
    execution = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))

    facts = execution.execution
    assert (facts.status, facts.waiting_kind, facts.waiting_for) == ("suspended", "timer", "nap")
    assert facts.wake_at == now + HOUR
    assert timers(driver, execution) == {"nap": "pending"}


def test_it_ends_when_its_time_has_come_and_not_before(driver, define):
    """C48, C52."""
    execution = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))

    driver.advance(HOUR - timedelta(microseconds=1))
    before = execution.refresh().status
    driver.advance(timedelta(microseconds=1))

    assert (before, execution.refresh().status) == ("suspended", "completed")
    assert timers(driver, execution) == {"nap": "fired"}


def test_sleeps_follow_one_another(driver, define, log):
    """C49."""

    def body(ctx):
        for name in ("one", "two", "three"):
            ctx.sleep(name, HOUR)
            ctx.step("note", lambda: log.append(driver.clock.now()))

    begun = driver.clock.now()
    driver.start(define(body))
    driver.advance(hours=10)

    assert log == [begun + HOUR, begun + 2 * HOUR, begun + 3 * HOUR]


def test_timers_of_many_executions_fire_in_due_order(driver, define, log):
    """C53."""

    def body(ctx, hours):
        ctx.sleep("nap", hours * HOUR)
        ctx.step("note", log.append, hours)

    nap = define(body)
    for hours in (3, 1, 2):
        driver.start(nap, hours)
    driver.advance(hours=5)

    assert log == [1, 2, 3]


def test_one_that_fell_due_while_nobody_worked_fires_at_once_after(driver, define):
    """C51."""
    execution = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))
    driver.restart()
    driver.clock.advance(days=3)

    driver.drain()

    assert execution.refresh().status == "completed"


def test_a_restart_does_not_lengthen_it(driver, define, log):
    """C57, W2."""

    def body(ctx):
        ctx.sleep("nap", HOUR)
        ctx.step("note", lambda: log.append(driver.clock.now()))

    begun = driver.clock.now()
    driver.start(define(body))
    driver.advance(minutes=40)
    driver.restart()
    driver.advance(hours=2)

    assert log == [begun + HOUR]


def test_one_that_is_over_is_not_slept_again(driver, define):
    """C57, W2."""

    def body(ctx):
        ctx.sleep("nap", HOUR)
        if not driver.crashes:
            raise SimulatedCrash
        return "awake"

    execution = driver.start(define(body))
    begun = driver.clock.now()
    driver.advance(hours=1)

    assert driver.result(execution) == "awake"
    assert driver.clock.now() == begun + HOUR + LEASE


@pytest.mark.parametrize("duration", [timedelta(0), timedelta(microseconds=1)], ids=str)
def test_the_shortest_sleep_is_a_checkpoint_too(driver, define, duration):
    execution = driver.start(define(lambda ctx: ctx.sleep("nap", duration)))
    driver.advance(seconds=1)

    assert execution.refresh().status == "completed"
    assert driver.steps(execution) == ["nap"]


def test_a_negative_sleep_is_refused(driver, define):
    execution = driver.start(define(lambda ctx: ctx.sleep("nap", -HOUR)))

    assert execution.error.type == "DefinitionError"


def test_sleep_until_ends_at_the_instant(driver, define):
    instant = driver.clock.now() + 5 * HOUR
    execution = driver.start(define(lambda ctx: ctx.sleep_until("dawn", instant)))

    assert execution.execution.wake_at == instant
    driver.advance(hours=5)
    assert execution.refresh().status == "completed"


def test_sleep_until_the_past_ends_at_once(driver, define):
    past = datetime(2020, 1, 1, tzinfo=UTC)
    execution = driver.start(define(lambda ctx: ctx.sleep_until("dawn", past)))

    assert execution.status == "completed"


def test_sleep_until_a_naive_instant_is_refused(driver, define):
    naive = datetime(2030, 1, 1)  # noqa: DTZ001 -- the point
    execution = driver.start(define(lambda ctx: ctx.sleep_until("dawn", naive)))

    assert execution.error.type == "DefinitionError"


def test_the_instant_is_fixed_when_the_sleep_is_first_reached(driver, define):
    begun = driver.clock.now()
    execution = driver.start(define(lambda ctx: ctx.sleep_until("dawn", driver.clock.now() + HOUR)))
    driver.advance(minutes=30)
    driver.pause(execution)
    driver.resume(execution)

    assert execution.execution.wake_at == begun + HOUR


def test_a_cancel_cancels_the_timer(driver, define):
    """C50."""
    execution = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))

    driver.cancel(execution)

    assert execution.status == "cancelled"
    assert timers(driver, execution) == {"nap": "cancelled"}


def test_a_sleep_before_a_wait_is_not_woken_by_its_signal(driver, define):
    """C56."""

    def body(ctx):
        ctx.sleep("nap", HOUR)
        return ctx.wait_signal("go")

    execution = driver.start(define(body))
    driver.signal(execution, "go", 1)
    before = (execution.status, execution.execution.waiting_kind)
    driver.advance(hours=1)

    assert before == ("suspended", "timer")
    assert driver.result(execution) == 1


def test_a_hundred_sleepers_are_all_woken(driver, define):
    """C55."""
    nap = define(lambda ctx: ctx.sleep("nap", HOUR))
    executions = nap.options().start_many([()] * 100)
    driver.drain()

    driver.advance(hours=1)

    assert {e.refresh().status for e in executions} == {"completed"}
