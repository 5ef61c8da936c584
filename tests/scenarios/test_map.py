"""A function applied to many items: each a step of its own."""

from __future__ import annotations

import datetime as dt
import gc
import threading
import tracemalloc
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from durable_django import MapFailedError, RetryAfter, RetryPolicy, StepFailedError, Terminal
from durable_django.domain.status import CheckpointKind
from durable_django.engine.branch_crew import BranchCrew
from durable_django.testing.crash import SimulatedCrash
from tests.scenarios.worlds import MemoryWorld, memory_only

HOUR = timedelta(hours=1)
ODD_KEYS = [
    "a/b",
    "a|b",
    "~undo",
    "",
    " ",
    "a ",
    "a",
    "A",
    "é",
    "名前",
    "x" * 300,
    "x" * 299 + "y",
    "line\nbreak",
    "%",
    "_",
    "#2",
    "a#2",
    "'; DROP TABLE items; --",
]


def fail(*_):
    raise Terminal("broken")


def double(n):
    return 2 * n


def items(driver, execution):
    return [c for c in driver.checkpoints(execution) if c.kind is CheckpointKind.ITEM]


@pytest.fixture
def broken():
    return set()


@pytest.fixture
def act(log, broken):
    def act(item):
        log.append(item)
        if item in broken:
            raise Terminal(f"no {item}")
        return item

    return act


class TestResults:
    def test_they_come_in_the_order_of_the_items(self, driver, define):
        execution = driver.start(define(lambda ctx: list(ctx.map("m", double, [3, 1, 2]))))

        assert driver.result(execution) == [6, 2, 4]
        assert [c.key for c in items(driver, execution)] == ["m/1", "m/2", "m/3"]

    def test_they_are_a_sequence(self, driver, define):
        seen = []

        def body(ctx):
            found = ctx.map("m", double, range(250))
            seen.append(
                [
                    len(found),
                    found[0],
                    found[-1],
                    found[100:103],
                    found.failed_count,
                    found == [2 * n for n in range(250)],
                    found == [1],
                    sum(found),
                    498 in found,
                ]
            )
            with pytest.raises(IndexError):
                _ = found[250]
            with pytest.raises(TypeError):
                hash(found)
            ctx.sleep("nap", HOUR)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert execution.refresh().status == "completed"
        assert seen == [[250, 0, 498, [200, 202, 204], 0, True, False, 62_250, True]] * 2

    def test_they_have_the_types_they_were_returned_with(self, driver, define):
        seen = []

        def body(ctx):
            seen.append(list(ctx.map("m", lambda n: (Decimal(n), dt.date(2026, 1, n)), [1, 2])))
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=1)

        assert seen[0] == seen[1] == [(Decimal(n), dt.date(2026, 1, n)) for n in (1, 2)]

    def test_no_items_give_no_results(self, driver, define):
        execution = driver.start(define(lambda ctx: list(ctx.map("m", double, []))))

        assert driver.result(execution) == []

    def test_items_may_come_from_a_generator(self, driver, define):
        execution = driver.start(define(lambda ctx: sum(ctx.map("m", double, (n for n in (1, 2))))))

        assert driver.result(execution) == 6

    def test_none_is_a_result(self, driver, define):
        def body(ctx):
            found = ctx.map("m", lambda n: None, [1, 2])
            return [list(found), list(found.succeeded())]

        assert driver.result(driver.start(define(body))) == [
            [None, None],
            [("1", None), ("2", None)],
        ]

    def test_they_may_be_read_inside_a_later_action(self, driver, define):
        def body(ctx):
            found = ctx.map("m", double, range(150))
            plain = ctx.step("sum", lambda: sum(found))
            return [plain, ctx.step("atomic", lambda: max(found), atomic=True)]

        assert driver.result(driver.start(define(body))) == [22_350, 298]

    def test_they_are_a_list_when_they_are_returned_or_handed_to_a_step(self, driver, define):
        """What every author writes first."""

        def body(ctx):
            found = ctx.map("m", double, [1, 2, 3])
            ctx.step("use", sum, found)
            return found

        assert driver.result(driver.start(define(body))) == [2, 4, 6]

    def test_two_maps_of_one_name_are_two(self, driver, define, log):
        def body(ctx):
            return [list(ctx.map("m", lambda n: log.append(n) or n, [1, 2])) for _ in range(2)]

        execution = driver.start(define(body))

        assert driver.result(execution) == [[1, 2], [1, 2]]
        assert log == [1, 2, 1, 2]

    def test_each_item_has_an_idempotency_key_of_its_own(self, driver, define):
        keys = []

        def body(ctx):
            ctx.map("m", lambda n: keys.append(ctx.idempotency_key), range(5))

        driver.start(define(body))

        assert len(set(keys)) == 5


