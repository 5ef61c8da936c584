"""Waiting for the first, or for all, of several things."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from durable_django import (
    Child,
    ChildFailedError,
    Event,
    Signal,
    Terminal,
    Timer,
    WaitTimeoutError,
)
from durable_django.domain.signal import topic_of
from durable_django.exceptions import DefinitionError

HOUR = timedelta(hours=1)


def mailbox(driver, execution):
    return [(s.name, s.payload, str(s.status)) for s in driver.store.list_signals(execution.id)]


def timers(driver, execution):
    return {t.key: str(t.status) for t in driver.store.list_timers(execution.id)}


def children(driver, execution):
    listed = driver.store.list_children(execution.id)
    return {child.parent_key: str(child.status) for child in listed}


def subscribers(driver, name, key=""):
    return driver.store.list_subscribers(topic_of(name, key), after=None, limit=100)


def fail():
    raise Terminal("broken")


@pytest.fixture
def waiting(define):
    return define(lambda ctx: ctx.wait_signal("go"))


class TestAny:
    """C68."""

    def test_it_resumes_on_the_first(self, driver, define):
        execution = driver.start(define(lambda ctx: list(ctx.wait_any("a", "b", "c"))))
        facts = execution.execution
        driver.signal(execution, "b", 2)

        assert (facts.status, facts.waiting_kind, facts.wake_at) == ("suspended", "several", None)
        assert driver.result(execution) == ["b", 2]

    def test_later_ones_change_nothing(self, driver, define):
        def body(ctx):
            first = ctx.wait_any("a", "b")
            ctx.sleep("nap", HOUR)
            return list(first)

        execution = driver.start(define(body))
        driver.signal(execution, "b", 2)
        driver.signal(execution, "a", 1)
        driver.signal(execution, "b", 3)
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == ["b", 2]

    def test_an_early_one_is_taken_at_once(self, driver, define):
        """W8a."""
        execution = define(lambda ctx: list(ctx.wait_any("a", "b"))).start()
        execution.signal("b", "early")
        driver.drain()

        assert driver.result(execution.refresh()) == ["b", "early"]

    def test_of_two_that_are_there_the_one_named_first_is_taken(self, driver, define):
        def body(ctx):
            first = ctx.wait_any("a", "b")
            return [first[0], ctx.wait_any("a", "b", name="again")[0]]

        execution = define(body).start()
        execution.signal("b")
        execution.signal("a")
        driver.drain()

        assert driver.result(execution.refresh()) == ["a", "b"]

    def test_one_that_arrives_between_the_look_and_the_suspension_is_not_lost(self, driver, define):
        """W8b: the body itself stands in for the other process."""
        sent = []

        def body(ctx):
            if not sent:
                sent.append(driver.engine.send_signal(ctx.execution_id, "b", 1))
            return list(ctx.wait_any("a", "b"))

        assert driver.result(driver.start(define(body))) == ["b", 1]

    def test_a_second_wait_needs_a_second_signal(self, driver, define):
        """W8c."""

        def body(ctx):
            return [ctx.wait_any("a", "b", name=name)[1] for name in ("first", "second")]

        execution = driver.start(define(body))
        driver.signal(execution, "a", 1)
        half = execution.status
        driver.signal(execution, "a", 2)

        assert half == "suspended"
        assert driver.result(execution) == [1, 2]

    @pytest.mark.parametrize("default", [None, 0, "none"], ids=repr)
    def test_a_default_is_returned_when_the_time_is_up(self, driver, define, default):
        """W8d."""
        execution = driver.start(
            define(lambda ctx: ctx.wait_any("a", "b", timeout=HOUR, default=default))
        )
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == default

    def test_the_timeout_is_an_outcome_and_does_not_wait_again(self, driver, define):
        """C69, W8e."""
        seen = []

        def body(ctx):
            with pytest.raises(WaitTimeoutError) as caught:
                ctx.wait_any("a", "b", timeout=HOUR)
            seen.append((caught.value.received, caught.value.missing))
            ctx.sleep("nap", HOUR)
            return "went on"

        execution = driver.start(define(body))
        driver.advance(hours=1)
        driver.signal(execution, "a", "late")
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == "went on"
        assert seen == [({}, ("a", "b"))] * 2
        assert timers(driver, execution) == {"any": "fired", "nap": "fired"}

    def test_one_in_time_cancels_the_timer(self, driver, define):
        execution = driver.start(define(lambda ctx: list(ctx.wait_any("a", "b", timeout=HOUR))))
        driver.signal(execution, "a", 1)

        assert timers(driver, execution) == {"any": "cancelled"}

    def test_one_that_arrives_as_the_time_is_up_wins(self, driver, define):
        looks = []

        def body(ctx):
            looks.append("look")
            if len(looks) == 2:
                driver.engine.send_signal(ctx.execution_id, "b", "just so")
            return ctx.wait_any("a", "b", timeout=HOUR, default="none")

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == ("b", "just so")

    def test_one_that_is_not_meant_does_not_keep_the_timeout_away(self, driver, define):
        looks = []

        def body(ctx):
            looks.append("look")
            if len(looks) == 2:
                driver.engine.send_signal(ctx.execution_id, "other")
            return ctx.wait_any("a", "b", timeout=HOUR, default="none")

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == "none"

    def test_a_cancel_as_the_time_is_up_wins(self, driver, define):
        looks = []

        def body(ctx):
            looks.append("look")
            if len(looks) == 2:
                driver.engine.cancel(ctx.execution_id)
            return ctx.wait_any("a", "b", timeout=HOUR, default="none")

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert execution.refresh().status == "cancelled"


class TestAll:
    """C68."""

    def test_it_does_not_resume_before_every_one(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_all("a", "b", "c")))
        seen = []
        for n, name in enumerate(("c", "a", "b")):
            driver.signal(execution, name, n)
            seen.append(execution.status)

        assert seen == ["suspended", "suspended", "completed"]
        assert driver.result(execution) == {"a": 1, "b": 2, "c": 0}

    def test_each_is_taken_once(self, driver, define):
        """C73: a second one of a name is for the next wait."""

        def body(ctx):
            return [ctx.wait_all("a", "b"), ctx.wait_signal("a")]

        execution = driver.start(define(body))
        for name, n in (("a", 1), ("a", 2), ("b", 3)):
            driver.signal(execution, name, n)

        assert driver.result(execution) == [{"a": 1, "b": 3}, 2]

    def test_a_timeout_tells_what_came_and_what_did_not(self, driver, define):
        """C69, W8e."""
        seen = []

        def body(ctx):
            with pytest.raises(WaitTimeoutError) as caught:
                ctx.wait_all("a", "b", "c", timeout=HOUR)
            seen.append((caught.value.received, caught.value.missing))
            ctx.sleep("nap", HOUR)
            return ctx.wait_signal("c", timeout=HOUR, default="none")

        execution = driver.start(define(body))
        driver.signal(execution, "b", 2)
        driver.advance(hours=1)
        driver.signal(execution, "c", "late")
        before = mailbox(driver, execution)
        driver.advance(hours=1)

        assert seen == [({"b": 2}, ("a", "c"))] * 2
        assert before == [("b", "2", "delivered"), ("c", '"late"', "pending")]
        assert driver.result(execution.refresh()) == "late"

    def test_a_timeout_may_have_a_default(self, driver, define):
        execution = driver.start(
            define(lambda ctx: ctx.wait_all("a", "b", timeout=HOUR, default=None))
        )
        driver.signal(execution, "a")
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) is None

    def test_its_end_is_fixed_when_the_wait_is_first_reached(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_all("a", "b", timeout=HOUR)))
        driver.advance(minutes=40)
        driver.signal(execution, "a")
        driver.pause(execution)
        driver.resume(execution)
        driver.restart()
        driver.advance(minutes=20)

        assert execution.refresh().status == "failed"
        assert execution.error.type == "WaitTimeoutError"

    def test_no_time_at_all_takes_only_what_is_there(self, driver, define):
        def body(ctx):
            nothing = timedelta(0)
            with pytest.raises(WaitTimeoutError) as caught:
                ctx.wait_all("a", "b", timeout=nothing)
            return [caught.value.received, list(caught.value.missing)]

        execution = define(body).start()
        execution.signal("a", 1)
        driver.drain()

        assert driver.result(execution.refresh()) == [{"a": 1}, ["b"]]

    def test_an_execution_that_is_retried_waits_anew_for_what_is_missing(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.wait_all("a", "b", timeout=HOUR)))
        driver.signal(execution, "a", 1)
        driver.advance(hours=1)
        driver.retry(execution)
        waits = execution.status
        driver.signal(execution, "b", 2)

        assert waits == "suspended"
        assert driver.result(execution) == {"a": 1, "b": 2}

    def test_very_many_are_waited_for(self, driver, define):
        """More than the row can list: any news wakes it."""
        names = [f"{'n' * 100}{n}" for n in range(30)]
        execution = driver.start(define(lambda ctx: len(ctx.wait_all(*names))))
        listed = execution.execution.waiting_for
        for name in names:
            driver.signal(execution, name)

        assert listed == "*"
        assert driver.result(execution) == 30

    def test_names_that_begin_alike_are_told_apart(self, driver, define):
        execution = driver.start(define(lambda ctx: list(ctx.wait_any("go", "gone"))))
        driver.signal(execution, "gon")
        driver.signal(execution, "g")
        before = execution.status
        driver.signal(execution, "gone")

        assert before == "suspended"
        assert driver.result(execution) == ["gone", None]


class TestRace:
    def test_a_signal_wins(self, driver, define):
        def body(ctx):
            return list(ctx.race("outcome", paid=Signal("paid"), late=Timer(days=3)))

        execution = driver.start(define(body))
        driver.signal(execution, "paid", {"sum": 5})

        assert driver.result(execution) == ["paid", {"sum": 5}]
        assert timers(driver, execution) == {"outcome/late": "cancelled"}

    def test_a_timer_wins(self, driver, define):
        def body(ctx):
            return list(ctx.race("outcome", paid=Signal("paid"), late=Timer(days=3)))

        execution = driver.start(define(body))
        wake_at = execution.execution.wake_at
        began = driver.clock.now()
        driver.advance(days=3)

        assert wake_at == began + timedelta(days=3)
        assert driver.result(execution.refresh()) == ["late", None]
        assert timers(driver, execution) == {"outcome/late": "fired"}

    def test_the_earliest_of_timers_wins(self, driver, define):
        instant = driver.clock.now() + 2 * HOUR

        def body(ctx):
            return ctx.race(a=Timer(hours=5), b=Timer(until=instant), c=Timer(3 * HOUR))[0]

        execution = driver.start(define(body))
        driver.advance(hours=2)

        assert driver.result(execution.refresh()) == "b"
        assert timers(driver, execution) == {
            "race/a": "cancelled",
            "race/b": "fired",
            "race/c": "cancelled",
        }

    def test_a_child_wins_and_the_others_are_withdrawn(self, driver, define, waiting):
        double = define(lambda ctx, n: ctx.sleep("nap", HOUR) or 2 * n)

        def body(ctx):
            return list(
                ctx.race(
                    quick=Child(double, n=4),
                    slow=Child(waiting),
                    told=Event("news"),
                    late=Timer(days=3),
                )
            )

        execution = driver.start(define(body))
        waited = subscribers(driver, "news")
        driver.advance(hours=1)

        assert waited == [execution.id]
        assert driver.result(execution.refresh()) == ["quick", 8]
        assert children(driver, execution) == {"race/quick": "completed", "race/slow": "cancelled"}
        assert timers(driver, execution) == {"race/late": "cancelled"}
        assert subscribers(driver, "news") == []

    def test_a_child_that_fails_first_fails_the_race(self, driver, define):
        failing = define(lambda ctx: ctx.step("break", fail))
        seen = []

        def body(ctx):
            try:
                ctx.race(child=Child(failing), late=Timer(days=3))
            except ChildFailedError as error:
                seen.append(str(error))
            ctx.sleep("nap", HOUR)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert len(seen) == 2
        assert seen[0] == seen[1]
        assert timers(driver, execution)["race/late"] == "cancelled"

    def test_a_late_signal_stays_pending_and_serves_the_next_wait(self, driver, define):
        """C68, W8g."""

        def body(ctx):
            first = ctx.race("one", paid=Signal("paid"), late=Timer(hours=1))
            ctx.sleep("nap", HOUR)
            second = ctx.race("two", paid=Signal("paid"), late=Timer(hours=1))
            return [first[0], list(second)]

        execution = driver.start(define(body))
        driver.advance(hours=1)
        driver.signal(execution, "paid", "late")
        before = mailbox(driver, execution)
        driver.advance(hours=1)

        assert before == [("paid", '"late"', "pending")]
        assert driver.result(execution.refresh()) == ["late", ["paid", "late"]]
        assert mailbox(driver, execution) == [("paid", '"late"', "delivered")]

    def test_a_name_that_lost_can_be_waited_for_by_itself(self, driver, define):
        """W8g: the loser's wait is gone, not in the way."""

        def body(ctx):
            winner, _ = ctx.wait_any("a", "b")
            return [winner, ctx.wait_signal("b")]

        execution = driver.start(define(body))
        driver.signal(execution, "a")
        facts = execution.execution
        driver.signal(execution, "b", 2)

        assert (facts.waiting_kind, facts.waiting_for) == ("signal", "b")
        assert driver.result(execution) == ["a", 2]

    def test_sleeps_after_a_lost_timer_are_slept(self, driver, define):
        """W8f: a timer that was cancelled does not make later sleeps no-ops."""

        def body(ctx):
            ctx.race("one", go=Signal("go"), late=Timer(hours=1))
            ctx.sleep("late", HOUR)
            ctx.race("one", go=Signal("go"), late=Timer(hours=1))
            return ctx.now().isoformat()

        execution = driver.start(define(body))
        began = driver.clock.now()
        driver.signal(execution, "go")
        driver.advance(minutes=59)
        still = execution.refresh().status
        driver.advance(hours=2)

        assert still == "suspended"
        assert driver.result(execution.refresh()) == (began + 2 * HOUR).isoformat()

    def test_both_at_once_are_decided_by_the_order_they_are_named_in(self, driver, define):
        def body(ctx):
            return ctx.race(late=Timer(hours=1), paid=Signal("paid"))[0]

        execution = driver.start(define(body))
        driver.clock.advance(hours=1)
        execution.signal("paid")
        driver.drain()

        assert driver.result(execution.refresh()) == "late"
        assert [status for *_, status in mailbox(driver, execution)] == ["dead"]

    def test_a_crash_at_any_write(self, driver, define, waiting):
        executions = []

        def body(ctx):
            first = ctx.race("one", child=Child(waiting), paid=Signal("paid"), late=Timer(days=1))
            second = ctx.wait_all("a", "b", timeout=HOUR, default="not all")
            return [list(first), second]

        workflow = define(body)

        def scenario(driver):
            executions[:] = [driver.start(workflow)]
            driver.signal(executions[0], "paid", 1, dedupe_key="paid")
            driver.signal(executions[0], "a", 1, dedupe_key="a")
            driver.advance(hours=3)
            return executions[0]

        def same():
            execution = executions[0]
            return (
                mailbox(driver, execution),
                timers(driver, execution),
                children(driver, execution),
            )

        assert driver.crash_everywhere(scenario, same=same) >= 30


