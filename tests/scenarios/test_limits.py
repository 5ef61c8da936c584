"""Limits by key: stories, on both stores."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from durable_django import Limit
from durable_django.exceptions import DefinitionError, WorkflowCancelledError, WorkflowFailedError
from tests.scenarios.worlds import memory_only

HOUR = timedelta(hours=1)


@pytest.fixture
def export(define):
    """Sleeps for an hour; of a tenant, two are under way at once."""

    def body(ctx, tenant: str, *, size: int = 1):
        ctx.sleep("work", HOUR)
        return tenant

    return define(body, limit=Limit(2, key=lambda tenant, **_: tenant))


def statuses(*executions):
    return [execution.refresh().status for execution in executions]


class TestUnderWay:
    def test_a_tenant_has_no_more_than_its_number(self, driver, export):
        ours = [export.start("ours") for _ in range(3)]
        theirs = export.start("theirs")

        driver.drain()

        assert statuses(*ours, theirs) == ["suspended", "suspended", "pending", "suspended"]
        assert [one.execution.waiting_kind for one in ours] == ["timer", "timer", "limit"]

    def test_who_ends_makes_room(self, driver, export):
        executions = [export.start("ours") for _ in range(5)]

        driver.advance(HOUR)
        after_one = statuses(*executions)
        driver.advance(2 * HOUR)

        assert after_one == ["completed"] * 2 + ["suspended"] * 2 + ["pending"]
        assert statuses(*executions) == ["completed"] * 5
        assert driver.store.find_limit(f"{export.name}/ours") is None

    def test_all_of_a_workflow_share_a_limit_without_a_key(self, driver, define):
        lone = define(lambda ctx: ctx.sleep("work", HOUR), limit=Limit(1))
        first, second = lone.start(), lone.start()

        driver.drain()

        assert statuses(first, second) == ["suspended", "pending"]

    def test_a_start_may_say_its_own_limit(self, driver, export):
        alone = export.options(limit=Limit(1, key="the account"))
        first, second = alone.start("ours"), alone.start("theirs")
        free = export.start("ours")

        driver.drain()

        assert statuses(first, second, free) == ["suspended", "pending", "suspended"]

    def test_the_key_may_be_a_number_or_an_id(self, driver, define):
        limit = Limit(1, key=lambda who, **_: who)
        by_id = define(lambda ctx, who: ctx.sleep("work", HOUR), limit=limit)

        executions = [by_id.start(who) for who in (7, 8, uuid4())]
        driver.drain()

        assert statuses(*executions) == ["suspended"] * 3

    def test_starts_in_bulk_are_held_back_in_their_order(self, driver, export):
        executions = export.start_many([("ours",)] * 4)

        driver.drain()
        driver.advance(HOUR)

        assert statuses(*executions) == ["completed"] * 2 + ["suspended"] * 2

    def test_a_delayed_start_begins_on_time(self, driver, export):
        execution = export.options(delay=HOUR).start("ours")
        begins = driver.clock.now() + HOUR

        driver.advance(5 * HOUR)

        assert execution.refresh().execution.started_at == begins

    def test_a_failure_makes_room_and_a_retry_waits_for_it(self, driver, define):
        state = {"is_down": True}

        def body(ctx):
            ctx.step("call", lambda: 1 / (not state["is_down"]))
            ctx.sleep("work", HOUR)

        flaky = define(body, limit=Limit(1))
        failed = driver.start(flaky)
        state["is_down"] = False
        running = driver.start(flaky)

        driver.retry(failed)
        while_the_other_runs = failed.refresh().execution.waiting_kind
        driver.advance(HOUR)

        assert while_the_other_runs == "limit"
        assert statuses(failed, running) == ["suspended", "completed"]


class TestHeldBack:
    @pytest.fixture
    def first(self, driver, export):
        """Has one of two places, and so has another."""
        driver.start(export, "ours")
        return driver.start(export, "ours")

    def test_it_is_cancelled_without_ever_having_run(self, driver, define, log, first, export):
        held_back = driver.start(export, "ours")

        driver.cancel(held_back, "customer")

        with pytest.raises(WorkflowCancelledError):
            driver.result(held_back)
        assert driver.checkpoints(held_back) == []

    def test_it_expires(self, driver, first, export):
        held_back = export.options(ttl=HOUR / 2).start("ours")

        driver.advance(HOUR / 2)

        with pytest.raises(WorkflowFailedError, match="TTL expired"):
            driver.result(held_back)

    def test_it_is_passed_over_while_it_is_paused(self, driver, first, export):
        paused, behind = driver.start(export, "ours"), driver.start(export, "ours")
        driver.pause(paused)

        driver.advance(HOUR)
        driver.resume(paused)

        assert statuses(paused, behind) == ["suspended", "suspended"]
        assert [one.execution.waiting_kind for one in (paused, behind)] == ["timer", "timer"]

    def test_a_resume_leads_back_into_the_line(self, driver, first, export):
        paused = driver.start(export, "ours")
        driver.pause(paused)

        driver.resume(paused)

        assert paused.refresh().execution.waiting_kind == "limit"
        driver.advance(2 * HOUR)
        assert driver.result(paused) == "ours"

    def test_run_waits_for_its_place(self, driver, export):
        for _ in range(2):
            driver.start(export, "ours")

        # The clock that run() sleeps by stands for the workers, which advance the others.
        sleep = driver.clock.sleep

        def sleep_and_work(duration):
            sleep(duration)
            driver.drain()

        driver.clock.sleep = sleep_and_work

        assert export.run("ours") == "ours"


class TestDefinition:
    def test_a_key_that_does_not_take_the_arguments_is_refused(self, define):
        with pytest.raises(DefinitionError, match="does not take them"):
            define(lambda ctx, tenant: None, limit=Limit(1, key=lambda customer: customer))

    def test_a_number_is_no_limit(self, define):
        with pytest.raises(DefinitionError, match=r"such as Limit\(3\)"):
            define(lambda ctx: None, limit=3)

    def test_a_key_that_is_no_key_is_refused_at_the_start(self, driver, define):
        odd = define(lambda ctx, who: None, limit=Limit(1, key=lambda who: who))

        with pytest.raises(DefinitionError, match="a text, a whole number or a UUID"):
            odd.start(1.5)
        assert driver.store.list_executions() == []


class TestForksAndRecovery:
    def test_a_fork_has_no_limit(self, driver, export):
        first = driver.start(export, "ours")
        driver.start(export, "ours")

        fork = driver.engine.acts.fork(first.id, reason="look")
        driver.drain()

        assert driver.store.load_execution(fork.id).status == "suspended"

    def test_recovery_admits_what_became_ready(self, driver, export):
        execution = export.options(delay=HOUR).start("ours")
        driver.clock.advance(hours=1)

        report = driver.engine.recover(["default"])

        assert report.resumed == [execution.id]

    @memory_only
    def test_every_crash_leads_to_the_same_end(self, driver, export):
        def story(driver):
            first = export.start("ours")
            others = [export.start("ours") for _ in range(3)]
            driver.advance(3 * HOUR)
            assert statuses(first, *others) == ["completed"] * 4
            return first

        driver.crash_everywhere(story)


class TestChildren:
    def test_a_child_is_held_back_like_any_other(self, driver, define, export):
        parent = define(lambda ctx: ctx.child("export", export, "ours"))
        for _ in range(2):
            driver.start(export, "ours")

        waiting = driver.start(parent)
        [child] = driver.store.list_children(waiting.id)
        driver.advance(HOUR)
        driver.advance(HOUR)

        assert child.waiting_kind == "limit"
        assert driver.result(waiting.refresh()) == "ours"

    def test_the_cancel_of_a_parent_reaches_a_child_that_is_held_back(self, driver, define, export):
        parent = define(lambda ctx: ctx.child("export", export, "ours"))
        for _ in range(2):
            driver.start(export, "ours")
        waiting = driver.start(parent)

        driver.cancel(waiting)

        [child] = driver.store.list_children(waiting.id)
        assert (waiting.refresh().status, child.status) == ("cancelled", "cancelled")
        assert driver.store.find_limit(child.limit_key).waiting == 0
