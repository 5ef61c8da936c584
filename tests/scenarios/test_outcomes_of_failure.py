"""What stands at the end of a failing step: a fallback, or a timeout."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import (
    RetryPolicy,
    StepTimeoutError,
)

MINUTE = timedelta(minutes=1)


class TestFallback:
    @pytest.mark.parametrize("fallback", [None, 0, False, [], {"a": 1}], ids=repr)
    def test_it_stands_in_for_a_failure_live_and_on_replay(self, driver, define, flaky, fallback):
        seen = []

        def body(ctx):
            seen.append(ctx.step("call", flaky(9), fallback=fallback))
            ctx.sleep("nap", MINUTE)

        execution = driver.start(define(body))
        driver.advance(minutes=1)

        assert seen == [fallback, fallback]
        assert execution.refresh().status == "completed"
        assert driver.checkpoints(execution)[0].status == "failed"

    def test_one_that_cannot_be_stored_is_refused_before_anything_runs(
        self, driver, define, flaky, log
    ):
        execution = driver.start(define(lambda ctx: ctx.step("call", flaky(9), fallback=object())))

        assert execution.error.type == "PayloadError"
        assert "Fallback of step 'call'" in execution.error.message
        assert log == []


class TestTimeout:
    def test_a_late_action_fails_its_attempt(self, driver, define):
        def slow():
            driver.clock.advance(minutes=2)

        def body(ctx):
            with pytest.raises(StepTimeoutError, match="did not end within 60 s"):
                ctx.step("call", slow, timeout=MINUTE)

        assert driver.start(define(body)).status == "completed"

    def test_a_late_attempt_may_be_tried_again(self, driver, define, log):
        def slow_once():
            log.append("call")
            driver.clock.advance(minutes=2 if len(log) == 1 else 0)
            return "done"

        policy = RetryPolicy.fixed(2, MINUTE)
        execution = driver.start(
            define(lambda ctx: ctx.step("call", slow_once, timeout=MINUTE, retry=policy))
        )
        driver.advance(hours=1)

        assert driver.result(execution) == "done"
