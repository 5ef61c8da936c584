"""What the body may ask for beside durable calls: the same on every replay."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from durable_django import RetryPolicy
from durable_django.testing.crash import SimulatedCrash

HOUR = timedelta(hours=1)


@pytest.fixture
def slices(driver, define):
    """Run a body over several slices; return what `look(ctx)` gave at each of its places."""

    def run(look):
        seen = []

        def body(ctx):
            places = [look(ctx)]
            ctx.step("a", lambda: driver.clock.advance(minutes=5) and None)
            places.append(look(ctx))
            ctx.sleep("nap", HOUR)
            places.append(look(ctx))
            ctx.wait_signal("go", timeout=HOUR, default=None)
            places.append(look(ctx))
            seen.append(places)
            ctx.sleep("again", HOUR)
            seen.append(places)

        execution = driver.start(define(body))
        driver.advance(hours=1)
        driver.restart()
        driver.advance(hours=1)
        driver.restart()
        driver.advance(hours=1)
        assert execution.refresh().status == "completed"
        assert len(seen) == 3
        return seen

    return run


@pytest.mark.parametrize(
    "look",
    [
        pytest.param(lambda ctx: ctx.now(), id="now"),
        pytest.param(lambda ctx: ctx.uuid(), id="uuid"),
        pytest.param(lambda ctx: ctx.random.random(), id="random"),
        pytest.param(lambda ctx: ctx.execution_id, id="execution_id"),
    ],
)
def test_it_is_the_same_on_replay(slices, look):
    first, second, third = slices(look)

    assert first == second == third


def test_uuids_and_random_numbers_differ_within_a_run_and_between_runs(driver, define):
    draw = define(lambda ctx: [str(ctx.uuid()), str(ctx.uuid()), ctx.random.random()])

    one, two = (driver.result(driver.start(draw)) for _ in range(2))

    assert len({*one, *two}) == 6


class TestNow:
    def test_it_is_when_the_last_durable_call_ended(self, driver, define):
        def body(ctx):
            before = ctx.now()
            ctx.sleep("nap", HOUR)
            return (ctx.now() - before) / HOUR

        execution = driver.start(define(body))
        driver.advance(hours=5)

        assert driver.result(execution) == 1

    def test_it_does_not_move_between_durable_calls(self, driver, define):
        def body(ctx):
            before = ctx.now()
            driver.clock.advance(hours=1)
            return ctx.now() == before

        assert driver.result(driver.start(define(body))) is True

    def test_it_begins_anew_when_the_body_is_walked_again_within_a_slice(self, driver, define):
        """A signal that came just before the suspension makes the body run twice in one slice."""
        seen = []

        def body(ctx):
            seen.append(ctx.now())
            ctx.step("a", lambda: driver.clock.advance(minutes=5) and None)
            if len(seen) == 1:
                driver.engine.send_signal(ctx.execution_id, "go")
            ctx.wait_signal("go")

        driver.start(define(body))

        assert len(seen) == 2
        assert seen[0] == seen[1]


class TestLog:
    def test_it_is_silent_on_replay(self, driver, define, caplog):
        caplog.set_level(logging.INFO, "durable_django.workflow")

        def body(ctx):
            ctx.log.info("begun")
            ctx.step("a", lambda: 1)
            ctx.log.info("after a")
            ctx.sleep("nap", HOUR)
            ctx.log.info("after nap")
            ctx.wait_signal("go")
            ctx.log.info("after go")
            ctx.step("flaky", flaky, retry=RetryPolicy.fixed(3, HOUR))
            ctx.log.info("after flaky")

        def flaky():
            tries.append(1)
            if len(tries) < 3:
                raise OSError

        tries = []
        execution = driver.start(define(body))
        driver.advance(hours=1)
        driver.signal(execution, "go")
        driver.advance(hours=5)

        assert execution.refresh().status == "completed"
        assert [record.message for record in caplog.records] == [
            "begun",
            "after a",
            "after nap",
            "after go",
            "after flaky",
        ]

    def test_each_record_says_which_execution_it_is_of(self, driver, define, caplog):
        workflow = define(lambda ctx: ctx.log.warning("at %s", 5, extra={"order": 7}))
        execution = driver.start(workflow)

        [record] = caplog.records
        assert record.message == "at 5"
        assert (record.execution_id, record.workflow) == (str(execution.id), workflow.name)
        assert record.order == 7

    def test_a_crash_loses_no_record_of_what_lies_after_it(self, driver, define, caplog):
        def body(ctx):
            ctx.sleep("nap", HOUR)
            ctx.step("a", lambda: 1)
            if not driver.crashes:
                raise SimulatedCrash
            ctx.log.warning("after a")

        driver.start(define(body))
        driver.advance(hours=1)

        assert "after a" in caplog.text

    def test_undoing_is_silent(self, driver, define, caplog):
        def body(ctx):
            ctx.step("a", lambda: 1, compensate=lambda _: None)
            ctx.log.warning("after a")
            raise ValueError

        driver.start(define(body))

        assert caplog.text.count("after a") == 1


class TestProgress:
    def test_people_see_it_while_the_body_runs(self, driver, define):
        seen = []

        def body(ctx):
            ctx.progress(1, 3, "packing")
            seen.append(driver.store.load_execution(ctx.execution_id).progress)

        driver.start(define(body))

        assert seen == [{"done": 1, "total": 3, "message": "packing"}]

    def test_it_does_not_go_back_on_replay(self, driver, define):
        seen = []

        def body(ctx):
            for done in range(3):
                ctx.step("pack", lambda: 1)
                ctx.progress(done + 1, 3)
                seen.append(driver.store.load_execution(ctx.execution_id).progress["done"])
            ctx.wait_signal("go")

        execution = driver.start(define(body))
        driver.signal(execution, "go")

        assert seen == [1, 2, 3, 3, 3, 3]
