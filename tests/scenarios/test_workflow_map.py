"""A workflow mapped over many items: a child for each, spread over all workers."""

from __future__ import annotations

import gc
import tracemalloc
from datetime import timedelta
from decimal import Decimal

import pytest

from durable_django import (
    ChildFailedError,
    Limit,
    MapFailedError,
    RetryPolicy,
    Signal,
    Terminal,
)
from durable_django.domain.status import CheckpointKind
from tests.scenarios.test_map import ODD_KEYS
from tests.scenarios.worlds import MemoryWorld

HOUR = timedelta(hours=1)


def fail(*_):
    raise Terminal("broken")


def children(driver, execution):
    listed = driver.store.list_children(execution.id, limit=100_000)
    return sorted(listed, key=lambda child: child.parent_key)


def statuses(driver, execution):
    return [str(child.status) for child in children(driver, execution)]


def items(driver, execution):
    return [c for c in driver.checkpoints(execution) if c.kind is CheckpointKind.ITEM]


@pytest.fixture
def broken():
    return set()


@pytest.fixture
def work(define, log, broken):
    """A workflow that notes its argument and returns it, or fails."""

    def act(n):
        log.append(n)
        if n in broken:
            raise Terminal(f"no {n}")
        return n

    return define(lambda ctx, n: ctx.step("act", act, n))


@pytest.fixture
def waiting(define):
    return define(lambda ctx, n: ctx.wait_signal("go"))


class TestResults:
    def test_they_come_in_the_order_of_the_items(self, driver, define, work):
        execution = driver.start(define(lambda ctx: list(ctx.map("m", work, [3, 1, 2]))))

        assert driver.result(execution) == [3, 1, 2]
        assert [c.parent_key for c in children(driver, execution)] == ["m/1", "m/2", "m/3"]

    def test_more_than_are_inserted_at_once(self, driver, define, work):
        execution = driver.start(define(lambda ctx: sum(ctx.map("m", work, range(230)))))

        assert driver.result(execution) == sum(range(230))

    def test_no_items_give_no_results(self, driver, define, work):
        assert driver.result(driver.start(define(lambda ctx: ctx.map("m", work, [])))) == []

    def test_they_have_the_types_they_were_returned_with(self, driver, define):
        seen = []
        price = define(lambda ctx, n: (Decimal(n), {n}))

        def body(ctx):
            seen.append(list(ctx.map("m", price, [1, 2])))
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=1)

        assert seen[0] == seen[1] == [(Decimal(n), {n}) for n in (1, 2)]

    def test_options_are_the_children_s(self, driver, define, work):
        def body(ctx):
            return list(ctx.map("m", work.options(queue="slow", priority=3), [1]))

        execution = define(body).start()
        driver.engine.drain(["default"])
        [child] = children(driver, execution)
        driver.engine.drain(["slow", "default"])

        assert (child.queue, child.priority) == ("slow", 3)
        assert driver.result(execution.refresh()) == [1]

    def test_a_key_for_all_of_them_is_refused(self, driver, define, work):
        execution = driver.start(define(lambda ctx: ctx.map("m", work.options(key="k"), [1, 2])))

        assert (execution.status, execution.error.type) == ("failed", "DefinitionError")
        assert driver.checkpoints(execution) == []

    def test_a_workflow_that_takes_no_item_is_refused_in_a_branch_once_and_for_all(
        self, driver, define
    ):
        """What is refused leaves nothing open that a replay would begin again."""
        nothing = define(lambda ctx: None)

        def body(ctx):
            with ctx.parallel("all", policy="complete_all") as p:
                p.branch("maps", lambda ctx: ctx.map("m", nothing, [1, 2]))
            ctx.sleep("nap", HOUR)
            return [type(error).__name__ for error in p.errors.values()]

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == ["TypeError"]
        assert sorted(row.key for row in driver.checkpoints(execution)) == ["all", "nap"]

    @pytest.mark.parametrize(
        "options",
        [{"retry": RetryPolicy.fixed(2)}, {"timeout": HOUR}, {"atomic": True}, {"fallback": None}],
        ids=lambda options: next(iter(options)),
    )
    def test_the_options_of_a_step_are_refused(self, driver, define, work, options):
        execution = driver.start(define(lambda ctx: ctx.map("m", work, [1], **options)))

        assert execution.error.type == "DefinitionError"

    def test_odd_keys_are_keys(self, driver, define):
        echo = define(lambda ctx, text: text)
        execution = driver.start(define(lambda ctx: list(ctx.map("m", echo, ODD_KEYS))))

        assert driver.result(execution) == ODD_KEYS

    def test_names_that_differ_in_case_only_are_two_maps(self, driver, define, work, broken):
        broken.add(12)

        def body(ctx):
            a = list(ctx.map("items", work, [1, 2]))
            b = ctx.map("Items", work, [11, 12, 13], tolerate=1)
            return [a, b.failed_count]

        assert driver.result(driver.start(define(body))) == [[1, 2], 1]

    def test_parents_of_one_workflow_do_not_mix(self, driver, define, work, broken):
        """Their calls have the same keys."""
        broken.add(1)
        parent = define(lambda ctx: ctx.map("m", work, [1, 2], tolerate=1).failed_count)
        executions = [parent.start() for _ in range(3)]
        driver.drain()
        retried = executions[0].refresh()

        assert [driver.result(one.refresh()) for one in executions] == [1, 1, 1]
        assert [len(children(driver, one)) for one in executions] == [2, 2, 2]
        assert retried.status == "completed"

    def test_results_are_kept_when_the_children_are_gone(self, driver, define, work):
        def body(ctx):
            found = ctx.map("m", work, [1, 2, 3])
            ctx.sleep("nap", 500 * timedelta(days=1))
            return list(found)

        execution = driver.start(define(body))
        for child in children(driver, execution):
            assert child.status == "completed"
        driver.advance(days=400)
        kept = driver.store.delete_finished(
            before=driver.clock.now(), statuses=["completed"], limit=100
        )
        driver.advance(days=200)

        assert kept == 0
        assert driver.result(execution.refresh()) == [1, 2, 3]


