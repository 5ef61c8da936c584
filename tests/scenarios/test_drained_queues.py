"""What is under way in a queue ends though the queue is drained: stories, on both stores."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy
from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import QueueChange

HOUR = timedelta(hours=1)


@pytest.fixture
def pack(define):
    """Fails at first, and is tried again an hour later."""
    failures = []

    def once_in_vain():
        if not failures:
            failures.append(1)
            raise OSError("no box")

    def body(ctx):
        ctx.step("box", once_in_vain, retry=RetryPolicy.fixed(max_attempts=2, delay=HOUR))

    return define(body)


def drain(driver):
    driver.store.change_queue("default", QueueChange(mode=QueueMode.DRAINING))


def begun(driver):
    return driver.store.measure_queues(["default"])["default"].begun


def test_children_and_retries_of_what_has_begun_are_part_of_it(driver, define, pack):
    def ship(ctx):
        ctx.sleep("wait", HOUR)
        ctx.child("pack", pack)
        ctx.start_child("survey", pack)

    parent = driver.start(define(ship))
    drain(driver)
    new = driver.start(pack)

    driver.advance(4 * HOUR)

    assert parent.refresh().status == "completed"
    children = driver.store.list_children(parent.id)
    assert sorted(child.status for child in children) == ["completed", "pending"]
    assert (new.refresh().status, begun(driver)) == ("pending", 0)


def test_what_is_cancelled_before_it_began_does_not_wait_for_the_resume(driver, pack):
    drain(driver)
    cancelled = driver.start(pack)

    driver.cancel(cancelled)
    driver.drain()

    assert cancelled.refresh().status == "cancelled"
