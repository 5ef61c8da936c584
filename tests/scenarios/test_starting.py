from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from durable_django.exceptions import (
    DefinitionError,
    ExecutionKeyConflictError,
    PayloadError,
    UnknownWorkflowError,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def order(driver, define):
    def body(ctx, order_id: int, *, gift: bool = False):
        return [order_id, gift, ctx.input]

    return define(body, tags=["shop"])


class TestStart:
    def test_it_inserts_a_pending_row_and_runs_nothing(self, driver, order):
        execution = order.start(5)

        assert (execution.status, execution.is_new) == ("pending", True)
        assert execution.execution.wake_at == driver.clock.now()

    def test_the_input_is_the_arguments_by_name_with_their_defaults(self, driver, order):
        """C4."""
        execution = driver.start(order, 5)

        assert driver.result(execution) == [5, False, {"order_id": 5, "gift": False}]

    def test_arguments_that_do_not_fit_are_refused(self, order):
        with pytest.raises(TypeError, match="order_id"):
            order.start()

    def test_an_argument_that_is_no_payload_is_refused(self, driver, order):
        with pytest.raises(PayloadError, match="Input of workflow"):
            order.start(object())
        assert driver.store.list_executions() == []

    def test_by_name(self, driver, order):
        handle = driver.engine.start_by_name(order.name, {"order_id": 5, "gift": True})
        driver.drain()

        assert handle.result()[:2] == [5, True]

    def test_an_unknown_name_is_refused(self, driver):
        with pytest.raises(UnknownWorkflowError, match="nowhere"):
            driver.engine.start_by_name("nowhere")

    def test_the_highest_version_is_started_by_name(self, driver, define):
        first = define(lambda _: 1)
        define(lambda _: 2, name=first.name, version=2)

        assert driver.engine.start_by_name(first.name).execution.workflow_version == 2


class TestOptions:
    def test_they_are_stored(self, driver, order):
        begins = driver.clock.now() + HOUR
        request = order.options(
            priority=5, start_at=begins, tags=["vip", "shop"], correlation_id="cart-7", ttl=HOUR
        )
        facts = request.start(1).execution

        assert (facts.priority, facts.tags, facts.correlation_id) == (5, ("shop", "vip"), "cart-7")
        assert (facts.wake_at, facts.expires_at) == (begins, begins + HOUR)

    def test_a_delay_is_reckoned_from_now(self, driver, order):
        facts = order.options(delay=HOUR).start(1).execution

        assert facts.wake_at == driver.clock.now() + HOUR

    def test_options_of_options_add_up(self, order):
        facts = order.options(priority=5).options(tags=["vip"]).start(1).execution

        assert (facts.priority, facts.tags) == (5, ("shop", "vip"))

    @pytest.mark.parametrize(
        "options",
        [
            {"key": ""},
            {"key": "a\nb"},
            {"queue": " "},
            {"priority": -1},
            {"priority": 1001},
            {"priority": 1.5},
            {"tags": ["a\x00"]},
            {"tags": [str(n) for n in range(51)]},
            {"start_at": datetime(2030, 1, 1)},  # noqa: DTZ001 -- the point
            {"start_at": datetime(2030, 1, 1, tzinfo=UTC), "delay": HOUR},
            {"correlation_id": "x" * 256},
        ],
        ids=lambda options: " and ".join(f"{key} {value!a:.20}" for key, value in options.items()),
    )
    def test_what_could_not_work_is_refused(self, driver, order, options):
        """C14."""
        with pytest.raises(DefinitionError):
            order.options(**options).start(1)
        assert driver.store.list_executions() == []


class TestKey:
    def test_the_same_start_again_is_the_same_execution(self, driver, order):
        first = order.options(key="order-1").start(1)
        driver.drain()
        again = order.options(key="order-1").start(1)

        assert again.id == first.id
        assert (first.is_new, again.is_new) == (True, False)
        assert again.status == "completed"

    def test_another_input_is_a_conflict(self, order):
        first = order.options(key="order-1").start(1)

        with pytest.raises(ExecutionKeyConflictError) as caught:
            order.options(key="order-1").start(2)
        assert caught.value.execution_id == first.id

    def test_keys_of_workflows_are_apart(self, define, order):
        other = define(lambda _, order_id: order_id)

        first = order.options(key="order-1").start(1)
        second = other.options(key="order-1").start(1)

        assert first.id != second.id

    def test_it_can_be_found_by_its_key(self, driver, order):
        first = order.options(key="order-1").start(1)

        assert driver.engine.find(order.name, "order-1").id == first.id
        assert driver.engine.find(order.name, "order-2") is None


class TestStartMany:
    def test_each_has_its_own_input_in_the_order_given(self, driver, order):
        executions = order.options(tags=["bulk"]).start_many([(1,), (2,), (3,)])
        driver.drain()

        assert [driver.result(e)[0] for e in executions] == [1, 2, 3]
        assert {e.execution.tags for e in executions} == {("shop", "bulk")}

    def test_all_or_none(self, driver, order):
        with pytest.raises(PayloadError):
            order.start_many([(1,), (object(),)])
        assert driver.store.list_executions() == []

    def test_none_is_none(self, order):
        assert order.start_many([]) == []

    def test_one_key_for_several_is_refused(self, order):
        with pytest.raises(DefinitionError, match="same key"):
            order.options(key="order-1").start_many([(1,), (2,)])


class TestDispatcher:
    class Doorbell:
        def __init__(self):
            self.rung = []

        def wake(self, queue="default", slots=1):
            self.rung.append(queue)

    @pytest.fixture
    def doorbell(self):
        return self.Doorbell()

    @pytest.fixture
    def wired(self, new_driver, doorbell):
        return new_driver(dispatcher=doorbell)

    def test_a_start_rings_for_its_queue(self, wired, define, doorbell):
        define(lambda _: 1, queue="mail").start()

        assert doorbell.rung == ["mail"]

    def test_a_start_for_later_does_not(self, wired, define, doorbell):
        define(lambda _: 1).options(delay=HOUR).start()

        assert doorbell.rung == []

    def test_a_signal_a_cancel_and_a_resume_ring(self, wired, define, doorbell):
        execution = define(lambda ctx: ctx.wait_signal("go")).start()
        wired.drain()
        doorbell.rung.clear()

        execution.signal("go", 1, dedupe_key="a")
        execution.signal("go", 1, dedupe_key="a")
        wired.engine.pause(execution.id)
        wired.engine.resume(execution.id)
        execution.cancel()

        assert doorbell.rung == ["default"] * 3
