"""Branches side by side: a block that is declared first and run at its end."""

from __future__ import annotations

import datetime as dt
import sys
import threading
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from durable_django import (
    BranchDroppedError,
    ChildFailedError,
    ParallelFailedError,
    RetryPolicy,
    Signal,
    StepFailedError,
    Terminal,
    Timer,
)
from durable_django.engine.branch_crew import BranchCrew
from durable_django.exceptions import DurableCallError
from durable_django.testing.crash import SimulatedCrash
from tests.scenarios.worlds import memory_only

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Stock:
    article: str
    price: Decimal
    until: dt.date


def fail(*_):
    raise Terminal("broken")


def children(driver, execution):
    listed = driver.store.list_children(execution.id)
    return {child.parent_key: str(child.status) for child in listed}


def rows(driver, execution):
    return {(c.key, c.attempt): str(c.status) for c in driver.checkpoints(execution)}


@pytest.fixture
def waiting(define):
    return define(lambda ctx: ctx.wait_signal("go"))


@pytest.fixture
def failing(define):
    return define(lambda ctx: ctx.step("break", fail))


class TestResults:
    def test_each_branch_has_its_own(self, driver, define, log):
        """C86."""

        def body(ctx):
            with ctx.parallel("prepare") as p:
                a = p.step("a", log.action("a", 1))
                b = p.step("b", log.action("b", 2))
            return [a.result, b.result, a.is_done, b.error]

        execution = driver.start(define(body))

        assert driver.result(execution) == [1, 2, True, None]
        assert driver.steps(execution) == ["prepare", "prepare/a", "prepare/b"]

    def test_they_have_the_types_they_were_returned_with(self, driver, define):
        """C86, W13: typed after JSON, live and on replay."""
        stock = Stock("pen", Decimal("1.20"), dt.date(2026, 3, 1))
        child = define(lambda ctx: stock)
        seen = []

        def body(ctx):
            with ctx.parallel("prepare") as p:
                branches = [
                    p.step("step", lambda: stock),
                    p.child("child", child),
                    p.branch("body", lambda ctx: ctx.step("inner", lambda: stock)),
                    p.branch("plain", lambda ctx: (stock, {1})),
                ]
            seen.append([one.result for one in branches])
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=1)

        assert seen[0] == seen[1] == [stock, stock, stock, (stock, {1})]

    def test_ten_branches_and_more(self, driver, define, log):
        """C86."""

        def body(ctx):
            with ctx.parallel("all") as p:
                branches = [p.step(f"b{n}", log.action(n, n)) for n in range(40)]
            return [one.result for one in branches]

        assert driver.result(driver.start(define(body))) == list(range(40))
        assert log == list(range(40))

    def test_many_branches_of_long_names(self, driver, define, log):
        """What a group records has room in every database."""

        def body(ctx):
            with ctx.parallel("all") as p:
                branches = [p.step(f"{'b' * 180}{n}", log.action(n, n)) for n in range(60)]
            return sum(one.result for one in branches)

        assert driver.result(driver.start(define(body))) == sum(range(60))

    def test_names_too_long_together_are_refused(self, driver, define, log):
        def body(ctx):
            with ctx.parallel("g" * 200) as p:
                p.branch("b" * 200, lambda ctx: ctx.step("s" * 200, int))

        execution = driver.start(define(body))

        assert (execution.status, execution.error.type) == ("failed", "DefinitionError")

    def test_an_empty_block_is_over_at_once(self, driver, define):
        """A list that happens to be empty is no mistake of the workflow's."""

        def body(ctx, names):
            with ctx.parallel("all") as p:
                branches = [p.step(name, str.upper, name) for name in names]
            ctx.sleep("nap", HOUR)
            return [one.result for one in branches]

        execution = driver.start(define(body), [])
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == []

    def test_branches_may_have_arguments_and_options(self, driver, define, flaky):
        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.step("a", lambda x, y: x + y, 1, 2)
                b = p.step("b", flaky(1), retry=RetryPolicy.fixed(2, timedelta(0)))
                c = p.step("c", fail, fallback="fell back")
                d = p.step("d", lambda: 4, atomic=True)
                e = p.step("e", lambda: 5, at_most_once=True)
            return [one.result for one in (a, b, c, d, e)]

        assert driver.result(driver.start(define(body))) == [3, 2, "fell back", 4, 5]


