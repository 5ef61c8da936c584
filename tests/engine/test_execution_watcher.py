"""Waiting for an end, from sync and from async code: what a scenario would not show."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.execution_watcher import ExecutionWatcher
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import DurableCallError, ResultTimeoutError
from durable_django.testing import ManualClock, make_execution

HOUR = timedelta(hours=1)


class LastingStore:
    """Holds one execution, which has ended at the last of so many looks."""

    def __init__(self, looks):
        self.looks = looks

    def load_execution(self, execution_id):
        self.looks -= 1
        status = ExecutionStatus.COMPLETED if self.looks <= 0 else ExecutionStatus.RUNNING
        return make_execution(id=execution_id, status=status)


def wait(watcher, timeout):
    return watcher.wait_for_end(make_execution().id, timeout)


def await_(watcher, timeout):
    return asyncio.run(watcher.await_end(make_execution().id, timeout))


@pytest.fixture(params=[wait, await_], ids=["sync", "async"])
def wait_for_end(request):
    return request.param


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def new_watcher(clock):
    def new(looks, depth=0):
        payloads = Payloads(TaggedJsonCodec())
        return ExecutionWatcher(LastingStore(looks), clock, payloads, lambda: depth)

    return new


def test_it_looks_until_the_end_and_ever_less_often(wait_for_end, new_watcher, clock):
    begun = clock.now()

    assert wait_for_end(new_watcher(4), None).status is ExecutionStatus.COMPLETED
    assert clock.now() - begun == timedelta(milliseconds=2 + 4 + 8)


def test_time_that_is_over_says_how_it_stands(wait_for_end, new_watcher, clock):
    begun = clock.now()

    with pytest.raises(ResultTimeoutError, match="still RUNNING"):
        wait_for_end(new_watcher(10**6), HOUR)
    assert HOUR <= clock.now() - begun < 3 * HOUR


class TestOpenTransaction:
    """What it started is not committed while somebody waits in it."""

    def test_waiting_for_ever_is_refused(self, wait_for_end, new_watcher):
        with pytest.raises(DurableCallError, match="after the block"):
            wait_for_end(new_watcher(3, depth=1), None)

    def test_a_timeout_is_a_way_out(self, wait_for_end, new_watcher):
        assert wait_for_end(new_watcher(3, depth=1), HOUR).is_terminal

    def test_what_has_ended_may_be_asked_for(self, wait_for_end, new_watcher):
        assert wait_for_end(new_watcher(1, depth=1), None).is_terminal