class TestKeys:
    def test_texts_numbers_and_uuids_are_keys_by_themselves(self, driver, define):
        some = UUID("0b3a4a52-7c1e-4d49-9a53-0d5f0a3f5a01")
        execution = driver.start(define(lambda ctx: list(ctx.map("m", str, ["a", 7, some]))))

        assert driver.result(execution) == ["a", "7", str(some)]
        assert {c.key for c in items(driver, execution)} == {"m/a", "m/7", f"m/{some}"}

    def test_others_need_a_function(self, driver, define):
        records = [{"id": 5}, {"id": 6}]

        def body(ctx):
            return list(ctx.map("m", lambda r: r["id"], records, key=lambda r: r["id"]))

        execution = driver.start(define(body))

        assert driver.result(execution) == [5, 6]
        assert [c.key for c in items(driver, execution)] == ["m/5", "m/6"]

    @pytest.mark.parametrize("item", [1.5, None, True, {"a": 1}, (1, 2)], ids=repr)
    def test_without_one_they_are_refused(self, driver, define, item):
        execution = driver.start(define(lambda ctx: ctx.map("m", str, [item])))

        assert execution.error.type == "DefinitionError"
        assert "key=" in execution.error.message

    @pytest.mark.parametrize("twice", [["a", "b", "a"], [1, "1"], ["x" * 300, "x" * 300]], ids=str)
    def test_a_key_that_comes_twice_is_refused(self, driver, define, log, twice):
        execution = driver.start(define(lambda ctx: ctx.map("m", log.append, twice)))

        assert execution.error.type == "DefinitionError"
        assert log == []

    def test_odd_keys_are_keys(self, driver, define, log):
        def body(ctx):
            found = ctx.map("m", lambda text: log.append(text) or text, ODD_KEYS)
            ctx.sleep("nap", HOUR)
            return list(found)

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == ODD_KEYS
        assert log == ODD_KEYS

    def test_a_long_way_to_a_key_is_refused_before_anything_runs(self, driver, define, log):
        def work(ctx):
            ctx.map("m" * 70, log.append, ["k" * 100])

        def body(ctx):
            with ctx.parallel("g" * 200) as p:
                p.branch("b" * 200, work)

        execution = driver.start(define(body))

        assert (execution.status, execution.error.type) == ("failed", "DefinitionError")
        assert log == []

    def test_names_that_differ_in_case_only_are_two_maps(self, driver, define, log):
        def body(ctx):
            a = list(ctx.map("items", lambda n: log.append(n) or n, [1, 2]))
            b = list(ctx.map("Items", lambda n: log.append(-n) or -n, [1, 2]))
            return [a, b]

        assert driver.result(driver.start(define(body))) == [[1, 2], [-1, -2]]


