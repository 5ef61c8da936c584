from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import ExecutionStatus, Guarantee
from durable_django.exceptions import (
    ConfigurationError,
    DefinitionError,
    ResultTimeoutError,
    WorkflowCancelledError,
    WorkflowFailedError,
)

HOUR = timedelta(hours=1)


class TestRun:
    def test_run_returns_the_result_of_the_body(self, driver, define):
        """C1, C2."""
        order = define(lambda ctx, number: ctx.step("double", lambda n: n * 2, number))

        assert order.run(21) == 42

    def test_run_passes_time_for_a_body_that_sleeps(self, driver, define):
        begun = driver.clock.now()
        nap = define(lambda ctx: ctx.sleep("night", timedelta(hours=8)))

        nap.run()

        assert driver.clock.now() - begun >= timedelta(hours=8)

    def test_run_raises_what_the_body_failed_with(self, driver, define):
        """C3."""

        def body(ctx):
            raise ValueError("no such order")

        with pytest.raises(WorkflowFailedError, match="ValueError: no such order") as caught:
            define(body).run()

        handle = driver.engine.get(caught.value.execution_id)
        assert handle.status == "failed"
        assert (handle.error.type, handle.error.message) == ("ValueError", "no such order")

    def test_engine_runs_a_body_under_a_name(self, driver):
        """C1, C4: the seed systems' `run(type, body, input=, ttl=, guarantee=)`."""
        ids = []

        def body(ctx):
            ids.append(ctx.execution_id)
            return ctx.step("add", lambda: ctx.input["a"] + 1)

        result = driver.engine.run("sum", body, input={"a": 1}, ttl=HOUR)

        execution = driver.store.load_execution(ids[0])
        assert result == 2
        assert execution.workflow_name == "sum"
        assert execution.guarantee is Guarantee.FOREGROUND
        assert execution.expires_at == execution.created_at + HOUR
        assert driver.engine.payloads.decode(execution.input, "input") == {"a": 1}

    def test_a_workflow_function_is_an_ordinary_callable(self, define):
        class FakeContext:
            def step(self, name, action, *args):
                return f"{name} {args}"

        order = define(lambda ctx, number, *, gift=False: ctx.step("pack", print, number, gift))

        assert order(FakeContext(), 5, gift=True) == "pack (5, True)"


class TestRow:
    def test_the_body_is_given_its_execution_s_id(self, driver, define):
        """C5."""
        echo = define(lambda ctx: str(ctx.execution_id))

        execution = driver.start(echo)

        assert driver.result(execution) == str(execution.id)

    def test_the_row_is_running_while_the_body_runs(self, driver, define):
        """C7."""
        seen = []
        look = define(lambda ctx: seen.append(driver.store.load_execution(ctx.execution_id)))

        driver.start(look)

        assert seen[0].status is ExecutionStatus.RUNNING
        assert seen[0].started_at is not None

    def test_one_completed_checkpoint_is_kept_per_step_in_order(self, driver, define, log):
        """C6, C8, C16."""

        def body(ctx, number):
            ctx.step("validate", log.action("validate"), number)
            receipt = ctx.step("pay", log.action("pay", {"receipt": 7}))
            return ctx.step("ship", lambda r: f"shipped {r['receipt']}", receipt)

        execution = driver.start(define(body), 5)

        rows = driver.checkpoints(execution)
        assert [(r.position, r.key, r.status, r.attempt) for r in rows] == [
            (1, "validate", "completed", 1),
            (2, "pay", "completed", 1),
            (3, "ship", "completed", 1),
        ]
        assert rows[1].output == '{"receipt":7}'
        assert driver.result(execution) == "shipped 7"

    def test_executions_do_not_interfere(self, driver, define):
        """C9."""

        def body(ctx, number):
            ctx.sleep("a while", timedelta(minutes=number))
            return ctx.step("square", lambda n: n * n, number)

        square = define(body)
        executions = [driver.start(square, number) for number in range(1, 6)]

        driver.advance(hours=1)

        assert [driver.result(e) for e in executions] == [1, 4, 9, 16, 25]

    def test_a_finished_execution_has_no_alarm(self, driver, define):
        execution = driver.start(define(lambda _: None)).execution

        assert execution.status is ExecutionStatus.COMPLETED
        assert execution.wake_at is None
        assert execution.finished_at is not None


