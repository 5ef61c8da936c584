"""What a careful reader tried to break."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryAfter, RetryPolicy
from durable_django.exceptions import DefinitionError
from tests.scenarios.test_observers import Recorder


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "5", object], ids=str)
def test_progress_is_told_in_finite_numbers(driver, define, number):
    def body(ctx):
        with pytest.raises(DefinitionError, match="finite"):
            ctx.progress(number)
        ctx.progress(1, 2, "half \x00 \ud800")

    execution = driver.start(define(body))

    assert execution.status == "completed"
    assert execution.execution.progress["message"] == "half \\x00 \\ud800"


@pytest.mark.parametrize("wait", ["sleep", "signal"])
@pytest.mark.parametrize("duration", [timedelta.max, timedelta(days=-1)], ids=["endless", "past"])
def test_a_wait_that_no_database_could_hold_is_refused(driver, define, wait, duration):
    def body(ctx):
        if wait == "sleep":
            ctx.sleep("nap", duration)
        else:
            ctx.wait_signal("go", timeout=duration)

    execution = driver.start(define(body))

    assert execution.status == "failed"
    assert execution.error.type == "DefinitionError"


def test_an_endless_retry_after_is_cut_to_the_longest_delay(driver, define):
    def busy():
        raise RetryAfter(timedelta.max)

    flow = define(lambda ctx: ctx.step("busy", busy, retry=RetryPolicy.fixed(2)))
    execution = driver.start(flow)

    assert execution.status == "suspended"
    assert execution.execution.waiting_kind == "retry"


@pytest.mark.parametrize("on_failure", ["park", "compensate"])
@pytest.mark.parametrize("compensates", [True, False])
def test_a_cancel_accepted_while_the_step_failed_is_obeyed(
    driver, define, log, on_failure, compensates
):
    def fail(execution_id):
        driver.engine.store.request_cancel(execution_id, "customer", compensates=compensates)
        raise OSError

    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        ctx.step("fail", lambda: fail(ctx.execution_id))

    execution = driver.start(define(body, on_failure=on_failure))

    assert execution.status == "cancelled"
    assert log == (["a", "-a"] if compensates else ["a"])


def test_a_cancel_accepted_while_a_slice_parks_is_obeyed(driver, define, log):
    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        request = driver.engine.store.request_cancel
        ctx.step("last", lambda: request(ctx.execution_id, "customer", compensates=True))
        return object()  # which parks it

    execution = driver.start(define(body))

    assert execution.status == "cancelled"
    assert log == ["a", "-a"]


def test_what_was_given_back_unbegun_is_told_as_started(new_driver, define):
    recorder = Recorder()
    driver = new_driver(observers=[recorder])
    define(lambda ctx: ctx.step("a", lambda: None)).start()
    [claim] = driver.engine.claim()
    driver.engine.give_back(claim)
    driver.drain()

    assert recorder.heard[0][0] == "execution_started"


def test_an_instant_is_a_legal_name_and_no_deferral(driver, define):
    body = define(lambda ctx: ctx.wait_signal("2024-05-01T12:00:00Z"))
    execution = driver.start(body)
    definition = body.definition
    driver.engine.registry.forget(definition.name)
    driver.engine.store.add_signal(execution.id, "2024-05-01T12:00:00Z", "1")
    driver.drain()
    assert execution.refresh().status == "suspended"

    driver.engine.registry.register(definition)
    driver.advance(seconds=5)

    assert driver.result(execution) == 1


def test_a_slice_that_breaks_off_is_left_alone_longer_each_time(driver, define):
    def broken(*_):
        raise OSError("the key server is away")

    execution = define(lambda ctx: ctx.step("a", lambda: None)).start()
    payloads, driver.engine.payloads._codec.decode = (
        driver.engine.payloads._codec.decode,
        broken,
    )
    try:
        driver.advance(minutes=10)
        status = execution.refresh().status
    finally:
        driver.engine.payloads._codec.decode = payloads
    driver.advance(minutes=10)

    assert status == "running"
    assert execution.refresh().status == "completed"