class TestFailures:
    def test_one_failure_fails_the_map(self, driver, define, act, log, broken):
        broken.add(2)
        seen = []

        def body(ctx):
            try:
                ctx.map("m", act, range(5))
            except MapFailedError as error:
                seen.append((error.failed, error.total, error.errors, str(error)))
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=1)

        assert seen[0] == seen[1]
        failed, total, errors, text = seen[0]
        assert (failed, total, sorted(errors)) == (1, 5, ["2"])
        assert "no 2" in errors["2"]
        assert "no 2" in text
        assert log == [0, 1, 2]

    def test_a_number_is_tolerated(self, driver, define, act, broken):
        broken.update({1, 3})

        def body(ctx):
            found = ctx.map("m", act, range(5), tolerate=2)
            failed = {key: type(error) for key, error in found.failed()}
            assert failed == {"1": StepFailedError, "3": StepFailedError}
            with pytest.raises(StepFailedError):
                _ = found[1]
            ctx.sleep("nap", HOUR)
            return [found.failed_count, list(found.succeeded())]

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == [2, [("0", 0), ("2", 2), ("4", 4)]]

    def test_one_more_than_that_is_not(self, driver, define, act, broken):
        broken.update({1, 2, 3})

        execution = driver.start(define(lambda ctx: ctx.map("m", act, range(5), tolerate=2)))

        assert execution.error.type == "MapFailedError"

    @pytest.mark.parametrize(
        ("share", "count", "allowed"),
        [(0.29, 100, 29), (0.05, 100, 5), (0.1, 30, 3), (0.5, 3, 1), (1.0, 7, 7), (0.0, 9, 0)],
    )
    def test_a_share_is_tolerated_to_the_item(  # noqa: PLR0913, PLR0917 -- three of them a row
        self, driver, define, act, broken, share, count, allowed
    ):
        def body(ctx):
            return ctx.map("m", act, range(count), tolerate=share).failed_count

        broken.update(range(allowed))
        assert driver.result(driver.start(define(body))) == allowed
        if allowed < count:
            broken.add(allowed)
            assert driver.start(define(body)).error.type == "MapFailedError"

    @pytest.mark.parametrize(
        "tolerate", [-1, float("nan"), float("inf"), True, "3", None, 1.5], ids=repr
    )
    def test_what_is_no_number_of_items_is_refused(self, driver, define, tolerate):
        execution = driver.start(define(lambda ctx: ctx.map("m", double, [1], tolerate=tolerate)))

        assert execution.error.type == "DefinitionError"

    def test_a_fallback_is_a_result(self, driver, define, act, broken):
        broken.add(1)

        def body(ctx):
            return list(ctx.map("m", act, range(3), fallback="none"))

        assert driver.result(driver.start(define(body))) == [0, "none", 2]

    def test_business_errors_are_read_as_themselves(self, driver, define):
        class Declined(Exception):  # noqa: N818 -- a business outcome
            pass

        def decline(n):
            raise Declined(n)

        def body(ctx):
            found = ctx.map("m", decline, [7], tolerate=1, raises=(Declined,))
            return [error.args for _, error in found.failed()]

        assert driver.result(driver.start(define(body))) == [(7,)]

    def test_items_not_begun_have_no_result(self, driver, define, act, broken):
        broken.add(0)

        def body(ctx):
            with pytest.raises(MapFailedError):
                ctx.map("m", act, range(3))
            return "went on"

        execution = driver.start(define(body))

        assert driver.result(execution) == "went on"
        assert [c.key for c in items(driver, execution)] == ["m/0"]


