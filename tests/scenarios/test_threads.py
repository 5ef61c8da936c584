"""What only threads show: timeouts in real time, and workers side by side."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync

from durable_django import RetryPolicy, StepTimeoutError, current_step
from durable_django.engine.action_runner import ThreadActionRunner
from durable_django.exceptions import DurableCallError
from tests.scenarios.worlds import memory_only

pytestmark = memory_only
BRIEF = timedelta(milliseconds=20)
LONG = timedelta(minutes=1)


class TestTimeout:
    @pytest.fixture
    def driver(self, new_driver):
        return new_driver(actions=ThreadActionRunner())

    @pytest.fixture
    def release(self):
        event = threading.Event()
        yield event
        event.set()

    def test_a_late_action_is_left_behind_and_its_result_ignored(self, driver, define, release):
        ended = threading.Event()

        def hang():
            release.wait()
            ended.set()
            return "too late"

        def body(ctx):
            with pytest.raises(StepTimeoutError):
                ctx.step("hang", hang, timeout=BRIEF)
            return "went on"

        execution = driver.start(define(body))
        release.set()

        assert ended.wait(timeout=10)
        assert driver.result(execution) == "went on"
        assert driver.checkpoints(execution)[0].output is None

    def test_an_action_in_time_knows_its_step(self, driver, define):
        def body(ctx):
            return ctx.step("look", lambda: current_step().key, timeout=LONG)

        assert driver.result(driver.start(define(body))) == "look"

    def test_its_error_is_the_step_s(self, driver, define):
        def failing():
            raise OSError("down")

        execution = driver.start(define(lambda ctx: ctx.step("call", failing, timeout=LONG)))

        assert "OSError: down" in execution.error.message

    def test_a_durable_call_in_it_is_refused(self, driver, define):
        def body(ctx):
            ctx.step("outer", lambda: ctx.step("inner", int), timeout=LONG)

        execution = driver.start(define(body))

        assert DurableCallError.__name__ in execution.error.message

    def test_an_async_action_may_have_one(self, driver, define):
        async def fetch():
            return 7

        body = define(lambda ctx: ctx.step("fetch", fetch, timeout=LONG))

        assert driver.result(driver.start(body)) == 7


class TestSideBySide:
    def test_workers_share_the_work_and_do_none_twice(self, driver, define):
        """C9, C78, C80."""
        ran = []

        def body(ctx, number):
            ctx.step("one", ran.append, number)
            ctx.step("two", ran.append, -number)
            return number

        workflow = define(body)
        executions = workflow.options().start_many([(n,) for n in range(1, 101)])
        barrier = threading.Barrier(4)

        def work(_):
            barrier.wait()
            return driver.engine.drain()

        with ThreadPoolExecutor(4) as pool:
            slices = sum(pool.map(work, range(4)))

        assert slices == 100
        assert sorted(ran) == sorted([*range(1, 101), *range(-100, 0)])
        assert [driver.result(e) for e in executions] == list(range(1, 101))

    def test_scans_side_by_side_are_safe(self, driver, define):
        """C78."""
        workflow = define(lambda ctx: ctx.sleep("nap", LONG))
        executions = workflow.options().start_many([()] * 50)
        driver.drain()
        driver.clock.advance(LONG)
        barrier = threading.Barrier(4)

        def scan(_):
            barrier.wait()
            return driver.engine.recover().resumed

        with ThreadPoolExecutor(4) as pool:
            reports = [id_ for resumed in pool.map(scan, range(4)) for id_ in resumed]

        assert sorted(reports) == sorted(e.id for e in executions)

    def test_signals_sent_side_by_side_are_each_consumed_once(self, driver, define):
        """C73."""
        workflow = define(lambda ctx: sorted(ctx.wait_signal("go") for _ in range(40)))
        execution = driver.start(workflow)
        barrier = threading.Barrier(4)

        def send(sender):
            barrier.wait()
            for number in range(10):
                driver.engine.send_signal(execution.id, "go", sender * 10 + number)
                driver.engine.run_one(execution.id)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(send, range(4)))
        driver.drain()

        assert driver.result(execution) == list(range(40))


class TestAsyncTwins:
    def test_a_view_may_start_signal_and_await(self, driver, define):
        workflow = define(lambda ctx, n: n + ctx.wait_signal("go"))

        async def view():
            execution = await workflow.astart(1)
            await execution.asignal("go", 2)
            driver.drain()
            return await execution.aresult(timeout=1)

        assert async_to_sync(view)() == 3

    def test_a_view_may_run(self, driver, define):
        async def fetch():
            return 7

        workflow = define(lambda ctx: ctx.step("a", fetch, retry=RetryPolicy.fixed(2)))

        assert async_to_sync(workflow.arun)() == 7

    def test_a_view_may_cancel_and_refresh(self, driver, define):
        workflow = define(lambda ctx: ctx.wait_signal("go"))

        async def view():
            execution = await workflow.astart()
            cancelled = await execution.acancel("enough")
            driver.drain()
            return cancelled, (await execution.arefresh()).status

        assert async_to_sync(view)() == (True, "cancelled")
