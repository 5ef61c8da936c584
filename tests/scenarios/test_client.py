"""`client`: the acts of the admin and the API, in the caller's transaction."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from durable_django import client
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import ExecutionNotFoundError, InvalidTransitionError
from tests.scenarios.worlds import orm_only

pytestmark = orm_only
HOUR = timedelta(hours=1)


@pytest.fixture
def wait(driver, define):
    return define(lambda ctx: ctx.wait_signal("go"))


@pytest.fixture
def execution(driver, wait):
    return driver.start(wait)


class TestActs:
    def test_start_by_name(self, wait):
        handle = client.start(wait.name, options=StartOptions(key="one"))

        assert client.find(wait.name, "one").id == handle.id

    def test_get_takes_an_id_as_text_too(self, execution):
        assert client.get(execution.id).id == client.get(str(execution.id)).id == execution.id

    @pytest.mark.parametrize("wrong", ["", "7", "no uuid", "00000000-0000-0000-0000-000000000000"])
    def test_get_of_what_is_not_there(self, driver, wrong):
        with pytest.raises(ExecutionNotFoundError):
            client.get(wrong)

    def test_signal(self, driver, execution):
        client.signal(execution.id, "go", {"boxes": 2}, dedupe_key="scan-77")
        driver.drain()

        assert execution.result(timeout=5) == {"boxes": 2}

    def test_cancel(self, driver, execution):
        assert client.cancel(execution.id, reason="customer", compensate=True) is True
        driver.drain()

        assert execution.refresh().status == "cancelled"

    def test_pause_resume(self, driver, execution):
        assert client.pause(execution.id) is True
        assert execution.refresh().status == "paused"
        assert client.resume(execution.id) is True
        driver.drain()
        assert execution.refresh().status == "suspended"

    def test_retry(self, driver, define):
        failed = driver.start(define(lambda ctx: ctx.wait_signal("go"), ttl=HOUR))
        driver.advance(hours=1)

        assert client.retry(failed.id) == "pending"

    def test_observe(self, driver, execution):
        seen = []
        for state in client.observe(execution.id):
            seen.append(state.status)
            if len(seen) == 1:
                client.cancel(execution.id)
                driver.drain()

        assert seen == ["suspended", "cancelled"]

    def test_recover(self, driver, define):
        napping = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))
        driver.clock.advance(hours=2)

        assert client.recover().resumed == [napping.id]

    def test_list_executions(self, driver, wait, execution):
        assert [e.id for e in client.list_executions(workflow=wait.name)] == [execution.id]


class TestTransaction:
    """Acts commit or vanish with the caller's transaction."""

    def rolled_back(self, act):
        with transaction.atomic():
            answer = act()
            transaction.set_rollback(True)
        return answer

    def test_a_signal_rolled_back_was_never_sent(self, driver, execution):
        self.rolled_back(lambda: client.signal(execution.id, "go", 1))
        driver.drain()

        assert execution.refresh().status == "suspended"
        assert driver.store.list_signals(execution.id) == []

    def test_a_cancel_rolled_back_was_never_asked_for(self, driver, execution):
        self.rolled_back(lambda: client.cancel(execution.id))
        driver.signal(execution, "go", 1)

        assert driver.result(execution) == 1

    def test_a_start_rolled_back_leaves_its_key_free(self, driver, wait):
        self.rolled_back(lambda: wait.options(key="one").start())

        assert wait.options(key="one").start().is_new

    def test_a_key_that_exists_does_not_spoil_the_transaction(self, driver, wait):
        wait.options(key="one").start()

        with transaction.atomic():
            again = wait.options(key="one").start()
            other = wait.start()

        assert (again.is_new, other.is_new) == (False, True)
        assert len(client.list_executions(workflow=wait.name)) == 2

    def test_a_refused_act_does_not_spoil_the_transaction(self, driver, execution, wait):
        driver.cancel(execution)

        with transaction.atomic():
            with pytest.raises(InvalidTransitionError):
                client.signal(execution.id, "go")
            with pytest.raises(InvalidTransitionError):
                client.cancel(execution.id)
            started = wait.start()

        assert client.get(started.id).status == "pending"


class TestAsyncTwins:
    def test_each_act_has_one(self, driver, wait):
        async def view():
            handle = await client.astart(wait.name)
            paused = await client.apause(handle.id)
            resumed = await client.aresume(handle.id)
            signal = await client.asignal(handle.id, "go", 1)
            cancelled = await client.acancel(handle.id)
            found = await client.aget(handle.id)
            return paused, resumed, signal.position, cancelled, found.status

        assert async_to_sync(view)() == (True, True, 1, True, "suspended")
