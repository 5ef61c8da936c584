"""An undo that fails for good stops for a person, who lets it go on."""

from __future__ import annotations

import pytest

from durable_django import RetryPolicy
from durable_django.exceptions import InvalidTransitionError


def failing(*_):
    raise OSError("out of order")


@pytest.fixture
def mended():
    return []


@pytest.fixture
def parked(driver, define, log, mended):
    """Steps a to d, where the undo of b fails until it is mended."""

    def undo(name):
        if name == "b" and not mended:
            raise OSError("the bank is closed")
        log.append(f"-{name}")

    def body(ctx):
        try:
            ctx.step("hopeless", failing)
        except Exception:  # noqa: BLE001 -- a failure that was handled stays one
            log.append("handled")
        for name in "abcd":
            ctx.step(
                name, log.action(name, name), compensate=undo, compensate_retry=RetryPolicy.none()
            )
        ctx.step("fail", failing)

    execution = driver.start(define(body))
    del log[:]
    return execution


def test_it_does_not_stop_the_rest(driver, parked):
    """C39."""
    undone = [c.key for c in driver.checkpoints(parked) if c.status == "compensated"]

    assert undone == ["a", "c", "d"]


def test_it_parks_the_execution_with_the_list(parked):
    """C39."""
    assert (parked.status, parked.execution.park_reason) == ("parked", "compensation_failed")
    assert parked.error.message == "not undone: b: OSError: the bank is closed"
    assert parked.error.code == "b"


def test_a_retry_finishes_undoing_and_repeats_nothing(driver, parked, log, mended):
    mended.append(True)
    driver.retry(parked)

    assert parked.status == "failed"
    assert [entry for entry in log if entry.startswith("-")] == ["-b"]
    assert driver.steps(parked) == []


def test_a_retry_that_fails_again_parks_again(driver, parked, log, mended):
    driver.retry(parked)
    first = parked.status
    mended.append(True)
    driver.retry(parked)

    assert (first, parked.status) == ("parked", "failed")
    assert [entry for entry in log if entry.startswith("-")] == ["-b"]


def test_a_retry_of_the_failed_execution_then_does_all_again(driver, parked, log, mended):
    mended.append(True)
    driver.retry(parked)
    del log[:]
    driver.retry(parked)

    assert log[:10] == ["handled", "a", "b", "c", "d", "handled", "-d", "-c", "-b", "-a"]
    assert parked.status == "failed"


def test_it_cannot_be_cancelled(driver, parked):
    with pytest.raises(InvalidTransitionError):
        driver.cancel(parked)


def test_it_ends_with_the_error_that_began_it(driver, parked, mended):
    mended.append(True)
    driver.retry(parked)

    assert parked.error.type == "StepFailedError"
    assert "out of order" in parked.error.message
