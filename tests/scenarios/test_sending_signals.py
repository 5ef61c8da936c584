from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from durable_django.exceptions import (
    DefinitionError,
    ExecutionNotFoundError,
    InvalidTransitionError,
    PayloadError,
)

HOUR = timedelta(hours=1)


def mailbox(driver, execution):
    return [(s.name, str(s.status)) for s in driver.store.list_signals(execution.id)]


@pytest.fixture
def wait(define):
    return define(lambda ctx: ctx.wait_signal("go"))


def test_a_dedupe_key_keeps_the_first_payload(driver, wait):
    """C67."""
    execution = wait.start()

    first = execution.signal("go", 1, dedupe_key="scan-7")
    again = execution.signal("go", 2, dedupe_key="scan-7")
    driver.drain()

    assert again.id == first.id
    assert driver.result(execution) == 1
    assert len(mailbox(driver, execution)) == 1


def test_a_repeated_send_has_the_same_answer_after_the_end(driver, wait):
    execution = driver.start(wait)
    first = execution.signal("go", 1, dedupe_key="scan-7")
    driver.drain()

    assert execution.signal("go", 1, dedupe_key="scan-7").id == first.id


def test_a_finished_execution_refuses(driver, define):
    execution = driver.start(define(lambda _: None))

    with pytest.raises(InvalidTransitionError, match="COMPLETED and cannot be signalled"):
        execution.signal("go")


def test_a_compensating_execution_refuses(driver, define):
    refused = []

    def undo(execution_id):
        try:
            driver.engine.send_signal(execution_id, "go")
        except InvalidTransitionError as error:
            refused.append(error.status)

    def body(ctx):
        ctx.step("a", lambda: ctx.execution_id, compensate=undo)
        raise ValueError

    driver.start(define(body))

    assert refused == ["compensating"]


def test_an_unknown_execution_refuses(driver):
    """C70."""
    with pytest.raises(ExecutionNotFoundError):
        driver.signal(uuid4(), "go")


@pytest.mark.parametrize("name", ["", "a\x00b", "a#2", "x" * 201, 7], ids=repr)
def test_an_illegal_name_is_refused(driver, wait, name):
    """C72."""
    execution = driver.start(wait)

    with pytest.raises(DefinitionError):
        execution.signal(name)


@pytest.mark.parametrize("name", ["größe", "支付 done", "a.b:c-d"])
def test_any_language_may_name_one(driver, define, name):
    """C71."""
    execution = driver.start(define(lambda ctx: ctx.wait_signal(name)))
    driver.signal(execution, name, 1)

    assert driver.result(execution) == 1


@pytest.mark.parametrize(
    "payload", [object(), float("inf"), "x" * 300_000], ids=["object", "inf", "huge"]
)
def test_what_is_no_payload_is_refused(driver, wait, payload):
    """C72."""
    execution = driver.start(wait)

    with pytest.raises(PayloadError, match="Payload of signal 'go'"):
        execution.signal("go", payload)
    assert mailbox(driver, execution) == []


@pytest.mark.parametrize("payload", ["\x00", "\ud800", "☃" * 1000, {"$": 1}], ids=ascii)
def test_odd_payloads_arrive(driver, wait, payload):
    """C72, W18."""
    execution = driver.start(wait)
    driver.signal(execution, "go", payload)

    assert driver.result(execution) == payload


def test_what_nobody_consumed_is_dead_at_the_end(driver, wait):
    execution = wait.start()
    for payload in (1, 2):
        execution.signal("go", payload)
    driver.drain()

    assert mailbox(driver, execution) == [("go", "delivered"), ("go", "dead")]


def test_a_cancel_expires_what_is_pending(driver, wait):
    """C62."""
    execution = driver.start(wait)
    driver.signal(execution, "other")
    driver.cancel(execution)

    assert mailbox(driver, execution) == [("other", "expired")]