class TestMisuse:
    def test_a_result_is_not_there_before_the_end_of_the_block(self, driver, define):
        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.step("a", int)
                return a.result

        execution = driver.start(define(body))

        assert execution.error.type == DurableCallError.__name__
        assert "after the `with`" in execution.error.message

    def test_an_exception_inside_the_block_wins(self, driver, define, log):
        def body(ctx):
            with ctx.parallel("all") as p:
                p.step("a", log.action("a"))
                raise ValueError("first")

        execution = driver.start(define(body))

        assert (execution.status, execution.error.type) == ("failed", "ValueError")
        assert log == []

    def test_durable_calls_in_the_block_itself_come_before_the_branches(self, driver, define, log):
        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.step("a", log.action("a", 1))
                ctx.step("between", log.action("between"))
                ctx.sleep("nap", HOUR)
                b = p.step("b", log.action("b", 2))
            return [a.result, b.result]

        execution = driver.start(define(body))
        before = list(log)
        driver.advance(hours=1)

        assert before == ["between"]
        assert log == ["between", "a", "b"]
        assert driver.result(execution.refresh()) == [1, 2]

    def test_the_context_of_the_body_is_refused_in_a_branch(self, driver, define):
        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("a", lambda own: ctx.step("x", int))

        execution = driver.start(define(body))

        assert execution.error.type == DurableCallError.__name__

    def test_the_context_of_a_branch_is_refused_afterwards(self, driver, define):
        kept = []

        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("a", kept.append)
            kept[-1].step("x", int)

        execution = driver.start(define(body))

        assert execution.error.type == DurableCallError.__name__
        assert "is over" in execution.error.message

    def test_two_branches_of_one_name_are_refused(self, driver, define):
        def body(ctx):
            with ctx.parallel("all") as p:
                p.step("a", int)
                p.step("a", int)

        assert driver.start(define(body)).error.type == "DefinitionError"

    def test_a_branch_after_the_block_is_refused(self, driver, define):
        def body(ctx):
            with ctx.parallel("all") as p:
                p.step("a", int)
            p.step("b", int)

        assert driver.start(define(body)).error.type == DurableCallError.__name__

    def test_a_context_that_a_branch_swallowed_the_end_of_stays_stopped(self, driver, define, log):
        """A branch that swallows its own suspension goes nowhere."""

        def stubborn(ctx):
            try:
                ctx.sleep("nap", HOUR)
            except BaseException:  # noqa: BLE001 -- what must not be done
                log.append("swallowed")
            return ctx.step("after", log.action("after", "done"))

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.branch("a", stubborn)
            return a.result

        execution = driver.start(define(body))
        before = (execution.status, list(log))
        driver.advance(hours=1)

        assert before == ("suspended", ["swallowed"])
        assert driver.result(execution.refresh()) == "done"

    @pytest.mark.parametrize("most", [0, -1, 1.5, True, "3"], ids=repr)
    def test_a_limit_that_is_none_is_refused(self, driver, define, most):
        def body(ctx):
            with ctx.parallel("all", max_concurrency=most) as p:
                p.step("a", int)

        assert driver.start(define(body)).error.type == "DefinitionError"

    def test_an_unknown_policy_is_refused(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.parallel("all", policy="best")))

        assert execution.error.type == "DefinitionError"
        assert "fail_fast" in execution.error.message


class TestWaitingBranches:
    def test_a_branch_sleeps_while_others_go_on(self, driver, define, log):
        def slow(ctx):
            ctx.step("first", log.action("first"))
            ctx.sleep("nap", HOUR)
            return ctx.step("second", log.action("second", 2))

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.branch("slow", slow)
                b = p.step("quick", log.action("quick", 1))
            return [a.result, b.result]

        execution = driver.start(define(body))
        before = list(log)
        driver.advance(hours=1)

        assert before == ["first", "quick"]
        assert driver.result(execution.refresh()) == [2, 1]
        assert log == ["first", "quick", "second"]

    def test_each_goes_on_by_itself(self, driver, define, log):
        def nap(ctx, minutes):
            for n in (1, 2):
                ctx.sleep("nap", minutes * MINUTE)
                ctx.step("note", log.append, [minutes, n])

        def body(ctx):
            with ctx.parallel("all") as p:
                for minutes in (3, 5, 7):
                    p.branch(f"m{minutes}", nap, minutes)

        execution = driver.start(define(body))
        driver.advance(minutes=20)

        assert execution.refresh().status == "completed"
        assert log == [[3, 1], [5, 1], [3, 2], [7, 1], [5, 2], [7, 2]]

    def test_a_branch_retries_while_others_wait_for_signals(self, driver, define, log):
        def flaky():
            log.append("try")
            if log.count("try") < 3:
                raise OSError("away")
            return "third"

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.step("flaky", flaky, retry=RetryPolicy.fixed(5, HOUR))
                b = p.wait("b", Signal("go"))
                c = p.wait("c", Timer(minutes=90))
            return [a.result, b.result, c.result]

        execution = driver.start(define(body))
        facts = execution.execution
        driver.signal(execution, "go", 7)
        driver.advance(hours=2)

        assert (facts.status, facts.waiting_kind) == ("suspended", "several")
        assert driver.result(execution.refresh()) == ["third", 7, None]
        assert log == ["try"] * 3

    def test_the_children_are_started_before_long_steps(self, driver, define, waiting):
        def look(execution_id):
            return [c.parent_key for c in driver.store.list_children(execution_id)]

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.step("long", lambda: look(ctx.execution_id))
                p.child("child", waiting)
            return a.result

        execution = driver.start(define(body))
        [child] = driver.store.list_children(execution.id)
        driver.signal(child.id, "go")

        assert driver.result(execution.refresh()) == ["all/child"]

    def test_a_signal_that_two_branches_want_goes_to_the_first_of_them(self, driver, define):
        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.wait("a", "go")
                b = p.wait("b", "go")
            return [a.result, b.result]

        execution = driver.start(define(body))
        driver.signal(execution, "go", 1)
        half = execution.status
        driver.signal(execution, "go", 2)

        assert half == "suspended"
        assert driver.result(execution) == [1, 2]

    def test_a_pause_holds_all_of_them(self, driver, define, log):
        def nap(ctx):
            ctx.sleep("nap", HOUR)
            ctx.step("note", log.append, "woke")

        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("a", nap)
                p.branch("b", nap)

        execution = driver.start(define(body))
        driver.pause(execution)
        driver.advance(hours=2)
        before = list(log)
        driver.resume(execution)

        assert before == []
        assert log == ["woke", "woke"]
        assert execution.status == "completed"