class TestWaiting:
    def test_it_waits_for_the_last_of_them(self, driver, define, waiting):
        execution = driver.start(define(lambda ctx: list(ctx.map("m", waiting, [1, 2, 3]))))
        facts = execution.execution
        fences = []
        for n, child in enumerate(children(driver, execution)):
            driver.signal(child.id, "go", n)
            fences.append(execution.refresh().execution.fence)

        assert (facts.status, facts.waiting_kind, facts.wake_at) == ("suspended", "map", None)
        assert driver.result(execution) == [0, 1, 2]
        # It is woken once, not for each of them.
        assert fences == [facts.fence, facts.fence, facts.fence + 1]

    def test_it_is_woken_for_a_failure(self, driver, define, waiting):
        execution = driver.start(define(lambda ctx: ctx.map("m", waiting, [1, 2, 3])))
        first, *_ = children(driver, execution)
        driver.cancel(first.id)

        assert execution.refresh().status == "failed"
        assert execution.error.type == "MapFailedError"
        assert statuses(driver, execution) == ["cancelled"] * 3

    def test_a_parked_child_holds_it_until_it_is_repaired(self, driver, define, log):
        def act(n):
            log.append(n)
            if n == 1 and log.count(1) == 1:
                raise Terminal("broken")
            return n

        child = define(lambda ctx, n: ctx.step("act", act, n), on_failure="park")
        execution = driver.start(define(lambda ctx: list(ctx.map("m", child, [1, 2]))))
        [parked] = [c for c in children(driver, execution) if c.status == "parked"]
        before = execution.status
        driver.retry(parked.id)

        assert before == "suspended"
        assert driver.result(execution.refresh()) == [1, 2]

    def test_no_more_children_are_under_way_than_allowed(self, driver, define):
        slow = define(lambda ctx, n: ctx.sleep("nap", HOUR) or n)

        def body(ctx):
            return sum(ctx.map("m", slow, range(7), max_concurrency=3))

        execution = driver.start(define(body))
        most = []
        for _ in range(5):
            listed = children(driver, execution)
            most.append(sum(child.status == "suspended" for child in listed))
            driver.advance(hours=1)

        assert most[:3] == [3, 3, 1]
        assert driver.result(execution.refresh()) == 21

    def test_it_does_not_lead_past_a_limit_of_the_children_s_own(self, driver, define):
        limited = define(lambda ctx, n: n, limit=Limit(2))

        execution = driver.start(
            define(lambda ctx: ctx.map("m", limited, range(3), max_concurrency=3))
        )

        assert (execution.status, execution.error.type) == ("failed", "DefinitionError")
        assert "limit" in execution.error.message

    def test_children_held_back_are_cancelled_with_it(self, driver, define, waiting):
        def body(ctx):
            ctx.map("m", waiting, range(5), max_concurrency=2)

        execution = driver.start(define(body))
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert statuses(driver, execution) == ["cancelled"] * 5


