"""What decided a group decides it for good: after a crash, a deploy, and whatever comes later."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import Child, Event, RetryPolicy, Signal, Terminal, Timer
from tests.scenarios.worlds import memory_only

HOUR = timedelta(hours=1)


def fail(*_):
    raise Terminal("broken")


@pytest.fixture
def stuck(define):
    return define(lambda ctx, number=0: ctx.wait_signal("never"))


class TestCrashes:
    """The losers' children are cancelled before the end of the group is recorded."""

    def failing_body(self, ctx):
        ctx.sleep("nap", HOUR)
        raise ValueError("true cause")

    def crash(self, driver, define, body):
        executions, workflow = [], define(body)

        def scenario(driver):
            executions[:] = [driver.start(workflow)]
            driver.advance(hours=5)
            return executions[0]

        def same():
            [execution] = executions
            statuses = [child.status for child in driver.store.list_children(execution.id)]
            return statuses, [(c.key, str(c.status)) for c in driver.checkpoints(execution)]

        driver.crash_everywhere(scenario, same=same)
        return scenario(driver).refresh()

    def test_a_cancelled_child_is_not_taken_for_what_failed(self, driver, define, stuck):
        def body(ctx):
            with ctx.parallel("all") as p:
                p.child("child", stuck)
                p.branch("body", self.failing_body)

        execution = self.crash(driver, define, body)

        assert (execution.error.type, execution.error.message) == ("ValueError", "true cause")

    @memory_only
    def test_nor_one_that_a_body_waits_for(self, driver, define, stuck):
        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("waits", lambda ctx: ctx.race(child=Child(stuck), late=Timer(days=1)))
                p.branch("maps", lambda ctx: ctx.map("many", stuck, [1, 2]))
                p.branch("body", self.failing_body)

        execution = self.crash(driver, define, body)

        assert execution.error.type == "ValueError"

    @memory_only
    def test_a_group_inside_is_decided_once_too(self, driver, define, stuck):
        def inside(ctx):
            with ctx.parallel("in", policy="first_success") as p:
                p.child("child", stuck)
                p.branch("soon", lambda ctx: ctx.sleep("soon", HOUR) or "soon")
            return p.winner

        def body(ctx):
            with ctx.parallel("out") as p:
                winner = p.branch("inside", inside)
                p.child("other", stuck)
                p.branch("body", lambda ctx: ctx.sleep("nap", 2 * HOUR) or self.failing_body(ctx))
            return winner.result

        execution = self.crash(driver, define, body)

        assert execution.error.type == "ValueError"

    @memory_only
    def test_a_retry_keeps_what_was_decided(self, driver, define, stuck):
        fails = [True]

        def body(ctx):
            with ctx.parallel("all", policy="first_success") as p:
                p.child("child", stuck)
                p.branch("soon", lambda ctx: ctx.sleep("soon", HOUR) or "soon")
            ctx.step("after", lambda: fails and fail())
            return p.winner

        workflow = define(body)

        def scenario(driver):
            fails[:] = [True]
            execution = driver.start(workflow)
            driver.advance(hours=2)
            assert execution.refresh().status == "failed"
            fails.clear()
            driver.retry(execution)
            driver.advance(hours=2)
            return execution

        driver.crash_everywhere(scenario)

        assert driver.result(scenario(driver).refresh()) == "soon"