class TestPolicies:
    def test_the_first_failure_drops_the_others_at_once(self, driver, define, waiting, log):
        """C86, W13: it does not wait for all of them, and their children are cancelled."""

        def nap(ctx):
            ctx.step("begun", log.action("begun"))
            ctx.sleep("nap", 99 * HOUR)

        def later(ctx):
            ctx.sleep("soon", HOUR)
            fail()

        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("nap", nap)
                p.child("child", waiting)
                p.wait("go", Signal("go"))
                p.branch("fails", later)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert execution.refresh().status == "failed"
        assert execution.error.type == "Terminal"
        assert children(driver, execution) == {"all/child": "cancelled"}
        timers = {t.key: str(t.status) for t in driver.store.list_timers(execution.id)}
        assert timers == {"all/fails/soon": "fired", "all/nap/nap": "cancelled"}
        assert rows(driver, execution)["all/child", 1] == "failed"

    def test_what_was_not_begun_is_not_begun_after_a_failure(self, driver, define, log):
        def body(ctx):
            with ctx.parallel("all") as p:
                p.step("a", fail)
                p.step("b", log.action("b"))

        execution = driver.start(define(body))

        assert execution.error.type == "StepFailedError"
        assert log == []

    def test_a_failure_that_is_caught_lets_the_body_go_on(self, driver, define, waiting):
        def body(ctx):
            try:
                with ctx.parallel("all") as p:
                    p.child("child", waiting)
                    p.step("a", fail)
            except StepFailedError as error:
                ctx.sleep("nap", HOUR)
                return str(error)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert "broken" in driver.result(execution.refresh())
        assert children(driver, execution) == {"all/child": "cancelled"}

    def test_a_dropped_result_says_so(self, driver, define):
        seen = []

        def body(ctx):
            try:
                with ctx.parallel("all") as p:
                    p.step("a", fail)
                    late = p.branch("b", lambda ctx: ctx.sleep("nap", HOUR))
            except StepFailedError:
                pass
            try:
                _ = late.result
            except BranchDroppedError as error:
                seen.append(str(error))
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=2)

        assert len(seen) == 2
        assert seen[0] == seen[1]

    def test_complete_all_keeps_the_errors(self, driver, define, failing, log):
        """C86."""
        seen = []

        def body(ctx):
            with ctx.parallel("all", policy="complete_all") as p:
                p.step("a", fail)
                b = p.step("b", log.action("b", 2))
                c = p.child("c", failing)
            seen.append({name: type(error) for name, error in p.errors.items()})
            ctx.sleep("nap", HOUR)
            with pytest.raises(ChildFailedError):
                _ = c.result
            return [b.result, b.error, p.winner]

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == [2, None, ""]
        assert seen == [{"a": StepFailedError, "c": ChildFailedError}] * 2

    def test_the_first_success_drops_the_others(self, driver, define, waiting, log):
        """C86."""

        def soon(ctx):
            ctx.sleep("soon", HOUR)
            return "soon"

        def body(ctx):
            with ctx.parallel("all", policy="first_success") as p:
                p.step("fails", fail)
                soon_ = p.branch("soon", soon)
                p.child("child", waiting)
            ctx.sleep("nap", HOUR)
            return [p.winner, soon_.result, sorted(p.errors)]

        execution = driver.start(define(body))
        driver.advance(hours=2)

        assert driver.result(execution.refresh()) == ["soon", "soon", ["fails"]]
        assert children(driver, execution) == {"all/child": "cancelled"}

    def test_without_any_success_the_errors_are_told(self, driver, define, failing):
        seen = []

        def body(ctx):
            try:
                with ctx.parallel("all", policy="first_success") as p:
                    p.step("a", fail)
                    p.child("b", failing)
            except ParallelFailedError as error:
                seen.append((sorted(error.errors), str(error)))
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=1)

        assert seen[0] == seen[1]
        assert seen[0][0] == ["a", "b"]

    def test_business_errors_are_raised_as_themselves(self, driver, define):
        class Declined(Exception):  # noqa: N818 -- a business outcome
            pass

        def decline():
            raise Declined("no money")

        seen = []

        def body(ctx):
            try:
                with ctx.parallel("all") as p:
                    p.step("a", decline, raises=(Declined,))
            except Declined as error:
                seen.append(error.args)
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=1)

        assert seen == [("no money",)] * 2