class TestMisuse:
    @pytest.mark.parametrize(
        "call",
        [
            pytest.param(lambda ctx: ctx.race(), id="nothing to race"),
            pytest.param(lambda ctx: ctx.wait_any(), id="nothing to wait for"),
            pytest.param(lambda ctx: ctx.wait_all("a", "a"), id="twice"),
            pytest.param(lambda ctx: ctx.wait_any(Timer(days=1)), id="no name"),
            pytest.param(lambda ctx: ctx.race(a=5), id="no wait"),
            pytest.param(lambda ctx: ctx.wait_any("a", timeout=-HOUR), id="negative timeout"),
            pytest.param(lambda ctx: ctx.wait_any("~a"), id="illegal name"),
            pytest.param(lambda ctx: ctx.race(a=Signal("a|b")), id="illegal signal"),
            pytest.param(lambda ctx: ctx.race(a=Timer(hours=-1)), id="negative timer"),
            pytest.param(
                lambda ctx: ctx.race(a=Timer(until=datetime(2026, 1, 1))),  # noqa: DTZ001
                id="naive instant",
            ),
            pytest.param(lambda ctx: ctx.race(a=Event("e", " ")), id="illegal event key"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, driver, define, call):
        execution = driver.start(define(call))

        assert (execution.status, execution.error and execution.error.type) == (
            "failed",
            "DefinitionError",
        )

    @pytest.mark.parametrize(
        "options",
        [{}, {"duration": HOUR, "days": 1}, {"until": datetime(2026, 1, 1, tzinfo=UTC), "days": 1}],
        ids=str,
    )
    def test_a_timer_has_one_end(self, options):
        with pytest.raises(DefinitionError):
            Timer(**options)
