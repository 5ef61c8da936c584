from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.testing import make_error, make_execution

ID = UUID(int=7)


class FakeOperator:
    """Notes what is asked of it."""

    def __init__(self, execution):
        self.execution = execution
        self.asked = []

    def load_execution(self, execution_id):
        return self.execution

    def wait_for_end(self, execution_id, timeout):
        self.asked.append(timeout)
        return self.execution

    async def await_end(self, execution_id, limit):
        return self.wait_for_end(execution_id, limit)

    def result_of(self, execution):
        return execution.output

    def send_signal(self, execution_id, name, payload, *, dedupe_key):
        self.asked.append((execution_id, name, payload, dedupe_key))

    def cancel(self, execution_id, *, reason, compensate):
        self.asked.append((execution_id, reason, compensate))
        return True


@pytest.fixture
def operator():
    return FakeOperator(make_execution(id=ID, status="completed", output="7"))


@pytest.fixture
def handle(operator):
    return ExecutionHandle(operator, make_execution(id=ID))


def test_it_shows_what_was_last_read(handle):
    before = handle.status

    assert handle.refresh() is handle
    assert (before, handle.status) == ("running", "completed")


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        pytest.param(5, timedelta(seconds=5), id="seconds"),
        pytest.param(0.5, timedelta(milliseconds=500), id="half a second"),
        pytest.param(0, timedelta(0), id="none at all"),
        pytest.param(timedelta(hours=1), timedelta(hours=1), id="timedelta"),
        pytest.param(None, None, id="for ever"),
    ],
)
def test_result_takes_seconds_or_a_timedelta(handle, operator, given, asked):
    assert handle.result(timeout=given) == "7"
    assert operator.asked == [asked]
    assert handle.status == "completed"


def test_aresult_takes_them_too(handle, operator):
    assert asyncio.run(handle.aresult(timeout=0.5)) == "7"
    assert operator.asked == [timedelta(milliseconds=500)]
    assert handle.status == "completed"


def test_error_is_read_from_its_text(operator):
    error = make_error()
    handle = ExecutionHandle(operator, make_execution(error=error.to_text()))

    assert handle.error == error


def test_there_may_be_no_error(handle):
    assert handle.error is None


def test_acts_are_passed_on(handle, operator):
    handle.signal("packed", 2, dedupe_key="a")
    handle.cancel("enough", compensate=False)

    assert operator.asked == [(ID, "packed", 2, "a"), (ID, "enough", False)]


def test_repr_names_the_execution(handle):
    assert repr(handle) == f"<Execution {ID} shop.order running>"
