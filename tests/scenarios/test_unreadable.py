"""What is stored and can no longer be read parks the execution, until the code can read it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.engine.serialization import Payloads

HOUR = timedelta(hours=1)


class MoodyCodec(TaggedJsonCodec):
    """Fails to read as long as it is told to."""

    error: Exception | None = None

    def decode(self, text):
        if self.error is not None:
            raise self.error
        return super().decode(text)


@pytest.fixture
def codec():
    return MoodyCodec()


@pytest.fixture
def driver(new_driver, codec):
    return new_driver(payloads=Payloads(codec))


@pytest.fixture
def workflow(define, log):
    def body(ctx, number):
        ctx.step("a", log.action("a", 1), compensate=log.action("-a"))
        ctx.sleep("nap", HOUR)
        return number

    return define(body)


def test_it_is_parked_and_a_retry_goes_on(driver, workflow, codec, log):
    execution = driver.start(workflow, 5)
    codec.error = ValueError("written by a newer version")
    driver.advance(hours=1)
    parked = (execution.refresh().status, execution.execution.park_reason)
    codec.error = None
    driver.retry(execution)

    assert parked == ("parked", "payload")
    assert driver.result(execution) == 5
    assert log == ["a"]


def test_undoing_is_parked_too_and_loses_nothing(driver, workflow, codec, log):
    execution = driver.start(workflow, 5)
    codec.error = ValueError("written by a newer version")
    driver.cancel(execution)
    parked = (execution.status, list(log))
    codec.error = None
    driver.retry(execution)

    assert parked == ("parked", ["a"])
    assert execution.status == "cancelled"
    assert log == ["a", "-a"]


def test_what_is_only_away_is_tried_again(driver, workflow, codec):
    """An OSError says nothing about the payload: the key server, or the database, is away."""
    execution = driver.start(workflow, 5)
    driver.clock.advance(HOUR)
    codec.error = OSError("the key server is away")
    driver.engine.advance()
    between = execution.refresh().status
    codec.error = None
    driver.advance(minutes=1)

    assert between == "running"
    assert driver.result(execution) == 5


def test_a_deserialize_that_no_longer_fits_parks(driver, define):
    def body(deserialize):
        def body(ctx):
            value = ctx.step("a", lambda: 1, deserialize=deserialize)
            ctx.sleep("nap", HOUR)
            return value

        return body

    workflow = define(body(lambda value: value + 1))
    execution = driver.start(workflow)
    define(body(lambda value: value["key"]), name=workflow.name)
    driver.advance(hours=1)
    parked = execution.refresh().error
    define(body(lambda value: value + 2), name=workflow.name)
    driver.retry(execution)

    assert "Result of step 'a'" in parked.message
    assert driver.result(execution) == 3