class TestDrift:
    @pytest.fixture
    def changed(self, driver, define):
        """Start one body, go on with another under the same name, and let an hour pass."""

        def run(before, after, meanwhile=lambda execution: None):
            execution = driver.start(define(before, name="drift.body"))
            meanwhile(execution)
            define(after, name="drift.body")
            driver.advance(hours=1)
            return execution.refresh()

        return run

    def block(self, *names, policy="complete_all"):
        def body(ctx):
            with ctx.parallel("all", policy=policy) as p:
                pending = [p.step(name, int) for name in names]
            ctx.sleep("nap", HOUR)
            return [one.is_done and one.result for one in pending]

        return body

    @pytest.mark.parametrize("policy", ["fail_fast", "complete_all"])
    def test_a_branch_more_in_a_group_that_took_all_parks(self, changed, policy):
        execution = changed(self.block("a", policy=policy), self.block("a", "b", policy=policy))

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")
        assert "'b'" in execution.error.message

    def test_a_branch_more_in_a_group_that_one_decided_is_one_that_lost(self, driver, changed):
        before = self.block("a", policy="first_success")

        execution = changed(before, self.block("a", "b", policy="first_success"))

        assert driver.result(execution) == [0, False]

    def test_a_wait_more_in_a_race_that_is_over_is_one_that_lost(self, driver, changed):
        def race(**more):
            def body(ctx):
                winner, _ = ctx.race(go=Signal("go"), late=Timer(days=1), **more)
                ctx.sleep("nap", HOUR)
                return winner

            return body

        execution = changed(
            race(), race(news=Event("news")), lambda execution: driver.signal(execution, "go")
        )

        assert driver.result(execution) == "go"

    def test_a_signal_more_in_a_wait_for_all_that_is_over_parks(self, driver, changed):
        def wait(*names):
            def body(ctx):
                answers = ctx.wait_all(*names)
                ctx.sleep("nap", HOUR)
                return answers

            return body

        execution = changed(
            wait("a"), wait("a", "b"), lambda execution: driver.signal(execution, "a")
        )

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")

    def test_a_branch_that_failed_and_completes_now_parks(self, changed):
        def with_branch(work):
            def body(ctx):
                with ctx.parallel("all", policy="complete_all") as p:
                    p.branch("work", work)
                ctx.sleep("nap", HOUR)
                return list(p.errors)

            return body

        execution = changed(with_branch(fail), with_branch(lambda ctx: 1))

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")
        assert "failed" in execution.error.message

    def test_an_undoing_does_not_mind_a_branch_more(self, driver, define, log):
        def with_steps(*names):
            def body(ctx):
                with ctx.parallel("all") as p:
                    for name in names:
                        p.step(name, int, compensate=log.action(f"-{name}"))
                ctx.sleep("nap", HOUR)

            return body

        execution = driver.start(define(with_steps("a"), name="drift.body"))
        define(with_steps("a", "b"), name="drift.body")
        driver.cancel(execution)

        assert execution.refresh().status == "cancelled"
        assert log == ["-a"]


class TestKeys:
    """Children that are started in one transaction want keys of their own, too."""

    def test_of_two_children_of_one_key_the_second_is_refused(self, driver, define):
        leaf = define(lambda ctx: "done")

        def body(ctx):
            with ctx.parallel("all", policy="complete_all") as p:
                first = p.child("first", leaf.options(key="order-5"))
                second = p.child("second", leaf.options(key="order-5"))
            return [first.result, type(second.error).__name__]

        workflow = define(body)

        driver.crash_everywhere(lambda driver: driver.start(workflow))

        assert driver.result(driver.start(workflow)) == ["done", "ExecutionKeyConflictError"]

    def test_a_key_of_a_child_that_was_dropped_before_it_began_is_free(self, driver, define):
        leaf = define(lambda ctx: "done")

        def body(ctx):
            ctx.race(child=Child(leaf.options(key="order-5")), go=Signal("go"))
            return ctx.child("again", leaf.options(key="order-5"))

        workflow = define(body)

        def scenario(driver):
            execution = workflow.start()
            driver.engine.send_signal(execution.id, "go")
            driver.drain()
            return execution

        driver.crash_everywhere(scenario)

        assert driver.result(scenario(driver).refresh()) == "done"


class TestUndo:
    def act(self, ctx, name, log, **options):
        ctx.step(name, lambda: name, compensate=log.append, **options)

    def test_groups_in_groups_are_undone_in_the_reverse_of_the_code(self, driver, define, log):
        """Whatever retried, slept and waited in them, and whatever of it ended first."""
        leaf = define(lambda ctx, number: number)
        tries = []

        def flaky():
            tries.append(1)
            return 1 // (len(tries) > 2)

        def slow(ctx):
            minutes = RetryPolicy.fixed(max_attempts=3, delay=timedelta(minutes=40))
            ctx.step("flaky", flaky, retry=minutes, compensate=lambda _: log.append("flaky"))
            with ctx.parallel("in", max_concurrency=1) as p:
                p.child("child", leaf, 1, compensate=lambda _: log.append("child"))
                p.branch("nap", lambda ctx: ctx.sleep("nap", HOUR) or self.act(ctx, "nap", log))
            ctx.map("many", leaf, [1, 2], compensate=lambda n: log.append(f"item {n}"))

        def body(ctx):
            with ctx.parallel("out") as p:
                p.branch("slow", slow)
                p.branch("quick", lambda ctx: self.act(ctx, "quick", log))
            ctx.step("break", fail)

        execution = driver.start(define(body))
        driver.advance(hours=5)

        assert execution.refresh().status == "failed"
        assert log == ["quick", "item 2", "item 1", "nap", "child", "flaky"]
