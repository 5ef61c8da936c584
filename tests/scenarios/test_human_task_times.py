from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import Escalate, TaskTimeoutError
from durable_django.domain.event import Actor, ActorKind
from durable_django.exceptions import TaskOverError
from tests.scenarios.people import (
    Listener,
    answer_behind,
    before_next,
    states,
)

HOUR = timedelta(hours=1)
CAROL = Actor(kind=ActorKind.USER, id="3", name="carol")


class TestTimeout:
    def test_it_raises_when_the_time_is_up(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}, timeout=HOUR)))
        driver.advance(HOUR)

        assert execution.refresh().status == "failed"
        assert execution.error.type == "TaskTimeoutError"
        assert states(driver, execution) == [("approve", "expired")]
        assert [str(t.status) for t in driver.store.list_timers(execution.id)] == ["fired"]

    @pytest.mark.parametrize("default", [None, 0, "none"], ids=repr)
    def test_a_default_is_returned_instead_live_and_on_replay(self, driver, define, default):
        """C69, W8d."""

        def body(ctx):
            answer = ctx.ask("approve", {}, timeout=HOUR, default=default)
            ctx.sleep("nap", HOUR)
            return answer

        execution = driver.start(define(body))
        driver.advance(2 * HOUR)

        assert driver.result(execution) == default

    def test_it_is_an_outcome_that_replays(self, driver, define):
        seen = []

        def body(ctx):
            with pytest.raises(TaskTimeoutError) as caught:
                ctx.ask("approve", {}, timeout=HOUR)
            seen.append(str(caught.value))
            ctx.sleep("nap", HOUR)

        execution = driver.start(define(body))
        driver.advance(2 * HOUR)

        assert execution.refresh().status == "completed"
        assert len(seen) == 2
        assert seen[0] == seen[1]

    def test_an_answer_by_the_last_moment_wins(self, driver, define):
        """Before the timeout is recorded: the timer is due, and nobody has looked."""
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}, timeout=HOUR).by))
        driver.clock.advance(2 * HOUR)

        driver.complete_task(execution, "approve", by="alice")

        assert driver.result(execution) == "alice"

    def test_one_that_arrives_as_the_time_is_up_wins(self, driver, define):
        """The body itself stands in for the other process: the slice has read the task."""
        looks = []

        def body(ctx):
            looks.append(1)
            if len(looks) > 1:
                answer_behind(driver, ctx.execution_id)
            return ctx.ask("approve", {}, timeout=HOUR).by

        execution = driver.start(define(body))
        driver.advance(HOUR)

        assert driver.result(execution) == "alice"

    @pytest.mark.parametrize("act", ["answer", "signal", "cancel"])
    def test_news_as_the_timeout_is_written_is_heeded(self, driver, define, act):
        """The store stands in for the other process: the slice has found the time to be up."""
        acts = {
            "answer": lambda: answer_behind(driver, execution.id),
            "signal": lambda: execution.signal("other"),
            "cancel": lambda: driver.engine.cancel(execution.id),
        }
        body = define(lambda ctx: ctx.ask("approve", {}, timeout=HOUR, default=None) is not None)
        execution = driver.start(body)
        before_next(driver, "expire_task", acts[act])

        driver.advance(HOUR)

        ends = {"answer": ("completed", "true"), "signal": ("completed", "false")}
        found = execution.refresh().execution
        assert (found.status, found.output) == ends.get(act, ("cancelled", None))

    def test_one_after_it_is_told_that_it_is_late(self, driver, define):
        def body(ctx):
            return ctx.ask("approve", {}, timeout=HOUR, default="late")

        execution = driver.start(define(body))
        driver.advance(HOUR)
        [task] = driver.tasks(execution)

        with pytest.raises(TaskOverError, match="ran out of time"):
            driver.store.complete_task(task.id, "alice", "{}")

        assert driver.result(execution) == "late"

    def test_its_end_is_fixed_when_it_is_first_asked(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}, timeout=HOUR)))
        driver.advance(HOUR / 2)
        driver.signal(execution, "other")
        driver.pause(execution)
        driver.resume(execution)
        driver.restart()
        driver.advance(HOUR / 2)

        assert execution.refresh().status == "failed"
        assert len(driver.tasks(execution)) == 1


