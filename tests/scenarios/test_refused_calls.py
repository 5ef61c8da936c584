"""Durable calls stand in the body itself; anywhere else they are refused, with what to do."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import transaction

from durable_django import DurableError, current_step
from durable_django.exceptions import DefinitionError, DurableCallError
from tests.scenarios.worlds import orm_only

HOUR = timedelta(hours=1)

CALLS = {
    "step": lambda ctx: ctx.step("inner", lambda: 1),
    "sleep": lambda ctx: ctx.sleep("inner", HOUR),
    "wait_signal": lambda ctx: ctx.wait_signal("inner"),
    "progress": lambda ctx: ctx.progress(1, 2),
}


@pytest.fixture(params=CALLS, ids=str)
def call(request):
    return CALLS[request.param]


def test_inside_an_action(driver, define, call):
    execution = driver.start(define(lambda ctx: ctx.step("outer", call, ctx)))

    assert execution.status == "failed"


def test_inside_an_action_it_says_so(driver, define):
    def body(ctx):
        ctx.step("outer", lambda: ctx.step("inner", print))

    execution = driver.start(define(body))

    assert "inside the action of step 'outer'" in execution.error.message
    assert [c.key for c in driver.checkpoints(execution)] == ["outer"]


def test_in_another_thread(driver, define, call):
    caught = []

    def body(ctx):
        def run():
            try:
                call(ctx)
            except DurableCallError as error:
                caught.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()

    execution = driver.start(define(body))

    assert execution.status == "completed"
    assert "in another thread" in caught[0]


@pytest.mark.parametrize("way", ["ended", "suspended"])
def test_after_the_slice(driver, define, call, way):
    kept = []

    def body(ctx):
        kept.append(ctx)
        if way == "suspended":
            ctx.sleep("nap", HOUR)

    driver.start(define(body))

    with pytest.raises(DurableCallError, match=r"slice of execution .* is over"):
        call(kept[0])


def test_current_step_outside_of_an_action(driver, define):
    def body(ctx):
        with pytest.raises(DurableCallError, match="none is running"):
            ctx.idempotency_key  # noqa: B018 -- to read it is the act

    assert driver.start(define(body)).status == "completed"
    with pytest.raises(DurableCallError):
        current_step()


def test_a_body_of_another_workflow_may_be_run_inside_an_action(driver, define):
    inner = define(lambda ctx: ctx.step("inner", lambda: current_step().key))
    outer = define(lambda ctx: ctx.step("outer", lambda: [inner.run(), current_step().key]))

    assert driver.result(driver.start(outer)) == ["inner", "outer"]


def test_an_async_body_is_refused_where_it_is_written(define):
    async def body(ctx):
        pass

    with pytest.raises(DefinitionError, match="ordinary `def`"):
        define(body)


@pytest.mark.parametrize(
    "options",
    [
        {"atomic": True, "at_most_once": True},
        {"timeout": timedelta(0)},
        {"timeout": -HOUR},
    ],
    ids=str,
)
def test_contradicting_options_are_refused(driver, define, log, options):
    execution = driver.start(define(lambda ctx: ctx.step("a", log.action("a"), **options)))

    assert execution.error.type == "DefinitionError"
    assert log == []


def test_what_is_no_function_is_no_action(driver, define):
    execution = driver.start(define(lambda ctx: ctx.step("a", "not callable")))

    assert "needs a callable action" in execution.error.message


class TestSwallowing:
    """Suspension is no error; a body that catches everything all the same goes no further."""

    def test_the_next_durable_call_raises_it_again(self, driver, define, log):
        def body(ctx):
            try:
                ctx.sleep("nap", HOUR)
            except BaseException:  # noqa: BLE001 -- the point
                log.append("swallowed")
            return ctx.step("after", log.action("after", "done"))

        execution = driver.start(define(body))
        before = (execution.status, list(log))
        driver.advance(hours=1)

        assert before == ("suspended", ["swallowed"])
        assert driver.result(execution) == "done"
        assert log == ["swallowed", "after"]

    def test_the_return_raises_it_again(self, driver, define):
        def body(ctx):
            try:
                return ctx.wait_signal("go")
            except BaseException:  # noqa: BLE001 -- the point
                return "swallowed"

        execution = driver.start(define(body))
        before = execution.status
        driver.signal(execution, "go", "went")

        assert before == "suspended"
        assert driver.result(execution) == "went"

    def test_another_error_on_the_way_out_does_not_hide_it(self, driver, define):
        def body(ctx):
            try:
                ctx.sleep("nap", HOUR)
            finally:
                if driver.clock.now() < later:
                    raise ValueError("while tidying up")

        later = driver.clock.now() + HOUR
        execution = driver.start(define(body))
        before = execution.status
        driver.advance(hours=1)

        assert (before, execution.refresh().status) == ("suspended", "completed")

    def test_except_exception_does_not_see_it(self, driver, define, log):
        def body(ctx):
            try:
                ctx.sleep("nap", HOUR)
            except Exception:  # noqa: BLE001 -- the point
                log.append("swallowed")

        driver.start(define(body))

        assert log == []

    @pytest.mark.parametrize("reason", [KeyboardInterrupt, SystemExit])
    def test_a_process_told_to_end_ends(self, driver, define, log, reason):
        def end():
            raise reason

        def body(ctx):
            try:
                ctx.step("a", end)
            except BaseException:  # noqa: BLE001 -- the point
                log.append("swallowed")
            ctx.step("b", log.action("b"))

        execution = define(body).start()
        with pytest.raises(reason):
            driver.drain()

        assert log == ["swallowed"]
        assert execution.refresh().status == "running"


@orm_only
class TestTransaction:
    def test_inside_the_user_s_atomic(self, driver, define, call):
        def body(ctx):
            with transaction.atomic():
                call(ctx)

        execution = driver.start(define(body))

        assert execution.error.type == "DurableCallError"
        assert "inside transaction.atomic()" in execution.error.message

    def test_also_on_replay(self, driver, define):
        """A call that only replays would not roll anything back, and is refused all the same."""
        errors = []

        def outside(ctx):
            ctx.step("a", lambda: 1)
            ctx.sleep("nap", HOUR)

        def inside(ctx):
            with transaction.atomic():
                try:
                    ctx.step("a", lambda: 1)
                except DurableError as error:
                    errors.append(error)
                    raise

        workflow = define(outside)
        driver.start(workflow)
        define(inside, name=workflow.name)
        driver.advance(hours=1)

        assert [type(error) for error in errors] == [DurableCallError]

    def test_run_inside_the_user_s_atomic(self, driver, define):
        order = define(lambda _: 1)

        with transaction.atomic(), pytest.raises(DurableCallError, match="Use start"):
            order.run()

    def test_start_inside_the_user_s_atomic_is_welcome_and_rolls_back(self, driver, define):
        order = define(lambda _: 1)

        with transaction.atomic():
            kept = order.start()
        with transaction.atomic():
            order.start()
            transaction.set_rollback(True)
        driver.drain()

        assert driver.result(kept) == 1
        assert len(driver.store.list_executions(workflow_name=order.name)) == 1