class TestIsolation:
    def test_equal_names_in_branches_are_different_calls(self, driver, define, log):
        """C86: branches are isolated."""

        def work(ctx, n):
            ctx.step("note", log.append, n)
            ctx.step("note", log.append, 10 * n)
            return ctx.step("result", lambda: n)

        def body(ctx):
            with ctx.parallel("all") as p:
                branches = [p.branch(f"b{n}", work, n) for n in (1, 2)]
            return [one.result for one in branches]

        execution = driver.start(define(body))

        assert driver.result(execution) == [1, 2]
        assert log == [1, 10, 2, 20]
        assert "all/b2/note#2" in driver.steps(execution)

    def test_repeatable_values_are_each_branch_s_own(self, driver, define):
        seen = []

        def work(ctx):
            told = [ctx.random.random(), str(ctx.uuid())]
            ctx.sleep("nap", HOUR)
            return [*told, ctx.random.random(), str(ctx.uuid())]

        def body(ctx):
            with ctx.parallel("all") as p:
                branches = [p.branch(f"b{n}", work) for n in (1, 2)]
            seen.append([one.result for one in branches])
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=2)

        assert seen[0] == seen[1]
        assert len({str(value) for told in seen[0] for value in told}) == 8

    def test_workflow_time_in_a_branch_is_repeatable(self, driver, define):
        seen = []

        def work(ctx, minutes):
            ctx.sleep("nap", minutes * MINUTE)
            return ctx.now()

        def body(ctx):
            with ctx.parallel("all") as p:
                branches = [p.branch(f"b{n}", work, n) for n in (1, 5)]
            seen.append([*(one.result for one in branches), ctx.now()])
            ctx.sleep("nap", HOUR)

        execution = driver.start(define(body))
        driver.advance(hours=2)

        assert seen[0] == seen[1]
        began = execution.execution.started_at
        assert seen[0] == [began + MINUTE, began + 5 * MINUTE, began + 5 * MINUTE]

    @pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)], ids=str)
    def test_whatever_ends_first_the_keys_are_the_same(self, driver, define, order):
        """Identity by scope, never by arrival order."""

        def work(ctx, minutes):
            ctx.sleep("nap", minutes * MINUTE)
            return ctx.step("done", lambda: minutes)

        def body(ctx):
            with ctx.parallel("all") as p:
                branches = [p.branch(f"b{n}", work, order[n]) for n in range(3)]
            return [one.result for one in branches]

        execution = driver.start(define(body))
        driver.advance(minutes=5)

        assert driver.result(execution.refresh()) == list(order)
        facts = sorted(
            (c.key, c.position, c.branch_position) for c in driver.checkpoints(execution)
        )
        assert facts == [
            ("all", 1, 0),
            *[
                (f"all/b{n}/{key}", 1, place)
                for n in range(3)
                for key, place in (("done", 2), ("nap", 1))
            ],
        ]

    def test_idempotency_keys_are_one_per_step(self, driver, define):
        keys = []

        def work(ctx):
            ctx.step("note", lambda: keys.append(ctx.idempotency_key))

        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("a", work)
                p.branch("b", work)
                p.step("note", lambda: keys.append(ctx.idempotency_key))

        driver.start(define(body))

        assert len(set(keys)) == 3


class TestNesting:
    def test_a_block_in_a_branch(self, driver, define, log):
        def inner(ctx, n):
            with ctx.parallel("inner") as p:
                a = p.step("a", log.action((n, "a"), n))
                b = p.branch("b", lambda ctx: ctx.sleep("nap", n * HOUR) or n)
            return a.result + b.result

        def body(ctx):
            with ctx.parallel("outer") as p:
                one, two = p.branch("one", inner, 1), p.branch("two", inner, 2)
            return [one.result, two.result]

        execution = driver.start(define(body))
        driver.advance(hours=2)

        assert driver.result(execution.refresh()) == [2, 4]
        assert log == [(1, "a"), (2, "a")]
        assert "outer/two/inner/b/nap" in driver.steps(execution)

    def test_maps_children_and_races_in_branches(self, driver, define, waiting):
        double = define(lambda ctx, n: 2 * n)

        def mapping(ctx):
            return [*ctx.map("f", lambda n: n + 1, [1, 2]), *ctx.map("w", double, [1, 2])]

        def racing(ctx):
            return list(
                ctx.race(go=Signal("go"), child=__import__("durable_django").Child(waiting))
            )

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.branch("map", mapping)
                b = p.branch("child", lambda ctx: ctx.child("c", double, 21))
                c = p.branch("race", racing)
            return [a.result, b.result, c.result]

        execution = driver.start(define(body))
        before = execution.status
        driver.signal(execution, "go", "now")

        assert before == "suspended"
        assert driver.result(execution) == [[2, 3, 2, 4], 42, ["go", "now"]]
        assert children(driver, execution)["all/race/race/child"] == "cancelled"

    def test_an_inner_failure_drops_the_outer_branches(self, driver, define, waiting):
        def inner(ctx):
            with ctx.parallel("inner") as p:
                p.child("deep", waiting)
                p.branch("fails", lambda ctx: ctx.sleep("soon", HOUR) or fail())

        def body(ctx):
            with ctx.parallel("outer") as p:
                p.child("child", waiting)
                p.branch("in", inner)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert execution.refresh().status == "failed"
        assert children(driver, execution) == {
            "outer/child": "cancelled",
            "outer/in/inner/deep": "cancelled",
        }

    def test_an_inner_group_that_drops_a_child_and_an_outer_one_end_in_one_slice(
        self, driver, define, waiting, log
    ):
        def inner(ctx):
            with ctx.parallel("inner", policy="first_success") as p:
                p.child("deep", waiting)
                p.wait("go", Signal("go"))
            return p.winner

        def body(ctx):
            with ctx.parallel("outer") as p:
                branch = p.branch("in", inner)
            return branch.result

        execution = driver.start(define(body))
        driver.signal(execution, "go")

        assert driver.result(execution) == "go"
        assert execution.execution.recoveries == 0

    def test_an_outer_decision_drops_what_waits_deep_inside(self, driver, define, waiting):
        def inner(ctx):
            with ctx.parallel("inner") as p:
                p.child("deep", waiting)
                p.wait("never", Signal("never"))
                p.branch("nap", lambda ctx: ctx.sleep("nap", 99 * HOUR))

        def body(ctx):
            with ctx.parallel("outer", policy="first_success") as p:
                p.branch("in", inner)
                p.wait("go", Signal("go"))
            return p.winner

        execution = driver.start(define(body))
        driver.signal(execution, "go")

        assert driver.result(execution) == "go"
        assert children(driver, execution) == {"outer/in/inner/deep": "cancelled"}
        timers = driver.store.list_timers(execution.id)
        assert [(t.key, str(t.status)) for t in timers] == [("outer/in/inner/nap/nap", "cancelled")]