class TestRetrying:
    def test_single_items_are_retried_after_their_delays(self, driver, define, log):
        def flaky(n):
            log.append((n, driver.clock.now()))
            if sum(1 for one, _ in log if one == n) <= n:
                raise OSError("away")
            return n

        def body(ctx):
            return list(ctx.map("m", flaky, range(4), retry=RetryPolicy.fixed(5, HOUR)))

        execution = driver.start(define(body))
        began = driver.clock.now()
        facts = execution.execution
        driver.advance(hours=5)

        assert (facts.status, facts.waiting_kind, facts.wake_at) == (
            "suspended",
            "map",
            began + HOUR,
        )
        assert driver.result(execution.refresh()) == [0, 1, 2, 3]
        assert [(n, at - began) for n, at in log] == [
            (0, 0 * HOUR),
            (1, 0 * HOUR),
            (2, 0 * HOUR),
            (3, 0 * HOUR),
            (1, HOUR),
            (2, HOUR),
            (3, HOUR),
            (2, 2 * HOUR),
            (3, 2 * HOUR),
            (3, 3 * HOUR),
        ]

    def test_the_earliest_of_many_delays_wakes(self, driver, define, log):
        def flaky(n):
            log.append(n)
            if log.count(n) == 1:
                raise RetryAfter(timedelta(minutes=n))
            return n

        def body(ctx):
            return list(ctx.map("m", flaky, [30, 10, 20], retry=RetryPolicy.fixed(2, HOUR)))

        execution = driver.start(define(body))
        driver.advance(minutes=31)

        assert driver.result(execution.refresh()) == [30, 10, 20]
        assert log == [30, 10, 20, 10, 20, 30]

    def test_what_is_retried_does_not_hold_up_the_rest(self, driver, define, log):
        def flaky(n):
            log.append(n)
            if n == 0 and log.count(0) == 1:
                raise OSError("away")
            return n

        def body(ctx):
            return sum(ctx.map("m", flaky, range(250), retry=RetryPolicy.fixed(2, HOUR)))

        execution = driver.start(define(body))
        before = len(log)
        driver.advance(hours=1)

        assert before == 250
        assert len(log) == 251
        assert driver.result(execution.refresh()) == sum(range(250))

    def test_a_retry_by_a_person_makes_only_what_failed_again(
        self, driver, define, act, log, broken
    ):
        broken.update({1, 3})

        def body(ctx):
            return list(ctx.map("m", act, range(5), tolerate=1))

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == [0, 1, 2, 3, 4]
        assert log == [0, 1, 2, 3, 1, 3, 4]

    def test_an_item_whose_error_was_read_is_made_again(self, driver, define, act, log, broken):
        """The map itself completed: it tolerated the failure."""
        broken.add(1)

        def body(ctx):
            found = ctx.map("m", act, range(3), tolerate=1)
            return [found[n] for n in range(3)]

        execution = driver.start(define(body))
        failed = execution.status
        broken.clear()
        driver.retry(execution)

        assert failed == "failed"
        assert driver.result(execution) == [0, 1, 2]
        assert log == [0, 1, 2, 1]

    def test_what_was_undone_is_done_again(self, driver, define, act, log, broken):
        broken.add("ship")

        def body(ctx):
            found = ctx.map("m", act, [1, 2], compensate=lambda n: log.append(-n))
            ctx.step("ship", act, "ship")
            return list(found)

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == [1, 2]
        assert log == [1, 2, "ship", -2, -1, 1, 2, "ship"]

    def test_what_was_undone_of_a_failed_map_is_done_again(self, driver, define, act, log, broken):
        broken.add(3)

        def body(ctx):
            return list(ctx.map("m", act, [1, 2, 3], compensate=lambda n: log.append(-n)))

        execution = driver.start(define(body))
        broken.clear()
        driver.retry(execution)

        assert driver.result(execution) == [1, 2, 3]
        assert log == [1, 2, 3, -2, -1, 1, 2, 3]


class TestOptions:
    def test_an_atomic_item_is_exactly_once(self, driver, define, world):
        def body(ctx):
            ctx.map("m", lambda n: world.write(str(n)), range(3), atomic=True)

        execution = driver.start(define(body))

        assert execution.status == "completed"
        assert world.entries() == ["0", "1", "2"]

    def test_an_item_at_most_once_is_not_run_again_after_a_crash(self, driver, define, log):
        def act(n):
            log.append(n)
            if n == 1:
                raise SimulatedCrash
            return n

        def body(ctx):
            return ctx.map("m", act, range(3), at_most_once=True, tolerate=1).failed_count

        execution = driver.start(define(body))

        assert driver.result(execution) == 1
        assert log == [0, 1, 2]

    @pytest.mark.parametrize("most", [0, -1, True, 1.5], ids=repr)
    def test_a_limit_that_is_none_is_refused(self, driver, define, most):
        execution = driver.start(
            define(lambda ctx: ctx.map("m", double, [1], max_concurrency=most))
        )

        assert execution.error.type == "DefinitionError"

    def test_what_is_no_function_is_refused(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.map("m", 5, [1])))

        assert execution.error.type == "DefinitionError"

    @memory_only
    def test_no_more_items_are_under_way_than_allowed(self, new_driver, define):
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
            return sum(ctx.map("m", act, range(30), max_concurrency=3))

        assert driver.result(driver.start(define(body))) == sum(range(30))
        assert max(most) == 3