class TestHandle:
    def test_result_waits_no_longer_than_asked(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))

        with pytest.raises(ResultTimeoutError, match="SUSPENDED") as caught:
            execution.result(timeout=5)

        assert isinstance(caught.value, TimeoutError)
        assert execution.refresh().status == "suspended"

    def test_result_of_a_cancelled_execution_raises(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))
        driver.cancel(execution, "no longer wanted")

        with pytest.raises(WorkflowCancelledError, match="no longer wanted"):
            driver.result(execution)

    def test_status_is_as_last_read(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))
        driver.signal(execution.id, "go")

        assert execution.status == "suspended"
        assert execution.refresh().status == "completed"

    def test_error_is_none_without_one(self, driver, define):
        assert driver.start(define(lambda _: None)).error is None

    def test_observe_yields_each_state_and_ends_with_the_execution(self, driver, define):
        """W21."""
        execution = define(lambda ctx: ctx.wait_signal("go")).start()
        seen = []

        for state in execution.observe():
            seen.append(state.status)
            if state.status == "suspended":
                execution.signal("go")
            driver.drain()

        assert seen == ["pending", "suspended", "completed"]

    def test_observing_what_has_ended_yields_once(self, driver, define):
        """W21."""
        execution = driver.start(define(lambda _: None))

        assert [state.status for state in execution.observe()] == ["completed"]

    def test_observing_ends_with_its_timeout(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go")))

        assert len(list(execution.observe(timedelta(minutes=1)))) == 1


class TestDispose:
    def test_run_is_refused_afterwards(self, driver, define):
        """C10."""
        order = define(lambda _: None)
        driver.engine.dispose()

        with pytest.raises(ConfigurationError, match="disposed"):
            order.run()

    def test_a_second_time_is_harmless(self, driver):
        """C10."""
        driver.engine.dispose()
        driver.engine.dispose()

    def test_what_is_suspended_stays_suspended_and_goes_on_elsewhere(self, driver, define, log):
        """C11, W19."""

        def body(ctx):
            ctx.step("reserve", log.action("reserve"), compensate=log.action("release"))
            ctx.sleep("night", HOUR)
            return ctx.wait_signal("packed")

        execution = driver.start(define(body))
        driver.engine.dispose()
        before = execution.refresh().status
        driver.restart()
        driver.advance(hours=1)
        driver.signal(execution, "packed", 3)

        assert before == "suspended"
        assert driver.result(execution) == 3
        assert log == ["reserve"]


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["", " ", "a\x00b", "a\nb", "a  b", " a", "a ", "x" * 201, "a#2", "a/b", "~undo"],
    )
    def test_an_illegal_step_name_fails_the_workflow_and_says_why(self, driver, define, name):
        """C14."""
        execution = driver.start(define(lambda ctx: ctx.step(name, print)))

        assert execution.error.type == "DefinitionError"
        assert "not a legal step name" in execution.error.message

    @pytest.mark.parametrize("name", ["", "a\x00b", "x" * 201])
    def test_an_illegal_workflow_name_is_refused_where_it_is_written(self, define, name):
        """C14."""
        with pytest.raises(DefinitionError, match="workflow name"):
            define(lambda _: None, name=name or " ")

    @pytest.mark.parametrize("name", ["größe", "支付", "step one", "a.b:c-d_e"])
    def test_any_language_may_name_a_step(self, driver, define, name):
        """C71."""
        execution = driver.start(define(lambda ctx: ctx.step(name, lambda: 1)))

        assert driver.steps(execution) == [name]


def test_run_advances_the_children_it_waits_for(driver, define):
    child = define(lambda ctx, number: ctx.step("double", lambda: number * 2))

    def body(ctx):
        with ctx.parallel("both") as p:
            one, two = p.child("one", child, 1), p.child("two", child, 2)
        return [one.result, two.result, *ctx.map("more", child, [3, 4])]

    assert define(body).run() == [2, 4, 6, 8]


def test_the_bodys_context_is_refused_in_a_branch(driver, define):
    def body(ctx):
        with ctx.parallel("both") as p:
            p.branch("wrong", lambda _: ctx.step("inside", lambda: 1))

    execution = driver.start(define(body))

    assert "Use the context that the branch is given" in str(execution.error)
