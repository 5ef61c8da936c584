"""What is stored of an error goes through the project's formatter, wherever it is written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy
from durable_django.domain.error_record import ErrorRecord
from durable_django.exceptions import NonDeterminismError
from durable_django.testing.crash import SimulatedCrash

SECRET = "4111-1111"
AT_ONCE = RetryPolicy.fixed(2, timedelta(0))


class Declined(Exception):  # noqa: N818
    pass


def hide(error):
    return str(error).replace(SECRET, "****")


@pytest.fixture
def driver(new_driver):
    return new_driver(error_formatter=hide)


def failing(*_):
    raise OSError(f"card {SECRET}")


def stored(driver, execution):
    """Return every error text that is stored of the execution."""
    rows = [row.error for row in driver.checkpoints(execution)]
    return [text for text in [*rows, execution.refresh().execution.error] if text]


def step(ctx):
    ctx.step("a", failing)


def retried_step(ctx):
    ctx.step("a", failing, retry=AT_ONCE)


def atomic_step(ctx):
    ctx.step("a", failing, atomic=True)


def undo(ctx):
    ctx.step("a", lambda: 1, compensate=failing, compensate_retry=AT_ONCE)
    raise ValueError(f"card {SECRET}")


def own_error(ctx):
    raise ValueError(f"card {SECRET}")


def fallback(ctx):
    ctx.step("a", failing, fallback=1)
    ctx.wait_signal("go")


def unstorable(ctx):
    ctx.step("a", lambda: 1, serialize=failing)


@pytest.mark.parametrize(
    "body",
    [step, retried_step, atomic_step, undo, own_error, fallback, unstorable],
    ids=lambda body: body.__name__,
)
@pytest.mark.parametrize("on_failure", ["compensate", "park"])
def test_it_is_applied_at_every_write(driver, define, body, on_failure):
    """W17."""
    execution = driver.start(define(body, on_failure=on_failure))

    texts = stored(driver, execution)
    assert texts
    assert not [text for text in texts if SECRET in text]


def test_a_nondeterminism_is_formatted(new_driver, define):
    def shout(error):
        return f"!!! {type(error).__name__}"

    driver = new_driver(error_formatter=shout)
    workflow = define(lambda ctx: [ctx.step("a", int), ctx.wait_signal("go")])
    execution = driver.start(workflow)
    define(lambda ctx: ctx.step("b", int), name=workflow.name)
    driver.signal(execution, "go")

    assert execution.error.message == f"!!! {NonDeterminismError.__name__}"


@pytest.mark.parametrize(
    ("formatter", "expected"),
    [
        pytest.param(lambda _: 1 / 0, "plain", id="raises"),
        pytest.param(lambda _: None, "plain", id="returns nothing"),
        pytest.param(lambda _: b"bytes", "plain", id="returns bytes"),
        pytest.param(lambda _: "x" * 10_000_000, "x" * 999 + "…", id="10 MB"),
        pytest.param(lambda _: "a\x00b\ud800", "a\\x00b\\ud800", id="unprintable"),
        pytest.param(lambda _: "", "", id="empty"),
    ],
)
def test_a_formatter_cannot_keep_an_error_from_being_stored(
    new_driver, define, formatter, expected
):
    driver = new_driver(error_formatter=formatter)

    def body(ctx):
        raise ValueError("plain")

    execution = driver.start(define(body))

    assert (execution.status, execution.error.message) == ("failed", expected)


class Nasty(Exception):  # noqa: N818
    def __str__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(Nasty(), "unrecordable", id="its __str__ raises"),
        pytest.param(ValueError("\ud800\x00"), "\\ud800\\x00", id="unprintable"),
        pytest.param(ValueError("x" * 5_000_000), "x" * 999 + "…", id="5 MB"),
        pytest.param(ValueError(), "", id="silent"),
        pytest.param(RecursionError("deep"), "deep", id="RecursionError"),
        pytest.param(MemoryError(), "", id="MemoryError"),
        pytest.param(StopIteration("odd"), "odd", id="StopIteration"),
    ],
)
def test_every_error_can_be_stored(new_driver, define, error, message):
    """C12."""
    driver = new_driver()

    def act():
        raise error

    execution = driver.start(define(lambda ctx: ctx.step("a", act)))

    [row] = driver.checkpoints(execution)
    assert execution.status == "failed"
    assert execution.error.type == "StepFailedError"
    assert row.status == "failed"
    assert ErrorRecord.from_text(row.error).message == message
    assert driver.crashes == 0


def test_a_crash_is_no_error(driver, define):
    def act():
        if not driver.crashes:
            raise SimulatedCrash

    execution = driver.start(define(lambda ctx: ctx.step("a", act)))

    assert stored(driver, execution) == []