class TestConcurrency:
    def test_no_more_branches_are_under_way_than_allowed(self, driver, define):
        under_way, most = set(), []

        def work(ctx, n):
            ctx.step("begin", under_way.add, n)
            ctx.step("count", lambda: most.append(len(under_way)))
            ctx.sleep("nap", (1 + n % 3) * MINUTE)
            ctx.step("end", under_way.discard, n)
            return n

        def body(ctx):
            with ctx.parallel("all", max_concurrency=3) as p:
                branches = [p.branch(f"b{n}", work, n) for n in range(10)]
            return [one.result for one in branches]

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == list(range(10))
        assert max(most) == 3

    def test_children_and_bodies_count_together(self, driver, define):
        most, finished = [], []
        child = define(lambda ctx, n: ctx.sleep("nap", n * MINUTE) or n)

        def work(ctx, n):
            ctx.sleep("nap", n * MINUTE)
            return ctx.step("end", lambda: finished.append(n) or n)

        def body(ctx):
            with ctx.parallel("all", max_concurrency=2) as p:
                branches = [
                    p.branch("b1", work, 3),
                    p.child("c1", child, 2),
                    p.branch("b2", work, 1),
                    p.child("c2", child, 5),
                    p.child("c3", child, 1),
                ]
            return [one.result for one in branches]

        execution = driver.start(define(body))
        for _ in range(20):
            open_children = len(driver.store.list_children(execution.id, open_only=True))
            timers = driver.store.list_timers(execution.id)
            most.append(open_children + sum(t.status == "pending" for t in timers))
            driver.advance(seconds=30)

        assert driver.result(execution.refresh()) == [3, 2, 1, 5, 1]
        assert max(most) == 2

    @memory_only
    def test_actions_run_at_once_but_no_more_than_allowed(self, new_driver, define):
        driver = new_driver(branches=BranchCrew(threads=lambda: 4))
        lock, under_way, most = threading.Lock(), [0], []
        together = threading.Barrier(3)

        def act(n):
            with lock:
                under_way[0] += 1
                most.append(under_way[0])
            together.wait(timeout=10)
            with lock:
                under_way[0] -= 1
            return n

        def body(ctx):
            with ctx.parallel("all", max_concurrency=3) as p:
                branches = [p.step(f"s{n}", act, n) for n in range(12)]
            return [one.result for one in branches]

        assert driver.result(driver.start(define(body))) == list(range(12))
        assert max(most) == 3

    @memory_only
    def test_many_threads_write_no_call_twice(self, new_driver, define, log):
        driver = new_driver(branches=BranchCrew(threads=lambda: 8))

        def work(ctx, n):
            first = ctx.step("a", lambda: log.append((n, "a")) or n)
            with ctx.parallel("inner") as p:
                inner = [p.step(f"i{k}", lambda k=k: log.append((n, k)) or k) for k in range(3)]
            ctx.sleep("nap", MINUTE)
            return first + sum(one.result for one in inner)

        def body(ctx):
            with ctx.parallel("all") as p:
                branches = [p.branch(f"b{n}", work, n) for n in range(20)]
            return [one.result for one in branches]

        execution = driver.start(define(body))
        driver.advance(minutes=1)

        assert driver.result(execution.refresh()) == [n + 3 for n in range(20)]
        assert len(log) == len(set(log)) == 80

    @memory_only
    def test_a_failure_in_one_thread_stops_the_others_at_their_next_call(
        self, new_driver, define, log
    ):
        driver = new_driver(branches=BranchCrew(threads=lambda: 2))
        has_begun, has_failed = threading.Event(), threading.Event()

        def long(ctx):
            ctx.step("first", lambda: has_begun.set() or has_failed.wait(10))
            ctx.step("second", log.action("second"))

        def failing():
            has_begun.wait(10)
            raise Terminal("broken")

        class Watch:
            def step_failed(self, execution, checkpoint):
                has_failed.set()

        driver = new_driver(branches=BranchCrew(threads=lambda: 2), observers=[Watch()])

        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("long", long)
                p.step("fails", failing)

        execution = driver.start(define(body))

        assert execution.error.type == "StepFailedError"
        assert log == []
        assert rows(driver, execution)["all/long/first", 1] == "completed"

    @memory_only
    def test_groups_are_replayed_while_another_branch_writes(self, new_driver, define):
        driver = new_driver(branches=BranchCrew(threads=lambda: 2))

        def replays(ctx):
            for number in range(60):
                with ctx.parallel(f"group{number}", max_concurrency=1) as p:
                    p.step("a", int)
                    p.step("b", int)
            ctx.sleep("nap", HOUR)

        def writes(ctx):
            ctx.sleep("nap", HOUR)
            for number in range(300):
                ctx.step(f"step{number}", int)

        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("writes", writes)
                p.branch("replays", replays)

        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            execution = driver.start(define(body))
            driver.advance(hours=1)
        finally:
            sys.setswitchinterval(interval)

        assert execution.refresh().status == "completed"

    @memory_only
    def test_a_killed_thread_stops_the_slice_as_a_crash(self, new_driver, define, log):
        driver = new_driver(branches=BranchCrew(threads=lambda: 2))

        def die(n):
            log.append(n)
            if log.count(n) == 1 and n == 1:
                raise SimulatedCrash
            return n

        def body(ctx):
            with ctx.parallel("all") as p:
                branches = [p.step(f"s{n}", die, n) for n in range(4)]
            return [one.result for one in branches]

        execution = driver.start(define(body))

        assert driver.crashes == 1
        assert driver.result(execution.refresh()) == [0, 1, 2, 3]