class TestStops:
    def test_a_cancel_in_the_middle_stops_it(self, driver, define, log):
        """The action itself stands in for the other process."""

        def body(ctx):
            def act(n):
                log.append(n)
                if n == 3:
                    driver.engine.cancel(ctx.execution_id)

            ctx.map("m", act, range(300), compensate=lambda _: log.append("undo"))

        execution = driver.start(define(body))

        assert execution.status == "cancelled"
        assert log == [0, 1, 2, 3, *["undo"] * 4]

    def test_a_cancel_while_an_item_waits_for_its_retry(self, driver, define, log):
        def act(n):
            log.append(n)
            if n == 1:
                raise OSError("away")
            return n

        def body(ctx):
            ctx.map(
                "m",
                act,
                range(3),
                retry=RetryPolicy.fixed(5, HOUR),
                compensate=lambda n: log.append(-n - 10),
            )

        execution = driver.start(define(body))
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert log == [0, 1, 2, -12, -10]

    def test_a_pause_in_the_middle_holds_it(self, driver, define, log):
        def body(ctx):
            def act(n):
                log.append(n)
                if n == 3 and log.count(3) == 1:
                    driver.engine.pause(ctx.execution_id)
                return n

            return sum(ctx.map("m", act, range(10)))

        execution = driver.start(define(body))
        before = (execution.status, list(log))
        driver.resume(execution)

        assert before == ("paused", [0, 1, 2, 3])
        assert driver.result(execution) == 45
        assert log == list(range(10))

    def test_items_are_undone_newest_first(self, driver, define, log):
        def body(ctx):
            ctx.step("first", log.action("first"), compensate=lambda _: log.append("-first"))
            ctx.map("m", double, range(250), compensate=log.append)
            ctx.step("break", fail)

        execution = driver.start(define(body))

        assert execution.status == "failed"
        assert log == ["first", *(2 * n for n in reversed(range(250))), "-first"]

    def test_each_undo_is_tried_again_and_none_twice(self, driver, define, log):
        def release(n):
            log.append(n)
            if n == 2 and log.count(2) == 1:
                raise OSError("away")

        def body(ctx):
            ctx.map(
                "m",
                lambda n: n,
                [1, 2, 3],
                compensate=release,
                compensate_retry=RetryPolicy.fixed(3, HOUR),
            )
            ctx.step("break", fail)

        execution = driver.start(define(body))
        driver.advance(hours=2)

        assert execution.refresh().status == "failed"
        assert log == [3, 2, 2, 1]

    def test_undos_that_fail_park_and_a_retry_does_the_rest(self, driver, define, log, broken):
        broken.add(2)

        def release(n):
            log.append(n)
            if n in broken:
                raise Terminal("stuck")

        def body(ctx):
            ctx.map("m", lambda n: n, [1, 2, 3], compensate=release)
            ctx.step("break", fail)

        execution = driver.start(define(body))
        parked = execution.execution.park_reason
        broken.clear()
        driver.retry(execution)

        assert parked == "compensation_failed"
        assert execution.status == "failed"
        assert log == [3, 2, 1, 2]


