from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from durable_django import (
    RetryAfter,
    RetryPolicy,
    StepFailedError,
    Terminal,
    current_step,
)
from durable_django.testing.crash import SimulatedCrash

MINUTE = timedelta(minutes=1)


def gaps(log):
    return [(after - before) / MINUTE for before, after in pairwise(log)]


def test_a_step_is_tried_once_without_a_policy(driver, define, flaky, log):
    """C26."""
    execution = driver.start(define(lambda ctx: ctx.step("call", flaky(1))))

    assert execution.status == "failed"
    assert len(log) == 1


def test_attempts_end_with_max_attempts_the_first_included(driver, define, flaky, log):
    """C26, C29, C30."""
    policy = RetryPolicy.fixed(3, MINUTE)
    execution = driver.start(define(lambda ctx: ctx.step("call", flaky(9), retry=policy)))

    driver.advance(hours=1)

    assert len(log) == 3
    assert execution.refresh().status == "failed"
    assert execution.error.type == "StepFailedError"
    assert "failed after 3 attempts: OSError: no. 3" in execution.error.message


def test_success_on_a_later_attempt_is_success(driver, define, flaky):
    """C29."""
    policy = RetryPolicy.fixed(3, MINUTE)
    execution = driver.start(define(lambda ctx: ctx.step("call", flaky(2), retry=policy)))

    driver.advance(hours=1)

    assert driver.result(execution) == 3


def test_the_body_is_told_of_the_last_error(driver, define, flaky):
    def body(ctx):
        with pytest.raises(StepFailedError) as caught:
            ctx.step("call", flaky(9), retry=RetryPolicy.fixed(2, timedelta(0)))
        error = caught.value
        return [error.step, error.error_type, error.message, error.attempts]

    assert driver.result(driver.start(define(body))) == ["call", "OSError", "no. 2", 2]


def test_a_failure_is_the_same_live_and_on_replay(driver, define, flaky):
    seen = []

    def body(ctx):
        try:
            ctx.step("call", flaky(9))
        except StepFailedError as error:
            seen.append((str(error), error.step, error.error_type, error.attempts))
        ctx.sleep("nap", MINUTE)

    driver.start(define(body))
    driver.advance(minutes=1)

    assert len(seen) == 2
    assert seen[0] == seen[1]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(RetryPolicy.fixed(4, MINUTE), [1, 1, 1], id="fixed"),
        pytest.param(RetryPolicy.linear(4, MINUTE), [1, 2, 3], id="linear"),
        pytest.param(RetryPolicy.exponential(4, MINUTE, jitter=0), [1, 2, 4], id="exponential"),
        pytest.param(
            RetryPolicy.exponential(4, MINUTE, max_delay=3 * MINUTE, jitter=0),
            [1, 2, 3],
            id="capped",
        ),
    ],
)
def test_the_worker_is_free_between_attempts(driver, define, flaky, log, policy, expected):
    """C27."""
    execution = driver.start(define(lambda ctx: ctx.step("call", flaky(9), retry=policy)))
    between = execution.execution
    driver.advance(hours=1)

    assert (between.status, between.waiting_kind, between.waiting_for) == (
        "suspended",
        "retry",
        "call",
    )
    assert gaps(log) == expected


def test_there_is_one_row_per_attempt(driver, define, flaky):
    """C31."""
    policy = RetryPolicy.fixed(3, MINUTE)
    execution = driver.start(define(lambda ctx: ctx.step("call", flaky(2), retry=policy)))
    driver.advance(hours=1)

    rows = driver.checkpoints(execution)

    assert [(r.attempt, r.status, r.is_final) for r in rows] == [
        (1, "failed", False),
        (2, "failed", False),
        (3, "completed", False),
    ]
    assert "no. 1" in rows[0].error
    assert "no. 2" in rows[1].error


