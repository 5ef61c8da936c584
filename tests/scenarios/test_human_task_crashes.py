from __future__ import annotations

from datetime import timedelta

from durable_django import (
    Approval,
    Choice,
    Escalate,
)
from durable_django.domain.event import Actor, ActorKind
from durable_django.testing.crash import SimulatedCrash
from tests.scenarios.people import states

HOUR = timedelta(hours=1)
CAROL = Actor(kind=ActorKind.USER, id="3", name="carol")


class TestCrashes:
    def test_dying_at_any_write_changes_nothing(self, driver, define):
        """Also: reminders and the escalation come once each, at their time."""

        def body(ctx):
            first = ctx.ask("first", Approval(), candidates="alice", remind=HOUR)
            to = Escalate(after=2 * HOUR, to="group:boss")
            second = ctx.ask("second", {}, escalate=to, timeout=3 * HOUR, default=None)
            third = ctx.ask("third", Choice("a", "b"), timeout=HOUR)
            return [first["approved"], second, third["choice"], third.by]

        ask = define(body)
        pictures = []

        def scenario(durable):
            execution = durable.start(ask)
            durable.advance(1.5 * HOUR)
            durable.complete_task(execution, "first", {"approved": True}, by="alice")
            durable.advance(3.5 * HOUR)
            durable.complete_task(execution, "third", {"choice": "b"}, by="bob")
            pictures[:] = [
                (task.key, str(task.status), task.reminders, task.escalated_at is not None)
                for task in durable.tasks(execution)
            ]
            return execution

        survived = driver.crash_everywhere(scenario, same=lambda: list(pictures))

        assert survived > 20
        assert pictures == [
            ("first", "completed", 1, False),
            ("second", "expired", 0, True),
            ("third", "completed", 0, False),
        ]

    def test_dying_at_any_write_of_a_retry_changes_nothing(self, driver, define):
        ask = define(lambda ctx: ctx.ask("approve", {}, timeout=3 * HOUR).by, ttl=HOUR)
        pictures = []

        def scenario(durable):
            execution = durable.start(ask)
            durable.advance(2 * HOUR)
            durable.retry(execution)
            durable.advance(HOUR)
            durable.complete_task(execution, "approve", by="alice")
            pictures[:] = states(durable, execution)
            return execution

        driver.crash_everywhere(scenario, same=lambda: list(pictures))

        assert pictures == [("approve", "cancelled"), ("approve", "completed")]

    def test_a_crash_after_the_answer_asks_nobody_again(self, driver, define):
        def body(ctx):
            answer = ctx.ask("approve", {})
            if not driver.crashes:
                raise SimulatedCrash
            return answer.by

        execution = driver.start(define(body))
        driver.complete_task(execution, "approve", by="alice")

        assert driver.result(execution) == "alice"
        assert len(driver.tasks(execution)) == 1