class TestCrashes:
    def test_a_crash_in_the_middle_repeats_no_completed_item(self, driver, define, log):
        def act(n):
            log.append(n)
            if n == 150 and log.count(n) == 1:
                raise SimulatedCrash
            return n

        execution = driver.start(define(lambda ctx: sum(ctx.map("m", act, range(300)))))

        assert driver.result(execution.refresh()) == sum(range(300))
        assert log == [*range(151), *range(150, 300)]

    def test_a_crash_at_any_write(self, driver, define, world):
        executions = []

        def act(n):
            world.write(f"do {n}")
            return n

        def body(ctx):
            ctx.map("m", act, [1, 2, 3], compensate=lambda n: world.write(f"undo {n}"))
            ctx.step("break", fail)

        workflow = define(body)

        def scenario(driver):
            executions[:] = [driver.start(workflow)]
            driver.advance(hours=1)
            return executions[0]

        def same():
            rows = [(c.key, c.attempt, str(c.status)) for c in driver.checkpoints(executions[0])]
            return sorted(rows), sorted(set(world.entries()))

        assert driver.crash_everywhere(scenario, same=same) >= 35

    def test_a_crash_of_a_thread_is_a_crash(self, driver, define, log):
        """One item kills its process; the others of the window are not lost."""

        def act(n):
            log.append(n)
            if n == 5 and log.count(5) == 1:
                raise SimulatedCrash
            return n

        execution = driver.start(define(lambda ctx: sum(ctx.map("m", act, range(20)))))

        assert driver.crashes == 1
        assert driver.result(execution.refresh()) == 190


class TestDrift:
    def test_another_function_or_kind_under_the_name_parks(self, driver, define):
        def before(ctx):
            ctx.map("m", double, [1, 2])
            ctx.sleep("nap", HOUR)

        def after(ctx):
            ctx.step("m", int)
            ctx.sleep("nap", HOUR)

        execution = driver.start(define(before, name="drift.map"))
        define(after, name="drift.map")
        driver.advance(hours=1)

        assert execution.refresh().execution.park_reason == "nondeterminism"

    def test_fewer_items_on_replay_park(self, driver, define):
        """The items are no longer those that were recorded: what they came from has changed."""
        found = [1, 2, 3]

        def body(ctx):
            total = sum(ctx.map("m", double, list(found)))
            ctx.sleep("nap", HOUR)
            return total

        execution = driver.start(define(body))
        found.pop()
        driver.advance(hours=1)

        assert execution.refresh().execution.park_reason == "nondeterminism"

    def test_another_item_on_replay_parks(self, driver, define):
        found = [1, 2, 3]

        def body(ctx):
            total = sum(ctx.map("m", double, list(found)))
            ctx.sleep("nap", HOUR)
            return total

        execution = driver.start(define(body))
        found[1] = 7
        driver.advance(hours=1)

        assert execution.refresh().execution.park_reason == "nondeterminism"


class TestMemory:
    """Ten thousand items work without ten thousand of anything in memory."""

    def test_what_is_kept_does_not_grow_with_the_items(self, world, driver, define):
        """Failures, results and undos included; the items and their keys are there from the start."""
        kept = {}

        def act(n):
            if n in (199, 999):
                gc.collect()
                kept[n], _ = tracemalloc.get_traced_memory()
            if n % 10 == 3:
                raise Terminal("broken")
            return "x" * 500

        def body(ctx):
            found = ctx.map("m", act, range(1000), tolerate=1.0, compensate=print)
            read = sum(1 for _ in found.succeeded()) + sum(1 for _ in found.failed())
            gc.collect()
            kept["read"], _ = tracemalloc.get_traced_memory()
            return read

        execution = define(body).start()
        tracemalloc.start()
        try:
            driver.drain()
        finally:
            tracemalloc.stop()

        each = (kept[999] - kept[199]) / 800
        # In the store in memory the rows are kept, with a result of 500 characters each.
        rows = 3000 if isinstance(world, MemoryWorld) else 0
        assert driver.result(execution.refresh()) == 1000
        assert each < rows + 100
        assert (kept["read"] - kept[999]) / 1000 < 100

    def test_a_claim_does_not_load_the_items(self, driver, define):
        def body(ctx):
            found = ctx.map("m", double, range(120))
            ctx.sleep("nap", HOUR)
            return len(found)

        execution = driver.start(define(body))
        driver.clock.advance(hours=1)
        [claim] = driver.engine.claim()

        assert [c.key for c in claim.checkpoints] == ["m"]
        assert driver.engine.run_claim(claim).status == "completed"
        assert driver.result(execution.refresh()) == 120
