"""`retry` of an execution: what failed is done again, what was completed is kept."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from durable_django import RetryPolicy, SignalTimeoutError, StepFailedError
from durable_django.exceptions import ExecutionNotFoundError, InvalidTransitionError

HOUR = timedelta(hours=1)


@pytest.fixture
def broken():
    """Names of the steps that fail."""
    return {"last"}


@pytest.fixture
def act(log, broken):
    def act(name):
        log.append(name)
        if name in broken:
            raise OSError(name)
        return name

    return act


def test_completed_steps_are_kept(driver, define, act, log, broken):
    def body(ctx):
        ctx.step("first", act, "first")
        return ctx.step("last", act, "last")

    execution = driver.start(define(body))
    broken.clear()
    driver.retry(execution)

    assert driver.result(execution) == "last"
    assert log == ["first", "last", "last"]
    assert [(c.key, c.attempt, c.epoch) for c in driver.checkpoints(execution)] == [
        ("first", 1, 0),
        ("last", 1, 0),
        ("last", 2, 1),
    ]


def test_a_fresh_budget_of_attempts_is_given(driver, define, act, log):
    policy = RetryPolicy.fixed(2, timedelta(0))
    execution = driver.start(define(lambda ctx: ctx.step("last", act, "last", retry=policy)))
    driver.retry(execution)

    assert log == ["last"] * 4
    assert execution.status == "failed"
    assert "after 2 attempts" in execution.error.message


def test_what_led_on_from_the_failure_may_differ(driver, define, act, broken):
    """A failure that was reported before it was raised again: the report is no drift."""

    def body(ctx):
        try:
            ctx.step("charge", act, "charge")
        except StepFailedError:
            ctx.step("notify", act, "notify")
            raise
        ctx.sleep("cool off", HOUR)
        return ctx.step("ship", act, "ship")

    broken.add("charge")
    execution = driver.start(define(body))
    broken.clear()
    driver.retry(execution)
    driver.advance(hours=1)

    assert driver.result(execution) == "ship"


def test_a_timed_out_wait_waits_afresh(driver, define):
    def body(ctx):
        return ctx.wait_signal("packed", timeout=HOUR)

    execution = driver.start(define(body))
    driver.advance(hours=1)
    failed = execution.refresh().error.type
    driver.retry(execution)
    driver.signal(execution, "packed", 3)

    assert failed == SignalTimeoutError.__name__
    assert driver.result(execution) == 3


def test_an_expiry_in_the_past_is_forgiven(driver, define):
    workflow = define(lambda ctx: ctx.wait_signal("go"), ttl=HOUR)
    execution = driver.start(workflow)
    driver.advance(hours=2)
    driver.retry(execution)
    driver.signal(execution, "go", 1)

    assert driver.result(execution) == 1


@pytest.mark.parametrize("act", ["retry", "resume"])
def test_a_completed_execution_cannot_be_moved(driver, define, act):
    execution = driver.start(define(lambda _: None))

    with pytest.raises(InvalidTransitionError, match="COMPLETED"):
        getattr(driver, act)(execution)


def test_a_cancelled_execution_cannot_be_retried(driver, define):
    execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))
    driver.cancel(execution)

    with pytest.raises(InvalidTransitionError, match="CANCELLED"):
        driver.retry(execution)


@pytest.mark.parametrize("act", ["retry", "resume", "pause", "cancel"])
def test_an_unknown_execution_cannot_be_moved(driver, act):
    """C44."""
    with pytest.raises(ExecutionNotFoundError):
        getattr(driver, act)(uuid4())


class TestPause:
    def test_a_waiting_execution_is_paused_at_once(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))

        driver.pause(execution)
        driver.advance(hours=2)

        assert execution.refresh().status == "paused"
        assert execution.execution.wake_at is None

    def test_what_fell_due_meanwhile_passes_at_the_resume(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))
        driver.pause(execution)
        driver.advance(hours=2)

        driver.resume(execution)

        assert execution.status == "completed"

    def test_a_sleep_goes_on_to_its_first_end(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))
        driver.advance(minutes=30)
        driver.pause(execution)
        driver.resume(execution)

        driver.advance(minutes=29)
        before = execution.refresh().status
        driver.advance(minutes=1)

        assert (before, execution.refresh().status) == ("suspended", "completed")

    def test_a_running_execution_is_paused_at_its_next_durable_call(self, driver, define, log):
        def body(ctx):
            ctx.step("a", lambda: driver.engine.pause(ctx.execution_id))
            ctx.step("b", log.action("b"))

        execution = driver.start(define(body))
        paused = (execution.status, driver.steps(execution), list(log))
        driver.resume(execution)

        assert paused == ("paused", ["a"], [])
        assert execution.status == "completed"

    def test_a_pause_in_the_last_step_is_heeded_before_the_end(self, driver, define):
        def body(ctx):
            return ctx.step("a", lambda: driver.engine.pause(ctx.execution_id))

        execution = driver.start(define(body))
        paused = execution.status
        driver.resume(execution)

        assert (paused, execution.status) == ("paused", "completed")

    def test_a_signal_to_a_paused_execution_waits_in_its_mailbox(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))
        driver.pause(execution)
        driver.signal(execution, "go", 5)
        paused = execution.status
        driver.resume(execution)

        assert paused == "paused"
        assert driver.result(execution) == 5

    def test_pausing_twice_is_once(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))

        assert driver.engine.pause(execution.id) is True
        assert driver.engine.pause(execution.id) is False
