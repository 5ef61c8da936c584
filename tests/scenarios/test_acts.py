"""Acts from outside and the events that tell of them; timers that are fired by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import RetryPolicy
from durable_django.domain.event import CODE, Actor, ActorKind
from durable_django.exceptions import DefinitionError, InvalidTransitionError, TimerNotFoundError
from durable_django.testing.crash import SimulatedCrash

ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")
MONTH = timedelta(days=30)


@pytest.fixture
def told(driver):
    """Return what the events of an execution tell."""

    def told(execution):
        events = driver.store.list_events(execution.id, after=0, limit=99)
        return [(str(e.type), e.actor.name, e.reason) for e in events]

    return told


@pytest.fixture
def asleep(driver, define):
    """An execution that sleeps for a month."""
    return driver.start(define(lambda ctx: ctx.sleep("winter", MONTH)))


class TestEvents:
    def test_each_act_is_told_once_with_who_and_why(self, driver, asleep, told):
        acts = driver.engine.acts
        acts.pause(asleep.id, reason="audit", by=ALICE)
        acts.pause(asleep.id, reason="again", by=ALICE)
        acts.resume(asleep.id, reason="done", by=ALICE)
        acts.send_signal(asleep.id, "note", 1, dedupe_key="n", by=ALICE)
        acts.send_signal(asleep.id, "note", 1, dedupe_key="n", by=ALICE)
        acts.cancel(asleep.id, reason="customer", by=ALICE)
        acts.cancel(asleep.id, reason="customer", by=ALICE)

        assert told(asleep) == [
            ("pause_requested", "alice", "audit"),
            ("resumed", "alice", "done"),
            ("signalled", "alice", ""),
            ("cancel_requested", "alice", "customer"),
        ]

    def test_a_start_by_somebody_is_told(self, driver, define, told):
        order = define(lambda ctx: 1)
        start = driver.engine.start_by_name

        handle = start(order.name, {}, reason="by hand", by=ALICE)

        assert told(handle) == [("started", "alice", "by hand")]

    def test_nobody_in_particular_starts_and_signals_without_an_event(self, driver, asleep, told):
        driver.engine.send_signal(asleep.id, "note")

        assert told(asleep) == []

    def test_an_act_of_the_code_is_told_too(self, driver, asleep, told):
        driver.engine.cancel(asleep.id, reason="rule 7")

        assert told(asleep) == [("cancel_requested", CODE.name, "rule 7")]

    def test_a_retry_keeps_what_it_clears(self, driver, define):
        def fail():
            raise OSError("down")

        execution = driver.start(define(lambda ctx: ctx.step("charge", fail)))

        driver.engine.acts.retry(execution.id, by=ALICE)

        [event] = driver.store.list_events(execution.id, after=0, limit=9)
        told = {key: event.details[key] for key in ("was", "error_type", "call")}
        assert told == {"was": "failed", "error_type": "StepFailedError", "call": "charge"}
        assert "down" in event.details["error_message"]

    def test_a_refused_act_is_not_told(self, driver, define, told):
        execution = driver.start(define(lambda ctx: 1))

        with pytest.raises(InvalidTransitionError):
            driver.engine.acts.cancel(execution.id, reason="late", by=ALICE)

        assert told(execution) == []

    def test_a_long_reason_is_cut(self, driver, asleep, told):
        driver.engine.acts.pause(asleep.id, reason="x" * 9999)

        assert len(told(asleep)[0][2]) == 500


class TestLostWorkers:
    def test_each_loss_is_told(self, driver, define, told):
        lives = []

        def dies():
            lives.append(1)
            if len(lives) < 3:
                raise SimulatedCrash
            return "done"

        execution = driver.start(define(lambda ctx: ctx.step("charge", dies)))

        assert driver.result(execution) == "done"
        assert [kind for kind, _, _ in told(execution)] == ["worker_lost", "worker_lost"]
        events = driver.store.list_events(execution.id, after=0, limit=9)
        assert [event.details["lost_in_a_row"] for event in events] == [1, 2]
        assert {str(event.actor.kind) for event in events} == {"worker"}

    def test_what_waits_and_goes_on_lost_nobody(self, driver, define, told):
        body = define(lambda ctx: [ctx.sleep("night", MONTH), ctx.step("wake", str, "x")])
        execution = driver.start(body)

        driver.advance(MONTH)

        assert told(execution) == []

    def test_a_later_claim_is_no_loss(self, driver, define, told):
        lives = []

        def dies_once():
            lives.append(1)
            if len(lives) < 2:
                raise SimulatedCrash
            raise OSError("down")

        retry = RetryPolicy.fixed(5, timedelta(hours=1))
        body = define(lambda ctx: ctx.step("charge", dies_once, retry=retry))
        execution = driver.start(body)

        driver.advance(hours=9)

        assert execution.refresh().status == "failed"
        assert [kind for kind, _, _ in told(execution)] == ["worker_lost"]


class TestFiredTimers:
    def test_a_sleep_is_over_at_once(self, driver, asleep, told):
        driver.engine.acts.fire_timer(asleep.id, "winter", reason="spring", by=ALICE)
        driver.drain()

        assert asleep.refresh().status == "completed"
        assert told(asleep) == [("timer_fired", "alice", "spring")]

    def test_a_wait_times_out_at_once(self, driver, define):
        body = define(lambda ctx: ctx.wait_signal("paid", timeout=MONTH, default="late"))
        execution = driver.start(body)

        driver.engine.acts.fire_timer(execution.id, "paid")
        driver.drain()

        assert driver.result(execution.refresh()) == "late"

    def test_a_retry_does_not_wait_for_its_delay(self, driver, define):
        attempts = []

        def flaky():
            attempts.append(1)
            if len(attempts) == 1:
                raise OSError("down")

        retry = RetryPolicy.fixed(3, MONTH)
        execution = driver.start(define(lambda ctx: ctx.step("call", flaky, retry=retry)))
        assert execution.status == "suspended"

        driver.engine.acts.fire_timer(execution.id, "call")
        driver.drain()

        assert (execution.refresh().status, len(attempts)) == ("completed", 2)

    def test_an_undo_does_not_wait_for_its_delay(self, driver, define):
        attempts = []

        def undo(_):
            attempts.append(1)
            if len(attempts) == 1:
                raise OSError("down")

        def body(ctx):
            retry = RetryPolicy.fixed(3, MONTH)
            ctx.step("a", str, compensate=undo, compensate_retry=retry)
            raise ValueError("no")

        execution = driver.start(define(body))
        assert execution.status == "compensating"

        driver.engine.acts.fire_timer(execution.id, "~undo/a")
        driver.drain()

        assert (execution.refresh().status, len(attempts)) == ("failed", 2)

    def test_one_that_is_not_there_is_named(self, driver, asleep, told):
        with pytest.raises(TimerNotFoundError, match="'summer'"):
            driver.engine.acts.fire_timer(asleep.id, "summer")

        assert told(asleep) == []

    def test_what_has_ended_is_refused(self, driver, define):
        execution = driver.start(define(lambda ctx: 1))

        with pytest.raises(InvalidTransitionError):
            driver.engine.acts.fire_timer(execution.id, "winter")

    def test_what_is_paused_goes_on_after_the_resume(self, driver, asleep):
        driver.pause(asleep)
        driver.engine.acts.fire_timer(asleep.id, "winter")
        driver.drain()
        assert asleep.refresh().status == "paused"

        driver.resume(asleep)

        assert asleep.status == "completed"


class TestSubjects:
    def test_a_text_is_kept(self, driver, define):
        execution = driver.start(define(lambda ctx: 1).options(subject="shop.order:991"))

        assert execution.execution.subject == "shop.order:991"

    @pytest.mark.parametrize(
        "subject", [7, object(), "a\nb", "x" * 300], ids=["int", "object", "newline", "long"]
    )
    def test_what_is_no_subject_is_refused(self, driver, define, subject):
        with pytest.raises(DefinitionError):
            driver.start(define(lambda ctx: 1).options(subject=subject))