class TestUndo:
    @pytest.fixture
    def undo(self, log):
        return lambda result: log.append(f"-{result}")

    def test_what_branches_did_is_undone_in_the_reverse_of_the_declaration(
        self, driver, define, log, undo
    ):
        """C86, W13."""

        def work(ctx, name, minutes):
            ctx.sleep("nap", minutes * MINUTE)
            for n in (1, 2):
                ctx.step(f"s{n}", log.action(f"{name}{n}", f"{name}{n}"), compensate=undo)

        def body(ctx):
            ctx.step("before", log.action("before", "before"), compensate=undo)
            with ctx.parallel("all") as p:
                p.branch("x", work, "x", 3)
                p.step("y", log.action("y", "y"), compensate=undo)
                p.branch("z", work, "z", 1)
            ctx.step("after", log.action("after", "after"), compensate=undo)
            ctx.step("break", fail)

        execution = driver.start(define(body))
        driver.advance(minutes=5)

        assert execution.refresh().status == "failed"
        assert log[:7] == ["before", "y", "z1", "z2", "x1", "x2", "after"]
        assert log[7:] == ["-after", "-z2", "-z1", "-y", "-x2", "-x1", "-before"]

    def test_what_dropped_branches_did_is_undone_too(self, driver, define, log, undo):
        def work(ctx):
            ctx.step("did", log.action("did", "did"), compensate=undo)
            ctx.sleep("nap", 99 * HOUR)
            ctx.step("never", log.action("never", "never"), compensate=undo)

        def body(ctx):
            with ctx.parallel("all", policy="first_success") as p:
                p.branch("loses", work)
                p.wait("wins", Timer(hours=1))
            ctx.step("break", fail)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert execution.refresh().status == "failed"
        assert log == ["did", "-did"]

    def test_a_failing_group_is_undone(self, driver, define, log, undo):
        def body(ctx):
            with ctx.parallel("all") as p:
                p.step("a", log.action("a", "a"), compensate=undo)
                p.branch("b", lambda ctx: ctx.sleep("nap", HOUR) or fail())

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert execution.refresh().status == "failed"
        assert log == ["a", "-a"]

    def test_a_cancel_undoes_what_an_undecided_group_did(self, driver, define, log, undo, waiting):
        def work(ctx):
            ctx.step("did", log.action("did", "did"), compensate=undo)
            ctx.wait_signal("never")

        def body(ctx):
            with ctx.parallel("all") as p:
                p.branch("a", work)
                p.step("b", log.action("b", "b"), compensate=undo)
                p.child("c", waiting)

        execution = driver.start(define(body))
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert log == ["did", "b", "-b", "-did"]
        assert children(driver, execution) == {"all/c": "cancelled"}

    def test_a_child_that_completed_in_a_branch_is_undone(self, driver, define, log, undo):
        double = define(lambda ctx, n: 2 * n)

        def body(ctx):
            with ctx.parallel("all") as p:
                p.child("c", double, 4, compensate=undo)
                p.step("a", log.action("a", "a"), compensate=undo)
            ctx.step("break", fail)

        driver.start(define(body))

        assert log == ["a", "-a", "-8"]

    def test_a_child_that_completed_just_before_it_was_dropped_is_undone(
        self, driver, define, log, undo
    ):
        double = define(lambda ctx, n: 2 * n)

        def drive(ctx):
            [child] = driver.store.list_children(ctx.execution_id)
            driver.engine.run_one(child.id)
            fail()

        def body(ctx):
            with ctx.parallel("all") as p:
                p.child("c", double, 4, compensate=undo)
                p.step("a", lambda: drive(ctx))

        execution = driver.start(define(body))

        assert execution.status == "failed"
        assert children(driver, execution) == {"all/c": "completed"}
        assert log == ["-8"]

    def test_a_cancel_during_the_last_branch_is_kept(self, driver, define, log, undo):
        """The action itself stands in for the other process."""

        def body(ctx):
            with ctx.parallel("all") as p:
                p.step("a", log.action("a", "a"), compensate=undo)
                p.step("b", lambda: driver.engine.cancel(ctx.execution_id))

        execution = driver.start(define(body))

        assert execution.status == "cancelled"
        assert log == ["a", "-a"]

    def test_an_undo_that_fails_for_a_while_goes_on_where_it_was(self, driver, define, log):
        tries = []

        def release(result):
            tries.append(result)
            if tries == ["b"]:
                raise OSError("away")

        def body(ctx):
            with ctx.parallel("all") as p:
                for name in "abc":
                    p.step(
                        name,
                        log.action(name, name),
                        compensate=release,
                        compensate_retry=RetryPolicy.fixed(3, HOUR),
                    )
            ctx.step("break", fail)

        execution = driver.start(define(body))
        driver.advance(hours=5)

        assert execution.refresh().status == "failed"
        assert sorted(tries) == ["a", "b", "c"] or tries == ["c", "b", "b", "a"]