class TestFailures:
    def test_one_failure_fails_the_map(self, driver, define, work, broken):
        broken.add(2)
        seen = []

        def body(ctx):
            ctx.start_child("other", work, 2)
            try:
                ctx.map("m", work, range(5))
            except MapFailedError as error:
                seen.append((error.failed >= 1, error.total, error.errors, str(error)))
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=1)

        assert seen[0] == seen[1]
        assert seen[0][:2] == (True, 5)
        assert list(seen[0][2]) == ["2"]
        assert "no 2" in seen[0][2]["2"]

    def test_a_number_is_tolerated(self, driver, define, work, broken):
        broken.update({1, 3})

        def body(ctx):
            found = ctx.map("m", work, range(5), tolerate=2)
            failed = {key: type(error) for key, error in found.failed()}
            assert failed == {"1": ChildFailedError, "3": ChildFailedError}
            ctx.sleep("nap", HOUR)
            return [found.failed_count, [n for _, n in found.succeeded()]]

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == [2, [0, 2, 4]]

    def test_one_more_than_that_is_not(self, driver, define, work, broken):
        broken.update({1, 2, 3})

        execution = driver.start(define(lambda ctx: ctx.map("m", work, range(5), tolerate=2)))

        assert execution.error.type == "MapFailedError"

    def test_the_children_that_go_on_are_cancelled(self, driver, define, broken):
        def body(ctx, n):
            if n == 1:
                ctx.step("break", fail)
            ctx.wait_signal("go")

        child = define(body)
        execution = driver.start(define(lambda ctx: ctx.map("m", child, range(4))))

        assert execution.status == "failed"
        assert statuses(driver, execution) == ["cancelled", "failed", "cancelled", "cancelled"]


class TestUndo:
    def test_results_are_undone_newest_first(self, driver, define, work, log):
        def body(ctx):
            ctx.map("m", work, range(3), compensate=lambda n: log.append(("undo", n)))
            ctx.step("break", fail)

        execution = driver.start(define(body))

        assert execution.status == "failed"
        assert log[3:] == [("undo", 2), ("undo", 1), ("undo", 0)]

    def test_what_completed_of_a_failed_map_is_undone(self, driver, define, work, log, broken):
        broken.add(2)

        def body(ctx):
            ctx.map("m", work, range(3), compensate=lambda n: log.append(("undo", n)))

        execution = driver.start(define(body))

        assert execution.status == "failed"
        assert sorted(log[-2:]) == [("undo", 0), ("undo", 1)]

    def test_what_completed_is_undone_when_a_cancel_comes_in_the_middle(
        self, driver, define, waiting, log
    ):
        def body(ctx):
            ctx.map("m", waiting, range(3), compensate=lambda n: log.append(("undo", n)))

        execution = driver.start(define(body))
        driver.signal(children(driver, execution)[1].id, "go", 1)
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert log == [("undo", 1)]
        assert statuses(driver, execution) == ["cancelled", "completed", "cancelled"]

    def test_a_cancel_after_it_undoes_it(self, driver, define, work, log):
        def body(ctx):
            ctx.map("m", work, range(2), compensate=lambda n: log.append(("undo", n)))
            ctx.wait_signal("go")

        execution = driver.start(define(body))
        driver.cancel(execution)

        assert log[2:] == [("undo", 1), ("undo", 0)]

    def test_a_failure_that_was_caught_is_undone_later(self, driver, define, work, log, broken):
        broken.add(2)

        def body(ctx):
            try:
                ctx.map("m", work, range(3), compensate=lambda n: log.append(("undo", n)))
            except MapFailedError:
                ctx.wait_signal("go")

        execution = driver.start(define(body))
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert sorted(log[-2:]) == [("undo", 0), ("undo", 1)]

    def test_what_completed_in_a_dropped_branch_is_undone(self, driver, define, waiting, log):
        def mapping(ctx):
            ctx.map("m", waiting, range(3), compensate=lambda n: log.append(("undo", n)))

        def body(ctx):
            with ctx.parallel("all", policy="first_success") as p:
                p.branch("map", mapping)
                p.wait("go", Signal("go"))
            ctx.step("break", fail)

        execution = driver.start(define(body))
        driver.signal(children(driver, execution)[1].id, "go", 1)
        driver.signal(execution, "go")

        assert execution.status == "failed"
        assert statuses(driver, execution) == ["cancelled", "completed", "cancelled"]
        assert log == [("undo", 1)]


