"""The database fails at a write: the slice is given up as after a crash, and all goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy
from durable_django.testing.crash import WORKER_WRITES
from durable_django.testing.driver import LEASE, DurableDriver, build_test_engine

HOUR = timedelta(hours=1)
SLICE_WRITES = [name for name in WORKER_WRITES if not name.startswith("claim")]


class AwayError(Exception):
    """What a database driver may raise; not one of ours."""


class FailingStore:
    """Fails at the writes that are given by number, before they are done or after."""

    def __init__(self, store, failing=(), *, is_after=False):
        self._store = store
        self.failing = set(failing)
        self._is_after = is_after
        self.writes = []

    def __getattr__(self, name):
        method = getattr(self._store, name)
        return self._failing(name, method) if name in SLICE_WRITES else method

    def _failing(self, name, method):
        def write(*args, **kwargs):
            self.writes.append(name)
            fails = len(self.writes) in self.failing
            if fails and not self._is_after:
                raise AwayError
            answer = method(*args, **kwargs)
            if fails:
                raise AwayError
            return answer

        return write


@pytest.fixture
def failing(world, registry, new_driver):
    """Make a driver on a store that fails at these writes."""
    use = new_driver()._use

    def make(*numbers, is_after=False):
        made = []

        def new_store(clock):
            made.append(FailingStore(world.new_store(clock), numbers, is_after=is_after))
            return made[-1]

        def build(store, clock):
            return build_test_engine(store, clock, registry=registry, **world.needs())

        driver = DurableDriver(build, new_store, use, world.isolate)
        return driver, made[0]

    return make


@pytest.fixture
def trip(define, world):
    def body(ctx):
        ctx.step("flight", world.write, "flight", compensate=lambda _: world.write("-flight"))
        ctx.step("hotel", world.write, "hotel", compensate=lambda _: world.write("-hotel"))
        ctx.sleep("nap", HOUR)
        ctx.wait_signal("go", timeout=HOUR, default=None)
        ctx.wait_signal("go")
        ctx.step("seat", refuse, retry=RetryPolicy.fixed(2, HOUR))

    def refuse():
        raise ValueError("no seat")

    return define(body)


def play(driver, trip):
    execution = driver.start(trip)
    driver.advance(hours=3)
    execution.signal("go")
    driver.advance(hours=3)
    return execution.refresh()


def test_the_end_is_the_same_wherever_it_fails(failing, trip, world):
    driver, store = failing()
    expected = play(driver, trip)
    total = len(store.writes)

    assert expected.status == "failed"
    assert total > 12
    for number in range(1, total + 1):
        for is_after in (False, True):
            with world.isolate():
                driver, store = failing(number, is_after=is_after)
                got = play(driver, trip)
                where = f"{'after' if is_after else 'before'} {store.writes[number - 1]}"
                effects = list(dict.fromkeys(world.entries()))

                assert (got.status, got.execution.error) == (
                    expected.status,
                    expected.execution.error,
                ), where
                assert effects[-4:] == ["flight", "hotel", "-hotel", "-flight"], where


def test_if_not_even_the_lease_can_be_given_back_it_runs_out(failing, define, log):
    driver, store = failing(2, 3)
    execution = driver.start(define(lambda ctx: ctx.step("a", log.action("a", 1))))
    before = (execution.status, list(store.writes))
    driver.advance(LEASE)

    assert before == ("running", ["record_intent", "record_outcome", "abandon"])
    assert driver.result(execution) == 1
    assert log == ["a", "a"]


def test_a_failure_of_the_store_is_not_the_step_s(failing, define, log):
    """Neither an attempt is spent, nor is the body told."""
    driver, _ = failing(2)
    execution = driver.start(define(lambda ctx: ctx.step("a", log.action("a", 1))))
    driver.advance(minutes=1)

    assert driver.result(execution) == 1
    assert [(c.attempt, str(c.status)) for c in driver.checkpoints(execution)] == [(1, "completed")]


def test_a_body_cannot_swallow_it(failing, define, log):
    driver, _ = failing(1)

    def body(ctx):
        try:
            ctx.step("a", log.action("a"))
        except BaseException:  # noqa: BLE001 -- the point
            log.append("swallowed")
        ctx.step("b", log.action("b"))

    driver.start(define(body))
    before = list(log)
    driver.advance(minutes=1)

    assert before == ["swallowed"]
    assert log == ["swallowed", "a", "b"]


def test_what_is_cancelled_does_not_end_with_an_error_of_the_store(failing, define, world):
    def body(ctx):
        ctx.step("a", world.write, "a", compensate=lambda _: world.write("-a"))
        ctx.wait_signal("go")

    driver, store = failing()
    execution = driver.start(define(body))
    store.failing = {len(store.writes) + 2}
    driver.cancel(execution)
    driver.advance(minutes=1)

    assert "abandon" in store.writes
    assert execution.refresh().status == "cancelled"
    assert execution.error is None
