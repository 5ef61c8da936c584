"""A cancel that was accepted never ends COMPLETED, whenever it came."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy
from durable_django.exceptions import InvalidTransitionError
from durable_django.testing.crash import SimulatedCrash

HOUR = timedelta(hours=1)


class TestWhen:
    def test_pending(self, driver, define, log):
        execution = define(lambda ctx: ctx.step("a", log.action("a"))).start()
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert log == []

    def test_scheduled_for_later(self, driver, define):
        later = driver.clock.now() + HOUR
        execution = define(lambda _: None).options(start_at=later).start()
        driver.cancel(execution)

        assert execution.status == "cancelled"

    @pytest.mark.parametrize("wait", ["sleep", "signal", "signal with timeout", "retry"])
    def test_suspended(self, driver, define, log, wait):
        def failing():
            raise OSError

        def body(ctx):
            ctx.step("a", log.action("a"), compensate=log.action("-a"))
            if wait == "sleep":
                ctx.sleep("nap", HOUR)
            elif wait == "retry":
                ctx.step("flaky", failing, retry=RetryPolicy.fixed(2, HOUR))
            else:
                ctx.wait_signal("go", timeout=HOUR if "timeout" in wait else None)
            ctx.step("b", log.action("b"))

        execution = driver.start(define(body))
        driver.cancel(execution, "changed my mind")
        driver.advance(hours=5)

        assert execution.refresh().status == "cancelled"
        assert execution.execution.cancel_reason == "changed my mind"
        assert log == ["a", "-a"]

    def test_paused(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))
        driver.pause(execution)
        driver.cancel(execution)

        assert execution.status == "cancelled"

    def test_parked(self, driver, define, log):
        def body(ctx):
            ctx.step("a", log.action("a"), compensate=log.action("-a"))
            raise ValueError

        execution = driver.start(define(body, on_failure="park"))
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert log == ["a", "-a"]

    def test_before_the_next_step(self, driver, define, log):
        """C23."""

        def body(ctx):
            ctx.step("a", log.action("a"))
            driver.engine.cancel(ctx.execution_id)
            ctx.step("b", log.action("b"))

        execution = driver.start(define(body))

        assert execution.status == "cancelled"
        assert log == ["a"]

    def test_during_an_external_step_which_is_recorded_and_then_undone(self, driver, define, log):
        def act(execution_id):
            driver.engine.cancel(execution_id)
            return 7

        def body(ctx):
            ctx.step("a", act, ctx.execution_id, compensate=log.append)
            ctx.step("b", log.action("b"))

        execution = driver.start(define(body))

        assert execution.status == "cancelled"
        assert log == [7]
        assert {c.key: str(c.status) for c in driver.checkpoints(execution)} == {
            "a": "compensated",
            "~undo/a": "completed",
        }

    def test_during_the_last_step(self, driver, define):
        """C23, W3."""

        def body(ctx):
            ctx.step("a", driver.engine.cancel, ctx.execution_id)
            return "done"

        assert driver.start(define(body)).status == "cancelled"

    def test_after_the_last_step_and_before_the_end(self, driver, define):
        """W3."""

        def body(ctx):
            ctx.step("a", lambda: 1)
            driver.engine.cancel(ctx.execution_id)
            return "done"

        execution = driver.start(define(body))

        assert execution.status == "cancelled"
        assert execution.execution.output is None

    def test_during_a_failing_step(self, driver, define, log):
        def act(execution_id):
            log.append("try")
            driver.engine.cancel(execution_id)
            raise OSError

        policy = RetryPolicy.fixed(3, HOUR)
        execution = driver.start(
            define(lambda ctx: ctx.step("a", act, ctx.execution_id, retry=policy))
        )
        driver.advance(hours=5)

        assert execution.refresh().status == "cancelled"
        assert log == ["try"]

    def test_while_the_worker_is_down(self, driver, define, log):
        def act():
            log.append("try")
            if not driver.crashes:
                driver.engine.cancel(execution.id)
                raise SimulatedCrash

        execution = define(lambda ctx: ctx.step("a", act)).start()
        driver.drain()

        assert execution.refresh().status == "cancelled"
        assert log == ["try"]


class TestUndoing:
    def test_without_compensation_it_undoes_nothing(self, driver, define, log):
        def body(ctx):
            ctx.step("a", log.action("a"), compensate=log.action("-a"))
            ctx.wait_signal("go")

        execution = driver.start(define(body))
        driver.cancel(execution, compensate=False)

        assert execution.status == "cancelled"
        assert log == ["a"]

    def test_undos_that_the_body_names_after_the_wait_are_known(self, driver, define, log):
        def body(ctx):
            for name in "abc":
                ctx.step(name, log.action(name, name), compensate=lambda n: log.append(f"-{n}"))
            ctx.wait_signal("go")
            ctx.step("later", log.action("later"))

        execution = driver.start(define(body))
        driver.restart()
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert log == ["a", "b", "c", "-c", "-b", "-a"]

    def test_a_body_that_goes_round_a_failure_begins_nothing_new(self, driver, define, log):
        def body(ctx):
            ctx.step("a", log.action("a"), compensate=log.action("-a"))
            try:
                ctx.wait_signal("go", timeout=HOUR)
            finally:
                ctx.step("tidy", log.action("tidy"))

        execution = driver.start(define(body))
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert log == ["a", "-a"]

    def test_a_failing_undo_parks_it_and_a_retry_cancels_it(self, driver, define, log):
        def undo(_):
            log.append("undo")
            if len(log) == 1:
                raise OSError

        def body(ctx):
            ctx.step("a", lambda: 1, compensate=undo, compensate_retry=RetryPolicy.none())
            ctx.wait_signal("go")

        execution = driver.start(define(body))
        driver.cancel(execution)
        parked = (execution.status, execution.execution.park_reason)
        driver.retry(execution)

        assert parked == ("parked", "compensation_failed")
        assert execution.status == "cancelled"
        assert log == ["undo", "undo"]


class TestAsking:
    def test_twice_is_once(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))

        assert driver.engine.cancel(execution.id, reason="first") is True
        assert driver.engine.cancel(execution.id, reason="second") is False
        assert execution.refresh().execution.cancel_reason == "first"

    @pytest.mark.parametrize("way", ["completed", "failed", "cancelled"])
    def test_what_has_ended_refuses_and_stays_as_it_is(self, driver, define, way):
        """W3."""

        def body(ctx):
            if way == "failed":
                raise ValueError
            return ctx.wait_signal("go", timeout=timedelta(0), default=1)

        execution = define(body).start()
        if way == "cancelled":
            driver.cancel(execution)
        driver.drain()

        with pytest.raises(InvalidTransitionError, match=way.upper()):
            driver.cancel(execution)
        assert execution.refresh().status == way

    def test_what_is_compensating_refuses(self, driver, define):
        refused = []

        def undo(execution_id):
            with pytest.raises(InvalidTransitionError) as caught:
                driver.engine.cancel(execution_id)
            refused.append(caught.value.status)

        def body(ctx):
            ctx.step("a", lambda: ctx.execution_id, compensate=undo)
            raise ValueError

        assert driver.start(define(body)).status == "failed"
        assert refused == ["compensating"]