class TestRetry:
    def test_only_what_failed_is_started_again(self, driver, define, work, log, broken):
        broken.add(2)
        execution = driver.start(define(lambda ctx: list(ctx.map("m", work, range(4)))))
        first = children(driver, execution)
        broken.clear()
        driver.retry(execution)

        assert sum(child.status == "failed" for child in first) == 1
        assert driver.result(execution) == [0, 1, 2, 3]
        completed = {child.parent_key for child in first if child.status == "completed"}
        again = [key for key in ("m/0", "m/1", "m/2", "m/3") if key not in completed]
        assert sorted(log) == sorted([0, 1, 2, 3, *(int(key[2:]) for key in again)][: len(log)])

    def test_a_retry_that_fails_again_can_be_retried(self, driver, define, work, log, broken):
        broken.add(2)
        execution = driver.start(define(lambda ctx: list(ctx.map("m", work, range(3)))))
        driver.retry(execution)
        failed = execution.status
        broken.clear()
        driver.retry(execution)

        assert failed == "failed"
        assert driver.result(execution) == [0, 1, 2]

    def test_in_a_retry_tolerated_failures_are_not_made_again_and_again(
        self, driver, define, work, log, broken
    ):
        """Every later slice of the second attempt looks for children to start."""
        broken.update({0, 1, 2})
        slow = define(lambda ctx, n: ctx.sleep("nap", HOUR) or n)

        def choose(ctx, n):
            return ctx.child("x", work if n < 3 else slow, n)

        child = define(choose)
        execution = driver.start(
            define(lambda ctx: ctx.map("m", child, range(4), tolerate=1).failed_count)
        )
        driver.advance(hours=2)
        assert execution.refresh().status == "failed"
        broken.difference_update({1, 2})
        log.clear()
        driver.retry(execution)
        driver.advance(hours=2)

        assert driver.result(execution.refresh()) == 1
        assert log.count(0) == 1

    def test_what_was_undone_is_started_again(self, driver, define, work, log, broken):
        ship = [fail]

        def body(ctx):
            found = ctx.map("m", work, [1, 2], compensate=lambda n: log.append(-n))
            ctx.step("ship", ship[0])
            return list(found)

        execution = driver.start(define(body))
        ship[0] = int
        driver.retry(execution)

        assert driver.result(execution) == [1, 2]
        assert sorted(log[:2]) == [1, 2]
        assert log[2:4] == [-2, -1]
        assert sorted(log[4:]) == [1, 2]

    def test_what_was_undone_of_a_failed_map_is_started_again(
        self, driver, define, work, log, broken
    ):
        broken.add(3)

        def body(ctx):
            return list(ctx.map("m", work, [1, 2, 3], compensate=lambda n: log.append(-n)))

        execution = driver.start(define(body))
        undone = sorted(n for n in log if n < 0)
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == [1, 2, 3]
        for n in undone:
            assert log.count(-n) == 2

    def test_an_item_whose_error_was_read_is_started_again(self, driver, define, work, log, broken):
        broken.add(1)

        def body(ctx):
            found = ctx.map("m", work, range(3), tolerate=1)
            return [found[n] for n in range(3)]

        execution = driver.start(define(body))
        failed = execution.status
        broken.clear()
        driver.retry(execution)

        assert failed == "failed"
        assert driver.result(execution) == [0, 1, 2]
        assert sorted(log) == [0, 1, 1, 2]


