from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import SignalTimeoutError
from durable_django.testing.crash import SimulatedCrash

HOUR = timedelta(hours=1)


def mailbox(driver, execution):
    return [(s.name, str(s.status)) for s in driver.store.list_signals(execution.id)]


@pytest.fixture
def wait(define):
    return define(lambda ctx: ctx.wait_signal("go"))


def test_a_wait_suspends_and_a_signal_resumes_it_with_its_payload(driver, wait):
    """C58."""
    execution = driver.start(wait)
    facts = execution.execution
    driver.signal(execution, "go", {"boxes": 2})

    assert (facts.status, facts.waiting_kind, facts.waiting_for, facts.wake_at) == (
        "suspended",
        "signal",
        "go",
        None,
    )
    assert driver.result(execution) == {"boxes": 2}
    assert mailbox(driver, execution) == [("go", "delivered")]


def test_an_early_signal_is_consumed_at_once(driver, wait):
    """C60, W8a."""
    execution = wait.start()
    execution.signal("go", "early")

    driver.drain()

    assert driver.result(execution) == "early"


def test_a_signal_nobody_waits_for_is_kept(driver, define):
    """C61."""

    def body(ctx):
        first = ctx.wait_signal("first")
        return [first, ctx.wait_signal("second")]

    execution = driver.start(define(body))
    driver.signal(execution, "second", 2)
    kept = mailbox(driver, execution)
    driver.signal(execution, "first", 1)

    assert kept == [("second", "pending")]
    assert driver.result(execution) == [1, 2]


@pytest.mark.parametrize("payload", [None, 0, False, [], "", {"a": None}], ids=repr)
def test_an_empty_payload_is_a_payload(driver, wait, payload):
    """C63."""
    execution = driver.start(wait)
    driver.signal(execution, "go", payload)

    assert driver.result(execution) == payload


def test_signals_of_one_name_are_consumed_in_order_once_each(driver, define):
    """W8c."""
    execution = driver.start(define(lambda ctx: [ctx.wait_signal("go") for _ in range(3)]))
    for payload in (1, 2, 3):
        driver.signal(execution, "go", payload)

    assert driver.result(execution) == [1, 2, 3]


def test_signals_sent_before_anyone_looks_are_consumed_in_order(driver, define):
    execution = define(lambda ctx: [ctx.wait_signal("go") for _ in range(3)]).start()
    for payload in (1, 2, 3):
        execution.signal("go", payload)

    driver.drain()

    assert driver.result(execution) == [1, 2, 3]


def test_executions_do_not_share_a_mailbox(driver, wait):
    """C64."""
    one, two = driver.start(wait), driver.start(wait)

    driver.signal(two, "go", 2)

    assert one.refresh().status == "suspended"
    assert driver.result(two) == 2


def test_a_signal_sent_while_the_worker_was_down_is_delivered_once(driver, define, log):
    """C65, W1."""

    def body(ctx):
        got = ctx.wait_signal("go")
        ctx.step("note", log.append, got)
        return got

    execution = driver.start(define(body))
    driver.engine.dispose()
    driver.restart()
    driver.signal(execution, "go", 7)

    assert driver.result(execution) == 7
    assert log == [7]


def test_one_consumed_before_a_crash_is_not_needed_again(driver, define):
    """C66, W1."""

    def body(ctx):
        got = ctx.wait_signal("go")
        if not driver.crashes:
            raise SimulatedCrash
        return got

    execution = driver.start(define(body))
    driver.signal(execution, "go", 7)

    assert driver.result(execution) == 7
    assert mailbox(driver, execution) == [("go", "delivered")]


def test_one_that_arrives_between_the_look_and_the_suspension_is_not_lost(driver, define):
    """W8b: the body itself stands in for the other process."""
    sent = []

    def body(ctx):
        if not sent:
            sent.append(driver.engine.send_signal(ctx.execution_id, "go", 1))
        return ctx.wait_signal("go")

    execution = driver.start(define(body))

    assert driver.result(execution) == 1


