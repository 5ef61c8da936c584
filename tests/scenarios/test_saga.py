"""What was done is undone, newest first, when the workflow fails or is cancelled."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import ExecutionStatus, RetryPolicy, current_step

MINUTE = timedelta(minutes=1)
ONCE = RetryPolicy.none()


def failing(*_):
    raise OSError("out of order")


@pytest.fixture
def three(log):
    """A body of three steps with undos, which then fails."""

    def body(ctx):
        for name in ("a", "b", "c"):
            ctx.step(name, log.action(name, name), compensate=lambda done: log.append(f"-{done}"))
        ctx.step("fail", failing)

    return body


def test_steps_are_undone_in_reverse_order_of_completion(driver, define, log, three):
    """C34, C35, C37."""
    execution = driver.start(define(three))

    assert execution.status is ExecutionStatus.FAILED
    assert log == ["a", "b", "c", "-c", "-b", "-a"]


def test_an_error_of_the_body_itself_undoes_too(driver, define, log):
    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        raise ValueError("changed my mind")

    execution = driver.start(define(body))

    assert (execution.status, execution.error.type) == ("failed", "ValueError")
    assert log == ["a", "-a"]


def test_the_failed_step_is_not_undone(driver, define, log):
    """C35."""
    body = define(lambda ctx: ctx.step("a", failing, compensate=log.action("-a")))

    execution = driver.start(body)

    assert (execution.status, log) == ("failed", [])


def test_steps_without_an_undo_are_passed_over(driver, define, log):
    """C36."""

    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        ctx.step("b", log.action("b"))
        ctx.step("fail", failing)

    driver.start(define(body))

    assert log == ["a", "b", "-a"]


def test_undos_are_rows_of_their_own_and_what_was_undone_says_so(driver, define, three):
    """C38."""
    execution = driver.start(define(three))

    rows = {c.key: c for c in driver.checkpoints(execution)}
    assert {key: str(row.status) for key, row in rows.items()} == {
        "a": "compensated",
        "b": "compensated",
        "c": "compensated",
        "fail": "failed",
        "~undo/a": "completed",
        "~undo/b": "completed",
        "~undo/c": "completed",
    }
    assert rows["~undo/a"].kind == "undo"
    assert driver.steps(execution) == []


def test_the_execution_is_compensating_while_it_undoes(driver, define):
    """C38."""
    seen = []

    def body(ctx):
        ctx.step("a", lambda: 1, compensate=lambda _: seen.append(status(ctx.execution_id)))
        ctx.step("fail", failing)

    def status(execution_id):
        return driver.store.load_execution(execution_id).status

    driver.start(define(body))

    assert seen == ["compensating"]


def test_without_undos_it_plainly_fails(driver, define):
    """C40."""
    execution = driver.start(define(lambda ctx: ctx.step("fail", failing)))

    assert execution.status == "failed"
    assert [c.key for c in driver.checkpoints(execution)] == ["fail"]


def test_success_undoes_nothing(driver, define, log):
    """C41."""
    body = define(lambda ctx: ctx.step("a", log.action("a"), compensate=log.action("-a")))

    assert driver.start(body).status == "completed"
    assert log == ["a"]


def test_a_step_is_retried_before_anything_is_undone(driver, define, log):
    """C42."""

    def flaky():
        log.append("try")
        raise OSError

    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        ctx.step("flaky", flaky, retry=RetryPolicy.fixed(3, MINUTE))

    driver.start(define(body))
    driver.advance(hours=1)

    assert log == ["a", "try", "try", "try", "-a"]


def test_a_loop_undoes_each_of_its_steps_with_its_own_result(driver, define, log):
    """W7."""

    def body(ctx):
        for number in (1, 2, 3):
            ctx.step("book", lambda n: n, number, compensate=lambda n: log.append(-n))
        ctx.step("fail", failing)

    driver.start(define(body))

    assert log == [-3, -2, -1]


def test_a_handled_failure_undoes_nothing(driver, define, log):
    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        try:
            ctx.step("fail", failing)
        except Exception:  # noqa: BLE001 -- what a careless author writes
            return "went on"

    assert driver.result(driver.start(define(body))) == "went on"
    assert log == ["a"]


def test_an_undo_may_be_async(driver, define, log):
    async def undo(result):
        log.append(result)

    def body(ctx):
        ctx.step("a", lambda: 7, compensate=undo)
        ctx.step("fail", failing)

    driver.start(define(body))

    assert log == [7]


def test_an_undo_is_retried(driver, define, log):
    def undo(_):
        log.append(current_step().attempt)
        if len(log) < 3:
            raise OSError

    def body(ctx):
        ctx.step("a", lambda: 1, compensate=undo, compensate_retry=RetryPolicy.fixed(3, MINUTE))
        ctx.step("fail", failing)

    execution = driver.start(define(body))
    between = execution.execution
    driver.advance(hours=1)

    assert (between.status, between.waiting_kind) == ("compensating", "retry")
    assert execution.refresh().status == "failed"
    assert log == [1, 2, 3]


def test_on_failure_park_stops_instead_and_a_retry_goes_on(driver, define, log):
    def body(ctx):
        ctx.step("a", log.action("a"), compensate=log.action("-a"))
        return ctx.step("b", failing if "b" not in log else lambda: "done")

    execution = driver.start(define(body, on_failure="park"))
    parked = (execution.status, execution.execution.park_reason)
    log.append("b")
    driver.retry(execution)

    assert parked == ("parked", "failure")
    assert driver.result(execution) == "done"
    assert log == ["a", "b"]


class TestRedone:
    def test_a_retried_saga_does_again_what_it_undid(self, driver, define, log):
        mended = []

        def body(ctx):
            ctx.step("keep", log.action("keep"))
            ctx.step("a", log.action("a"), compensate=log.action("-a"))
            ctx.step("last", failing if not mended else log.action("last"))

        execution = driver.start(define(body))
        mended.append(True)
        driver.retry(execution)

        assert execution.status == "completed"
        assert log == ["keep", "a", "-a", "a", "last"]

    def test_what_was_undone_and_is_done_again_is_a_new_effect(self, driver, define):
        keys = []

        def note(*_):
            keys.append(current_step().idempotency_key)

        def body(ctx):
            ctx.step("a", note, compensate=note)
            ctx.step("fail", failing)

        execution = driver.start(define(body))
        driver.retry(execution)

        done, undone, redone, undone_again = keys
        assert len({done, undone, redone, undone_again}) == 4
