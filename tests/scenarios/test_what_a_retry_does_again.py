"""A retry makes the call again that ended the execution; every other outcome stands."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy, StepFailedError

HOUR = timedelta(hours=1)


class CardDeclinedError(Exception):
    pass


class Carrier:
    """Fails until it is told to work."""

    def __init__(self, log):
        self.log, self.works = log, False

    def ship(self):
        self.log.append("ship")
        if not self.works:
            raise OSError("no van")

    def decline(self):
        self.log.append("card a")
        raise CardDeclinedError


@pytest.fixture
def carrier(log):
    return Carrier(log)


@pytest.fixture(params=["park", "compensate"])
def on_failure(request):
    return request.param


def retry_working(driver, execution, carrier):
    carrier.works = True
    driver.retry(execution)
    return execution


def test_a_failure_that_the_body_handled_stands(driver, define, log, carrier, on_failure):
    def body(ctx):
        try:
            ctx.step("card a", carrier.decline, raises=(CardDeclinedError,))
        except CardDeclinedError:
            ctx.step("card b", log.action("card b"))
        ctx.step("ship", carrier.ship)

    execution = driver.start(define(body, on_failure=on_failure))
    retry_working(driver, execution, carrier)

    assert execution.status == "completed"
    assert log == ["card a", "card b", "ship", "ship"]


def test_a_wait_that_timed_out_with_a_default_is_not_waited_out_again(
    driver, define, carrier, on_failure
):
    def body(ctx):
        ctx.wait_signal("hint", timeout=HOUR, default=None)
        ctx.step("ship", carrier.ship)

    execution = driver.start(define(body, on_failure=on_failure))
    driver.advance(hours=1)
    retry_working(driver, execution, carrier)

    assert execution.status == "completed"


def test_a_failure_raised_again_by_its_handler_is_done_again(
    driver, define, log, carrier, on_failure
):
    def body(ctx):
        try:
            ctx.step("ship", carrier.ship)
        except StepFailedError:
            ctx.step("notify", log.action("notify"))
            raise

    execution = driver.start(define(body, on_failure=on_failure))
    retry_working(driver, execution, carrier)

    assert execution.status == "completed"
    assert log == ["ship", "notify", "ship"]


@pytest.mark.parametrize("is_chained", [True, False], ids=["from", "in the handler"])
def test_a_failure_told_in_other_words_is_done_again(
    driver, define, carrier, on_failure, is_chained
):
    def body(ctx):
        try:
            ctx.step("ship", carrier.ship)
        except StepFailedError as error:
            if is_chained:
                raise LookupError("not shipped") from error
            raise LookupError("not shipped")  # noqa: B904 -- as users write it

    execution = driver.start(define(body, on_failure=on_failure))
    retry_working(driver, execution, carrier)

    assert execution.status == "completed"


def test_a_wait_that_ended_it_is_waited_for_again(driver, define, on_failure):
    flow = define(lambda ctx: ctx.wait_signal("paid", timeout=HOUR), on_failure=on_failure)
    execution = driver.start(flow)
    driver.advance(hours=1)
    driver.retry(execution)
    driver.signal(execution, "paid", 5)

    assert driver.result(execution) == 5


def test_it_is_tried_as_often_as_the_first_time(driver, define, log, carrier):
    policy = RetryPolicy.fixed(3, timedelta(0))
    execution = driver.start(define(lambda ctx: ctx.step("ship", carrier.ship, retry=policy)))
    driver.retry(execution)

    assert log == ["ship"] * 6
    assert execution.status == "failed"


def test_what_ended_an_earlier_run_stays_to_be_done_when_a_later_one_stopped_before_it(
    driver, define, carrier
):
    state = {"is_broken": False}

    def body(ctx):
        ctx.step("other" if state["is_broken"] else "first", lambda: None)
        ctx.step("ship", carrier.ship)

    execution = driver.start(define(body))
    state["is_broken"] = True
    driver.retry(execution)
    assert execution.execution.park_reason == "nondeterminism"

    state["is_broken"] = False
    retry_working(driver, execution, carrier)

    assert execution.status == "completed"