class TestCrashes:
    def test_a_crash_at_any_write_starts_each_child_once(self, driver, define, world):
        executions = []

        def act(n):
            world.write(f"do {n}")
            return n

        child = define(lambda ctx, n: ctx.step("act", act, n))

        def body(ctx):
            ctx.map("m", child, [1, 2], compensate=lambda n: world.write(f"undo {n}"))
            ctx.step("break", fail)

        workflow = define(body)

        def scenario(driver):
            executions[:] = [driver.start(workflow)]
            driver.advance(hours=1)
            return executions[0]

        def same():
            listed = [(c.parent_key, str(c.status)) for c in children(driver, executions[0])]
            rows = sorted((c.key, str(c.status)) for c in driver.checkpoints(executions[0]))
            return listed, rows, sorted(set(world.entries()))

        assert driver.crash_everywhere(scenario, same=same) >= 40

    def test_a_crash_at_any_write_of_a_cancel_in_the_middle(self, driver, define, waiting):
        executions, undone = [], []

        def body(ctx):
            ctx.map("m", waiting, [1, 2], compensate=undone.append)

        workflow = define(body)

        def scenario(driver):
            undone.clear()
            executions[:] = [driver.start(workflow)]
            driver.signal(children(driver, executions[0])[0].id, "go", 1)
            driver.cancel(executions[0])
            driver.advance(minutes=10)
            return executions[0]

        def same():
            return statuses(driver, executions[0]), sorted(set(undone))

        driver.crash_everywhere(scenario, same=same)

    def test_a_crash_after_the_rest_was_cancelled_hides_no_error(self, driver, define):
        def work(ctx, n):
            if n == "bad":
                raise ValueError("true cause")
            ctx.wait_signal("go")

        child = define(work)
        workflow = define(lambda ctx: ctx.map("m", child, ["a", "b", "bad"]))

        def scenario(driver):
            execution = driver.start(workflow)
            driver.advance(hours=1)
            return execution

        driver.crash_everywhere(scenario)

        error = scenario(driver).refresh().error
        assert error.message == "1 of 3 items of 'm' failed. bad: ValueError: true cause"


class TestMemory:
    def test_what_is_kept_does_not_grow_with_the_items(self, world, new_driver, define):
        """Neither while children are started, nor while results are read."""
        kept = []

        def measure():
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0])

        class Bell:
            """It is rung once for every batch of children."""

            def wake(self, queue, slots=1):
                if tracemalloc.is_tracing():
                    measure()

        driver = new_driver(dispatcher=Bell())
        echo = define(lambda ctx, n: "x" * 500)

        def body(ctx):
            found = ctx.map("m", echo, range(600))
            tracemalloc.start()
            measure()
            length = sum(1 for _ in found)
            measure()
            tracemalloc.stop()
            return length

        execution = define(body).start()
        tracemalloc.start()
        driver.engine.run_one(execution.id)
        tracemalloc.stop()
        driver.drain()

        rows = 4000 if isinstance(world, MemoryWorld) else 0
        first, _, last, before, after = kept
        assert driver.result(execution.refresh()) == 600
        assert (last - first) / 400 < rows + 150
        # No more than what is looked at, a hundred at a time.
        assert after - before < 100 * 2000

    def test_a_claim_does_not_load_the_items(self, driver, define, work):
        def body(ctx):
            found = ctx.map("m", work, range(30))
            ctx.sleep("nap", HOUR)
            return len(found)

        driver.start(define(body))
        driver.clock.advance(hours=1)
        [claim] = driver.engine.claim()

        assert [c.key for c in claim.checkpoints] == ["m"]
        assert driver.engine.run_claim(claim).status == "completed"
