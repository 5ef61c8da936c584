"""Code that no longer fits its checkpoints parks the execution; it never fails or loops."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy
from durable_django.exceptions import NonDeterminismError
from tests.scenarios.worlds import memory_only

HOUR = timedelta(hours=1)


def one():
    return 1


def other():
    return 2


def recorded(ctx):
    ctx.step("a", one, compensate=print)
    ctx.step("b", one)
    ctx.sleep("nap", HOUR)
    return ctx.step("c", one)


def inserted(ctx):
    ctx.step("a", one, compensate=print)
    ctx.step("new", one)
    ctx.step("b", one)
    ctx.sleep("nap", HOUR)
    return ctx.step("c", one)


def removed(ctx):
    ctx.step("a", one, compensate=print)
    ctx.sleep("nap", HOUR)
    return ctx.step("c", one)


def reordered(ctx):
    ctx.step("b", one)
    ctx.step("a", one, compensate=print)
    ctx.sleep("nap", HOUR)
    return ctx.step("c", one)


def other_kind(ctx):
    ctx.step("a", one, compensate=print)
    ctx.sleep("b", HOUR)
    ctx.sleep("nap", HOUR)
    return ctx.step("c", one)


def renamed(ctx):
    ctx.step("a", one, compensate=print)
    ctx.step("bee", one)
    ctx.sleep("nap", HOUR)
    return ctx.step("c", one)


def ended(ctx):
    return ctx.step("a", one, compensate=print)


def failing(ctx):
    ctx.step("a", one, compensate=print)
    raise AttributeError("a bug that was deployed")


DRIFTS = [inserted, removed, reordered, other_kind, renamed, ended, failing]


@pytest.fixture
def changed(driver, define):
    """Start `recorded`, and put another body in its place while it sleeps."""
    workflow = define(recorded)
    execution = driver.start(workflow)

    def change(body):
        define(body, name=workflow.name)
        driver.advance(hours=1)
        return execution.refresh()

    return change


@pytest.mark.parametrize("body", DRIFTS, ids=lambda body: body.__name__)
def test_drift_parks_the_execution_with_the_difference(changed, body):
    """C21, C79, W10, W11."""
    execution = changed(body)

    assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")
    assert execution.error.type == "NonDeterminismError"
    assert "recorded" in execution.error.message


def test_no_action_begins_once_drift_is_seen(changed, driver, log):
    def body(ctx):
        ctx.step("a", one, compensate=print)
        return ctx.step("new", log.action("new"))

    changed(body)

    assert log == []


@pytest.mark.parametrize("body", DRIFTS, ids=lambda body: body.__name__)
def test_a_retry_after_the_code_was_mended_goes_on(changed, driver, define, body):
    execution = changed(body)

    define(recorded, name=execution.execution.workflow_name)
    driver.retry(execution)

    assert driver.result(execution) == 1
    assert driver.steps(execution) == ["a", "b", "nap", "c"]


def test_another_action_under_the_same_name_is_no_drift(changed, driver):
    def body(ctx):
        ctx.step("a", other, compensate=print)
        ctx.step("b", other)
        ctx.sleep("nap", HOUR)
        return ctx.step("c", other)

    assert driver.result(changed(body)) == 2


def test_steps_added_at_the_end_are_no_drift(changed, driver):
    def body(ctx):
        recorded(ctx)
        return ctx.step("d", other)

    assert driver.result(changed(body)) == 2


def test_an_undo_that_the_code_has_lost_parks_and_nothing_is_skipped(driver, define, log):
    def body(undo):
        def body(ctx):
            ctx.step("a", log.action("a"), compensate=log.action("-a"))
            ctx.step("b", log.action("b"), compensate=undo)
            ctx.wait_signal("go")

        return body

    workflow = define(body(log.action("-b")))
    execution = driver.start(workflow)
    define(body(None), name=workflow.name)
    driver.cancel(execution)
    parked = (execution.status, execution.execution.park_reason, list(log))
    define(body(log.action("-b")), name=workflow.name)
    driver.retry(execution)

    assert parked == ("parked", "nondeterminism", ["a", "b"])
    assert execution.status == "cancelled"
    assert log == ["a", "b", "-b", "-a"]


class TestModes:
    @pytest.fixture
    def mismatches(self):
        return []

    def drift(self, new_driver, define, policy):
        driver = new_driver(on_step_mismatch=policy)
        workflow = define(recorded)
        execution = driver.start(workflow)
        define(renamed, name=workflow.name)
        driver.advance(hours=1)
        return driver, execution.refresh()

    def test_warn_goes_on_by_name(self, new_driver, define, caplog):
        driver, execution = self.drift(new_driver, define, "warn")

        assert driver.result(execution) == 1
        assert "recorded step 'b' at position 2" in caplog.text

    def test_a_function_hears_of_each_mismatch_once(self, new_driver, define, mismatches):
        """C20."""
        _, execution = self.drift(new_driver, define, mismatches.append)

        assert execution.status == "completed"
        assert [(m.execution_id, m.position, m.recorded, m.current) for m in mismatches] == [
            (execution.id, 2, "step 'b'", "step 'bee'")
        ]

    def test_a_function_hears_nothing_where_all_fits(self, new_driver, define, mismatches):
        """C20."""
        driver = new_driver(on_step_mismatch=mismatches.append)

        driver.start(define(recorded))
        driver.advance(hours=1)

        assert mismatches == []

    def test_a_function_parks_by_raising(self, new_driver, define):
        def refuse(mismatch):
            raise NonDeterminismError(mismatch.execution_id, mismatch.position, "this", "that")

        _, execution = self.drift(new_driver, define, refuse)

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")

    def test_a_warned_of_step_that_moved_back_keeps_its_attempts(self, new_driver, define, log):
        """An attempt recorded further down must not hide a later one recorded further up."""
        driver = new_driver(on_step_mismatch="warn")

        def failing(*_):
            log.append("try")
            if len(log) < 3:
                raise OSError

        policy = RetryPolicy.fixed(3, HOUR)

        def before(ctx):
            ctx.step("first", one)
            ctx.step("second", one)
            ctx.step("flaky", failing, retry=policy)

        def after(ctx):
            ctx.step("flaky", failing, retry=policy)

        workflow = define(before)
        execution = driver.start(workflow)
        define(after, name=workflow.name)
        driver.advance(hours=3)

        assert execution.refresh().status == "completed"
        assert len(log) == 3


@memory_only
def test_an_exception_of_the_body_itself_is_no_drift_where_nothing_lies_ahead(driver, define):
    def body(ctx):
        ctx.step("a", one)
        raise ValueError("as ever")

    execution = driver.start(define(body))

    assert (execution.status, execution.error.type) == ("failed", "ValueError")