def test_the_budget_outlives_a_crash(driver, define, flaky, log):
    """C32: with 2 of 3 attempts failed before the crash, one is left."""
    policy = RetryPolicy.fixed(3, MINUTE)
    execution = driver.start(define(lambda ctx: ctx.step("call", flaky(9), retry=policy)))
    driver.advance(minutes=1)
    assert len(log) == 2

    driver.restart()
    driver.advance(hours=1)

    assert len(log) == 3
    assert execution.refresh().status == "failed"


def test_a_crash_in_an_attempt_costs_no_attempt(driver, define, log):
    def crashing():
        log.append(current_step().attempt)
        if len(log) == 2:
            raise SimulatedCrash
        if len(log) <= 3:
            raise OSError
        return "done"

    policy = RetryPolicy.fixed(3, MINUTE)
    execution = driver.start(define(lambda ctx: ctx.step("call", crashing, retry=policy)))
    driver.advance(hours=1)

    assert driver.result(execution) == "done"
    assert log == [1, 2, 2, 3]


def test_retry_and_resume_before_the_time_does_not_hurry_an_attempt(driver, define, flaky, log):
    policy = RetryPolicy.fixed(2, 60 * MINUTE)
    execution = driver.start(define(lambda ctx: ctx.step("call", flaky(1), retry=policy)))

    driver.pause(execution)
    driver.resume(execution)
    assert len(log) == 1
    driver.advance(hours=1)

    assert driver.result(execution) == 2
    assert gaps(log) == [60]


def test_the_idempotency_key_is_constant_over_attempts_and_crashes(driver, define, log):
    def act():
        log.append(current_step().idempotency_key)
        if len(log) == 1:
            raise OSError
        if len(log) == 2:
            raise SimulatedCrash

    def body(ctx):
        ctx.step("pay", act, retry=RetryPolicy.fixed(3, MINUTE))
        ctx.step("other", lambda: log.append(ctx.idempotency_key))

    driver.start(define(body))
    driver.advance(hours=1)

    assert len(log) == 4
    assert len(set(log[:3])) == 1
    assert log[3] != log[0]


class TestErrorsThatDecide:
    def test_terminal_is_not_tried_again(self, driver, define, flaky, log):
        policy = RetryPolicy.fixed(3, MINUTE)
        action = flaky(9, Terminal)
        execution = driver.start(define(lambda ctx: ctx.step("call", action, retry=policy)))

        assert execution.status == "failed"
        assert len(log) == 1

    def test_give_up_on_and_retry_on_decide_by_class(self, driver, define, flaky, log):
        policy = RetryPolicy.fixed(3, MINUTE, retry_on=(OSError,), give_up_on=(FileNotFoundError,))
        action = flaky(9, FileNotFoundError)
        execution = driver.start(define(lambda ctx: ctx.step("call", action, retry=policy)))

        assert execution.status == "failed"
        assert len(log) == 1

    def test_retry_after_names_the_delay(self, driver, define, log):
        def busy():
            log.append(driver.clock.now())
            if len(log) == 1:
                raise RetryAfter(600)
            return "done"

        policy = RetryPolicy.fixed(2, MINUTE)
        execution = driver.start(define(lambda ctx: ctx.step("call", busy, retry=policy)))
        driver.advance(hours=1)

        assert driver.result(execution) == "done"
        assert gaps(log) == [10]

    def test_retry_after_does_not_add_attempts(self, driver, define, flaky):
        execution = driver.start(define(lambda ctx: ctx.step("call", flaky(9, RetryAfter_30))))

        assert execution.status == "failed"

    def test_a_cancelled_coroutine_fails_its_step(self, driver, define):
        async def cancelled():
            raise asyncio.CancelledError

        execution = driver.start(define(lambda ctx: ctx.step("call", cancelled)))

        assert execution.status == "failed"
        assert driver.crashes == 0


def RetryAfter_30(message):  # noqa: N802 -- stands in for a class of errors
    return RetryAfter(30, message)