class TestRetry:
    """A retry of a FAILED execution does only what failed again."""

    @pytest.fixture
    def broken(self):
        return {"bad"}

    @pytest.fixture
    def act(self, log, broken):
        def act(name):
            log.append(name)
            if name in broken:
                raise Terminal(name)
            return name

        return act

    def test_only_the_failed_branch_is_made_again(self, driver, define, act, log, broken):
        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.step("a", act, "a")
                b = p.step("b", act, "bad")
            return [a.result, b.result]

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == ["a", "bad"]
        assert log == ["a", "bad", "bad"]

    def test_of_a_body_only_the_failed_step(self, driver, define, act, log, broken):
        def work(ctx):
            ctx.step("good", act, "good")
            return ctx.step("bad", act, "bad")

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.branch("w", work)
            return a.result

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == "bad"
        assert log == ["good", "bad", "bad"]

    def test_what_was_dropped_goes_on(self, driver, define, act, log, broken, waiting):
        def nap(ctx):
            ctx.step("good", act, "good")
            ctx.sleep("nap", 2 * HOUR)
            return "rested"

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.branch("nap", nap)
                b = p.child("child", waiting)
                c = p.branch("c", lambda ctx: ctx.sleep("soon", HOUR) or ctx.step("x", act, "bad"))
            return [a.result, b.result, c.result]

        execution = driver.start(define(body))
        driver.advance(hours=1)
        failed = execution.refresh().status
        broken.clear()
        driver.retry(execution)
        [child] = driver.store.list_children(execution.id, open_only=True)
        driver.signal(child.id, "go", "second child")
        driver.advance(hours=1)

        assert failed == "failed"
        assert driver.result(execution.refresh()) == ["rested", "second child", "bad"]
        assert log == ["good", "bad", "bad"]

    def test_a_branch_whose_error_was_read_is_made_again(self, driver, define, act, log, broken):
        """The group itself completed: its policy keeps errors."""

        def body(ctx):
            with ctx.parallel("all", policy="complete_all") as p:
                a = p.step("a", act, "a")
                b = p.step("b", act, "bad")
            return [a.result, b.result]

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == ["a", "bad"]
        assert log == ["a", "bad", "bad"]

    def test_a_child_whose_error_was_read_is_started_anew(self, driver, define, act, log, broken):
        child = define(lambda ctx: ctx.step("x", act, "bad"))

        def body(ctx):
            with ctx.parallel("all", policy="complete_all") as p:
                a = p.step("a", act, "a")
                b = p.child("b", child)
            return [a.result, b.result]

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == ["a", "bad"]
        assert log == ["a", "bad", "bad"]

    def test_a_group_without_success_is_made_again(self, driver, define, act, log, broken):
        def body(ctx):
            with ctx.parallel("all", policy="first_success") as p:
                p.step("a", act, "bad")
                p.step("b", act, "bad")
            return p.winner

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == "a"
        assert log == ["bad", "bad", "bad"]

    @memory_only
    def test_all_that_failed_at_once_is_made_again(self, new_driver, define, log, broken):
        """Threads: two branches had failed when the group was decided."""
        driver = new_driver(branches=BranchCrew(threads=lambda: 2))
        both = threading.Barrier(2)

        def act(name):
            log.append(name)
            if broken:
                both.wait(10)
                raise Terminal(name)
            return name

        def body(ctx):
            with ctx.parallel("all") as p:
                a, b = p.step("a", act, "a"), p.step("b", act, "b")
            return [a.result, b.result]

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == ["a", "b"]

    def test_what_was_undone_is_done_again(self, driver, define, act, log, broken):
        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.step("a", act, "a", compensate=lambda _: log.append("-a"))
                b = p.step("b", act, "b")
            ctx.step("c", act, "bad")
            return [a.result, b.result]

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == ["a", "b"]
        assert log == ["a", "b", "bad", "-a", "a", "bad"]

    def test_a_child_that_was_undone_is_started_again(self, driver, define, act, log, broken):
        child = define(lambda ctx: ctx.step("x", act, "child"))

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.child("a", child, compensate=lambda _: log.append("-a"))
            ctx.step("c", act, "bad")
            return a.result

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == "child"
        assert log == ["child", "bad", "-a", "child", "bad"]

    def test_the_winner_is_the_same_if_nothing_of_it_was_undone(
        self, driver, define, act, log, broken, waiting
    ):
        """What a group dropped is not made again when what came after it failed."""

        def body(ctx):
            with ctx.parallel("all", policy="first_success") as p:
                p.child("loses", waiting)
                p.step("wins", act, "wins")
            ctx.step("c", act, "bad")
            return p.winner

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == "wins"
        assert log == ["wins", "bad", "bad"]
        assert children(driver, execution) == {"all/loses": "cancelled"}


