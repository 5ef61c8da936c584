"""A child that a person retries, and a parent that is retried after it: nothing is done twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.domain.status import ExecutionStatus


@pytest.fixture
def works():
    """Whether the outside world works by now."""
    return {"now": False}


def child_of(driver, execution):
    return driver.store.list_children(execution.id)[-1]


def try_again(driver, works, execution_id):
    """Have the look made again by a retry, now that the world works."""
    works["now"] = True
    driver.retry(execution_id)


@pytest.fixture
def retried(driver, define, works, log):
    """A parent that failed with its child, whose failing step a retry makes again."""

    def pay(ctx):
        def act():
            if not works["now"]:
                raise OSError("the bank is away")
            log.append("paid")
            return "receipt"

        paid = ctx.step("pay", act)
        ctx.sleep("settle", timedelta(hours=1))
        return paid

    child = define(pay, name="scenario.paying")
    execution = driver.start(define(lambda ctx: ctx.child("pay", child)))
    assert execution.status == "failed"
    return execution


def test_a_child_that_completed_since_is_taken_up(driver, works, log, retried):
    child = child_of(driver, retried)
    try_again(driver, works, child.id)
    driver.advance(hours=1)

    driver.retry(retried)

    assert driver.result(retried.refresh()) == "receipt"
    assert log == ["paid"]
    assert [one.id for one in driver.store.list_children(retried.id)] == [child.id]


def test_a_child_that_goes_on_since_is_waited_for(driver, works, log, retried):
    child = child_of(driver, retried)
    try_again(driver, works, child.id)

    driver.retry(retried)
    waiting = retried.refresh().status
    driver.advance(hours=1)

    assert waiting == ExecutionStatus.SUSPENDED
    assert driver.result(retried.refresh()) == "receipt"
    assert log == ["paid"]


def test_a_child_that_is_still_failed_is_started_anew(driver, works, log, retried):
    works["now"] = True

    driver.retry(retried)
    driver.advance(hours=1)

    assert driver.result(retried.refresh()) == "receipt"
    assert log == ["paid"]
    assert len(driver.store.list_children(retried.id)) == 2