class TestTimeout:
    def test_it_raises_when_the_time_is_up(self, driver, define):
        """C59."""
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go", timeout=HOUR)))
        driver.advance(hours=1)

        assert execution.refresh().status == "failed"
        assert execution.error.type == "SignalTimeoutError"
        assert [str(t.status) for t in driver.store.list_timers(execution.id)] == ["fired"]

    @pytest.mark.parametrize("default", [None, 0, "none"], ids=repr)
    def test_a_default_is_returned_instead(self, driver, define, default):
        """C69, W8d."""

        def body(ctx):
            return ctx.wait_signal("go", timeout=HOUR, default=default)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution) == default

    def test_it_is_an_outcome_that_replays(self, driver, define):
        seen = []

        def body(ctx):
            with pytest.raises(SignalTimeoutError) as caught:
                ctx.wait_signal("go", timeout=HOUR)
            seen.append(str(caught.value))
            ctx.sleep("nap", HOUR)

        execution = driver.start(define(body))
        driver.advance(hours=1)
        driver.signal(execution, "go", "late")
        driver.advance(hours=1)

        assert execution.refresh().status == "completed"
        assert len(seen) == 2
        assert seen[0] == seen[1]

    def test_a_late_signal_stays_for_the_next_wait(self, driver, define):
        def body(ctx):
            first = ctx.wait_signal("go", timeout=HOUR, default="none")
            ctx.sleep("nap", HOUR)
            return [first, ctx.wait_signal("go")]

        execution = driver.start(define(body))
        driver.advance(hours=1)
        driver.signal(execution, "go", "late")
        driver.advance(hours=1)

        assert driver.result(execution) == ["none", "late"]

    def test_one_in_time_cancels_the_timer(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go", timeout=HOUR)))
        driver.signal(execution, "go", 1)

        assert driver.result(execution) == 1
        assert [str(t.status) for t in driver.store.list_timers(execution.id)] == ["cancelled"]

    def test_a_signal_that_came_by_the_last_moment_wins(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go", timeout=HOUR)))
        driver.clock.advance(hours=2)
        execution.signal("go", "just so")

        driver.drain()

        assert driver.result(execution) == "just so"

    def test_its_end_is_fixed_when_the_wait_is_first_reached(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go", timeout=HOUR)))
        driver.advance(minutes=40)
        driver.signal(execution, "other")
        driver.pause(execution)
        driver.resume(execution)
        driver.restart()

        driver.advance(minutes=20)

        assert execution.refresh().status == "failed"

    def test_no_time_at_all_takes_only_what_is_there(self, driver, define):
        def body(ctx):
            return [
                ctx.wait_signal("go", timeout=timedelta(0), default=default)
                for default in ("a", "b")
            ]

        execution = define(body).start()
        execution.signal("go", "there")
        driver.drain()

        assert driver.result(execution) == ["there", "b"]

    def test_one_that_arrives_as_the_time_is_up_wins(self, driver, define):
        """The body itself stands in for the other process: the slice has not seen it."""
        looks = []

        def body(ctx):
            looks.append("look")
            if len(looks) == 2:
                driver.engine.send_signal(ctx.execution_id, "go", "just so")
            return ctx.wait_signal("go", timeout=HOUR, default="none")

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution) == "just so"

    def test_a_cancel_that_arrives_as_the_time_is_up_wins(self, driver, define):
        looks = []

        def body(ctx):
            looks.append("look")
            if len(looks) == 2:
                driver.engine.cancel(ctx.execution_id)
            return ctx.wait_signal("go", timeout=HOUR, default="none")

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert execution.refresh().status == "cancelled"

    def test_a_negative_one_is_refused(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go", timeout=-HOUR)))

        assert execution.error.type == "DefinitionError"
