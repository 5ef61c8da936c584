"""Awaiting from async code: nobody else waits for it, and no thread is left behind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import transaction

from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.start_request import engine_slot
from durable_django.exceptions import DurableCallError, WorkflowFailedError
from durable_django.stores.memory import InMemoryCheckpointStore
from tests.scenarios.worlds import memory_only, orm_only

DAY = timedelta(days=1)
WAIT_S = 10


class TestOnVirtualTime:
    def test_a_day_passes_at_once(self, driver, define):
        workflow = define(lambda ctx: ctx.step("a", int))
        due = driver.clock.now() + DAY

        async def view():
            execution = await workflow.options(delay=DAY).astart()
            waiting = asyncio.create_task(execution.aresult(timeout=2 * DAY))
            while driver.clock.now() < due:
                await execution.arefresh()
            await sync_to_async(driver.drain)()
            return await waiting

        assert async_to_sync(view)() == 0

    @memory_only
    def test_a_sleeping_workflow_runs_to_its_end(self, driver, define):
        def body(ctx):
            ctx.sleep("nap", DAY)
            return "rested"

        assert asyncio.run(define(body).arun()) == "rested"


@orm_only
def test_a_result_that_could_never_come_is_not_waited_for(driver, define):
    workflow = define(lambda ctx: None)

    with transaction.atomic():
        execution = workflow.start()
        with pytest.raises(DurableCallError, match="after the block"):
            execution.result()
        with pytest.raises(DurableCallError, match="after the block"):
            async_to_sync(execution.aresult)()
    driver.drain()

    assert execution.result() is None


@memory_only
class TestOnRealTime:
    """With threads and the clock on the wall."""

    @pytest.fixture
    def left(self):
        """Names of the threads that said they were about to end."""
        return []

    @pytest.fixture
    def engine(self, world, registry, left):
        engine = DurableEngine(
            store=InMemoryCheckpointStore(),
            registry=registry,
            on_thread_exit=lambda: left.append(threading.current_thread().name),
        )
        provider, engine_slot.provider = engine_slot.provider, lambda: engine
        yield engine
        engine_slot.provider = provider
        engine.dispose()

    def test_pending_results_block_nobody(self, engine, define):
        workflow = define(lambda ctx: ctx.wait_signal("go"))

        async def main():
            loop = asyncio.get_running_loop()
            executions = [await workflow.astart() for _ in range(100)]
            waiting = [asyncio.create_task(e.aresult()) for e in executions]
            await asyncio.sleep(0.05)
            # The default executor is free, and so is the thread of everybody's ORM.
            await asyncio.wait_for(loop.getaddrinfo("127.0.0.1", 80), WAIT_S)
            for number, execution in enumerate(executions):
                await asyncio.wait_for(execution.asignal("go", number), WAIT_S)
            await asyncio.to_thread(engine.drain)
            return await asyncio.wait_for(asyncio.gather(*waiting), WAIT_S)

        assert asyncio.run(main()) == list(range(100))

    def test_runs_go_on_side_by_side(self, engine, define, left):
        barrier = threading.Barrier(40, timeout=WAIT_S)
        workflow = define(lambda ctx, n: ctx.step("meet", lambda: (barrier.wait(), n)[1]))

        async def main():
            return await asyncio.gather(*(workflow.arun(n) for n in range(40)))

        assert asyncio.run(main()) == list(range(40))
        assert left.count("durable-arun") == 40

    def test_an_error_arrives(self, engine, define, left):
        def body(ctx):
            raise ValueError("no")

        with pytest.raises(WorkflowFailedError, match="no"):
            asyncio.run(define(body).arun())
        assert left.count("durable-arun") == 1

    def test_an_async_action_may_use_threads_and_context(self, engine, define):
        tenant = contextvars.ContextVar("tenant", default="nobody")

        async def fetch():
            return await asyncio.to_thread(tenant.get)

        workflow = define(lambda ctx: ctx.step("fetch", fetch))

        async def main():
            tenant.set("ours")
            return await workflow.arun()

        assert asyncio.run(main()) == "ours"

    def test_it_goes_on_when_nobody_awaits_it_any_more(self, engine, define):
        begun, release, ended = threading.Event(), threading.Event(), threading.Event()

        def act():
            begun.set()
            release.wait(WAIT_S)
            ended.set()

        workflow = define(lambda ctx: ctx.step("a", act))

        async def main():
            running = asyncio.create_task(workflow.arun())
            await asyncio.to_thread(begun.wait, WAIT_S)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

        asyncio.run(main())
        release.set()
        assert ended.wait(WAIT_S)
