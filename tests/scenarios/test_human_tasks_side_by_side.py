from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import Approval
from durable_django.domain.event import Actor, ActorKind
from tests.scenarios.people import (
    Listener,
    answer_behind,
    before_next,
    states,
)

HOUR = timedelta(hours=1)
CAROL = Actor(kind=ActorKind.USER, id="3", name="carol")


class TestSideBySide:
    def test_a_parallel_block_asks_at_once_and_keeps_every_answer(self, driver, define):
        def body(ctx):
            with ctx.parallel("review") as p:
                manager = p.ask("manager", Approval())
                cfo = p.ask("cfo", Approval())
            return [manager.result.by, cfo.result.by]

        execution = driver.start(define(body))
        asked = states(driver, execution)
        driver.complete_task(execution, "review/cfo", {"approved": True}, by="carol")
        driver.complete_task(execution, "review/manager", {"approved": True}, by="bob")

        assert asked == [("review/manager", "open"), ("review/cfo", "open")]
        assert driver.result(execution) == ["bob", "carol"]

    def test_who_is_not_needed_any_more_is_told_so(self, driver, define):
        def body(ctx):
            with ctx.parallel("review", policy="first_success") as p:
                p.ask("manager", {})
                p.ask("cfo", {}, timeout=HOUR)
            return p.winner

        execution = driver.start(define(body))
        driver.complete_task(execution, "review/manager")

        assert driver.result(execution) == "manager"
        assert states(driver, execution) == [
            ("review/manager", "completed"),
            ("review/cfo", "cancelled"),
        ]
        assert [str(t.status) for t in driver.store.list_timers(execution.id)] == ["cancelled"]

    def test_a_task_is_there_before_the_work_beside_it_is_done(self, new_driver, define):
        listener = Listener()
        driver = new_driver(observers=[listener])
        seen = []

        def work():
            [task] = driver.tasks(execution)
            seen.append((str(task.status), listener.heard))
            driver.store.complete_task(task.id, "alice", "{}")

        def body(ctx):
            with ctx.parallel("review") as p:
                answer = p.ask("manager", {}, timeout=HOUR, remind=HOUR / 2)
                p.step("scan", work)
            return answer.result.by

        execution = define(body).start()
        driver.drain()

        assert seen == [("open", [("opened", "review/manager", "open")])]
        assert driver.result(execution) == "alice"

    def test_its_time_and_its_reminders_begin_when_it_is_opened(self, driver, define):
        """Not when the work beside it is done and the execution waits."""

        def body(ctx):
            with ctx.parallel("review", policy="complete_all") as p:
                answer = p.ask("manager", {}, timeout=HOUR, remind=HOUR / 2, default="late")
                p.step("scan", driver.clock.advance, HOUR / 4)
            return answer.result

        execution = define(body).start()
        asked_at = driver.clock.now()
        driver.drain()
        alarms = [execution.refresh().execution.wake_at - asked_at]
        driver.advance(HOUR / 4)
        alarms.append(execution.refresh().execution.wake_at - asked_at)
        driver.advance(HOUR / 2)

        assert alarms == [HOUR / 2, HOUR]
        assert driver.result(execution) == "late"
        assert driver.tasks(execution)[0].reminders == 1

    @pytest.mark.parametrize("remind", [None, 2 * HOUR], ids=["never", "after_its_end"])
    def test_its_time_begins_then_also_if_nothing_comes_before(self, driver, define, remind):
        def body(ctx):
            with ctx.parallel("review") as p:
                answer = p.ask("manager", {}, timeout=HOUR, remind=remind, default="late")
                p.step("scan", driver.clock.advance, HOUR / 4)
            return answer.result

        execution = define(body).start()
        asked_at = driver.clock.now()
        driver.drain()

        assert execution.refresh().execution.wake_at == asked_at + HOUR
        assert driver.store.list_timers(execution.id)[0].fire_at == asked_at + HOUR

    def test_news_that_one_branch_meets_is_not_lost_on_another(self, driver, define):
        """The answer comes after its branch has looked, and before the other branch ends."""

        def body(ctx):
            with ctx.parallel("review") as p:
                answer = p.ask("manager", {})
                late = p.branch(
                    "papers", lambda branch: branch.wait_signal("go", timeout=HOUR, default="late")
                )
            return [answer.result.by, late.result]

        execution = driver.start(define(body))
        driver.clock.advance(HOUR)
        before_next(driver, "expire_wait", lambda: answer_behind(driver, execution.id))

        driver.drain()

        assert driver.result(execution) == ["alice", "late"]

    def test_an_answer_as_another_branch_fails_is_kept_for_a_retry(self, driver, define):
        """Who answered is not asked again; the step stands in for the time in between."""
        flags = {"fails": True}

        def scan():
            if flags["fails"]:
                answer_behind(driver, execution.id)
                raise ValueError("not yet")

        def body(ctx):
            with ctx.parallel("review") as p:
                answer = p.ask("manager", {})
                p.step("scan", scan)
            return answer.result.by

        execution = define(body).start()
        driver.drain()
        failed = execution.refresh().status
        flags["fails"] = False
        driver.retry(execution)

        assert failed == "failed"
        assert driver.result(execution) == "alice"
        assert states(driver, execution) == [("review/manager", "completed")]

    def test_an_answer_as_another_branch_wins_changes_nothing(self, driver, define):
        def body(ctx):
            with ctx.parallel("review", policy="first_success") as p:
                p.ask("manager", {})
                p.step("scan", lambda: answer_behind(driver, execution.id))
            ctx.sleep("nap", HOUR)
            return p.winner

        execution = define(body).start()
        driver.drain()
        driver.restart()
        driver.advance(HOUR)

        assert driver.result(execution) == "scan"
        assert states(driver, execution) == [("review/manager", "completed")]

    def test_dying_at_any_write_changes_nothing(self, driver, define):
        def body(ctx):
            with ctx.parallel("review", policy="first_success") as p:
                manager = p.ask("manager", Approval(), remind=HOUR / 2)
                p.ask("cfo", Approval(), timeout=HOUR)
                p.step("scan", lambda: 1 / 0)
            return [p.winner, manager.result["approved"]]

        review = define(body)
        pictures = []

        def scenario(durable):
            execution = durable.start(review)
            durable.advance(HOUR / 2)
            durable.complete_task(execution, "review/manager", {"approved": True}, by="bob")
            pictures[:] = states(durable, execution)
            return execution

        survived = driver.crash_everywhere(scenario, same=lambda: list(pictures))

        assert survived > 10
        assert pictures == [("review/manager", "completed"), ("review/cfo", "cancelled")]