class TestDrift:
    """The code changes while an execution is in the middle of a group, or beyond it."""

    @pytest.fixture
    def changed(self, driver, define):
        """Start one body and go on with another under the same name."""

        def run(before, after, then=lambda driver, execution: driver.advance(hours=1)):
            execution = driver.start(define(before, name="drift.body"))
            define(after, name="drift.body")
            then(driver, execution)
            return execution.refresh()

        return run

    def block(self, *names, beyond=True):
        def body(ctx):
            with ctx.parallel("all") as p:
                for name in names:
                    if name.startswith("nap"):
                        p.branch(name, lambda ctx: ctx.sleep("nap", HOUR))
                    else:
                        p.step(name, int)
            if beyond:
                ctx.sleep("beyond", HOUR)

        return body

    def test_an_unchanged_one_goes_on(self, changed):
        block = self.block("a", "b")

        assert changed(block, block).status == "completed"

    def test_a_branch_that_is_gone_parks_a_decided_group(self, changed):
        execution = changed(self.block("a", "b"), self.block("a"))

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")
        assert "b" in execution.error.message

    def test_a_branch_that_is_renamed_parks_a_decided_group(self, changed):
        execution = changed(self.block("a", "b"), self.block("a", "c"))

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            pytest.param(("nap", "a"), ("nap",), id="step gone"),
            pytest.param(("nap", "a"), ("nap", "b"), id="step renamed"),
            pytest.param(("nap1", "nap2"), ("nap1",), id="body gone"),
            pytest.param(("nap1", "a"), ("nap2", "a"), id="body renamed"),
        ],
    )
    def test_an_undecided_group_parks_too(self, driver, changed, before, after):
        def body(ctx):
            ctx.step("first", int)

        execution = changed(
            self.block(*before, beyond=False), self.block(*after, beyond=False), wake
        )

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")

    def test_a_branch_may_be_added_while_it_is_undecided(self, driver, changed):
        execution = changed(
            self.block("a", "nap", beyond=False), self.block("a", "nap", "b", beyond=False)
        )

        assert execution.status == "completed"
        assert "all/b" in driver.steps(execution)

    def test_a_step_that_moves_within_a_branch_parks(self, driver, changed):
        def with_steps(*names):
            def work(ctx):
                for name in names:
                    ctx.step(name, int)
                ctx.sleep("nap", HOUR)

            def body(ctx):
                with ctx.parallel("all") as p:
                    p.branch("w", work)

            return body

        execution = changed(with_steps("a", "b"), with_steps("b", "a"))

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")

    def test_a_branch_that_became_shorter_parks(self, driver, changed):
        def with_steps(*names):
            def body(ctx):
                with ctx.parallel("all") as p:
                    p.branch("w", lambda ctx: [ctx.step(name, int) for name in names])
                    p.branch("nap", lambda ctx: ctx.sleep("nap", HOUR))

            return body

        execution = changed(with_steps("a", "b"), with_steps("a"))

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")

    def test_a_block_that_became_a_step_parks(self, changed):
        execution = changed(
            self.block("a"), lambda ctx: [ctx.step("all", int), ctx.sleep("beyond", HOUR)]
        )

        assert (execution.status, execution.execution.park_reason) == ("parked", "nondeterminism")


def wake(driver, execution):
    """Have it looked at again before anything of it is due."""
    driver.pause(execution)
    driver.resume(execution)


class TestCrashes:
    def test_a_crash_at_any_write_of_a_fan_out(self, driver, define, world):
        """C86: with a child, a race, a map, and a saga that fails."""
        executions = []
        child = define(lambda ctx, n: ctx.step("x", lambda: world.write("child") or 2 * n))

        def racing(ctx):
            ctx.step("r", lambda: world.write("r"), compensate=lambda _: world.write("-r"))
            return list(ctx.race(go=Signal("go"), late=Timer(hours=1)))

        def mapping(ctx):
            return list(
                ctx.map(
                    "items",
                    lambda n: world.write(f"item {n}") or n,
                    [1, 2],
                    compensate=lambda n: world.write(f"-item {n}"),
                )
            )

        def body(ctx):
            with ctx.parallel("all") as p:
                a = p.child("child", child, 4, compensate=lambda n: world.write(f"-child {n}"))
                b = p.branch("race", racing)
                c = p.branch("map", mapping)
            told = [a.result, b.result, c.result]
            ctx.step("break", fail, str(told))

        workflow = define(body)

        def scenario(driver):
            executions[:] = [driver.start(workflow)]
            driver.advance(hours=3)
            return executions[0]

        def same():
            # An action may run twice, an undo too; what is recorded is the same.
            return (
                children(driver, executions[0]),
                sorted(set(world.entries())),
                sorted((c.key, str(c.status)) for c in driver.checkpoints(executions[0])),
                {t.key: str(t.status) for t in driver.store.list_timers(executions[0].id)},
            )

        survived = driver.crash_everywhere(scenario, same=same)

        assert survived >= 60

    def test_a_crash_at_any_write_of_a_group_that_is_decided_early(self, driver, define, waiting):
        executions = []

        def body(ctx):
            with ctx.parallel("all", policy="first_success") as p:
                p.child("child", waiting)
                p.branch("nap", lambda ctx: ctx.sleep("nap", 9 * HOUR))
                p.branch("soon", lambda ctx: ctx.sleep("soon", HOUR) or "soon")
            return p.winner

        workflow = define(body)

        def scenario(driver):
            executions[:] = [driver.start(workflow)]
            driver.advance(hours=3)
            return executions[0]

        def same():
            timers = {t.key: str(t.status) for t in driver.store.list_timers(executions[0].id)}
            return children(driver, executions[0]), timers

        driver.crash_everywhere(scenario, same=same)