class TestNews:
    def test_an_answer_between_the_look_and_the_suspension_is_not_lost(self, driver, define):
        """W8b: the store itself stands in for the other process."""
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}).by))
        before_next(driver, "suspend", lambda: answer_behind(driver, execution.id))

        driver.pause(execution)
        driver.resume(execution)

        assert driver.result(execution) == "alice"

    def test_another_signal_then_changes_nothing(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}).by))
        before_next(driver, "suspend", lambda: execution.signal("other"))

        driver.pause(execution)
        driver.resume(execution)
        driver.complete_task(execution, "approve", by="alice")

        assert driver.result(execution) == "alice"
        assert len(driver.tasks(execution)) == 1

    def test_a_signal_as_it_is_first_asked_does_not_ask_twice(self, driver, define):
        execution = define(lambda ctx: ctx.ask("approve", {}).by).start()
        before_next(driver, "suspend", lambda: execution.signal("other"))

        driver.drain()

        assert len(driver.tasks(execution)) == 1


class TestReminders:
    def test_they_come_in_time_over_restarts(self, new_driver, define):
        listener = Listener()
        driver = new_driver(observers=[listener])

        def body(ctx):
            to = Escalate(after=2.5 * HOUR, to="group:boss")
            return ctx.ask(
                "approve", {}, candidates="alice", remind=HOUR, escalate=to, timeout=10 * HOUR
            ).by

        execution = driver.start(define(body))
        told = []
        for _ in range(4):
            driver.restart()
            driver.advance(driver.tasks(execution)[0].remind_at - driver.clock.now())
            told.append(list(listener.heard[1:]))
            listener.heard[1:] = []
        driver.complete_task(execution, "approve", by="alice")

        assert listener.heard == [("opened", "approve", "open")]
        assert told == [
            [("reminded", "approve", 1)],
            [("reminded", "approve", 2)],
            [("escalated", "approve", ["alice", "group:boss"]), ("reminded", "approve", 3)],
            [("reminded", "approve", 4)],
        ]
        assert driver.result(execution) == "alice"

    def test_who_was_down_reminds_once_and_keeps_the_rhythm(self, new_driver, define):
        listener = Listener()
        driver = new_driver(observers=[listener])
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}, remind=HOUR)))
        asked_at = driver.clock.now()
        driver.clock.advance(5.5 * HOUR)

        driver.drain()

        assert listener.heard[1:] == [("reminded", "approve", 1)]
        assert execution.refresh().execution.wake_at == asked_at + 6 * HOUR

    def test_the_timeout_stays_the_last_word(self, driver, define):
        def body(ctx):
            return ctx.ask("approve", {}, remind=0.4 * HOUR, timeout=HOUR, default="late")

        execution = driver.start(define(body))
        started = driver.clock.now()
        alarms = [execution.execution.wake_at]
        for _ in range(2):
            driver.advance(0.4 * HOUR)
            alarms.append(execution.refresh().execution.wake_at)
        driver.advance(0.2 * HOUR)

        assert [alarm - started for alarm in alarms] == [0.4 * HOUR, 0.8 * HOUR, HOUR]
        assert driver.result(execution) == "late"
        assert driver.tasks(execution)[0].reminders == 2

    def test_a_clock_that_goes_back_makes_no_circle(self, new_driver, define):
        listener = Listener()
        driver = new_driver(observers=[listener])
        execution = driver.start(define(lambda ctx: ctx.ask("approve", {}, remind=HOUR)))
        driver.clock.advance(HOUR)
        before_next(
            driver,
            "remind_task",
            lambda: driver.clock.set(driver.clock.now() - timedelta(minutes=1)),
        )

        driver.engine.run_one(execution.id)

        assert driver.tasks(execution)[0].reminders == 0
        assert listener.heard == [("opened", "approve", "open")]
        driver.clock.advance(HOUR)
        driver.drain()
        assert driver.tasks(execution)[0].reminders == 1


class TestObservers:
    def test_they_hear_of_a_task_once_it_is_there(self, new_driver, define):
        listener = Listener()
        driver = new_driver(observers=[listener])

        driver.start(define(lambda ctx: ctx.ask("approve", {}, assignees="alice")))

        assert listener.heard == [("opened", "approve", "claimed")]
