"""Executions that executions start: awaited, detached, timed out, cancelled, retried."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from durable_django import (
    ChildCancelledError,
    ChildFailedError,
    ChildTimeoutError,
    RetryPolicy,
    Terminal,
)
from durable_django.engine.durable_engine import EngineOptions
from durable_django.exceptions import ChildDepthError
from durable_django.testing.crash import SimulatedCrash
from durable_django.testing.driver import LEASE

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Invoice:
    number: int
    total: Decimal
    due: dt.date


def children(driver, execution, **options):
    """Return them by call: of those that begin in one instant, any may be listed first."""
    listed = driver.store.list_children(execution.id, **options)
    return sorted(listed, key=lambda child: child.parent_key)


def statuses(driver, execution):
    return [str(child.status) for child in children(driver, execution)]


def fail():
    raise Terminal("broken")


@pytest.fixture
def double(define, log):
    return define(lambda ctx, n: ctx.step("double", lambda: log.append(n) or 2 * n))


@pytest.fixture
def failing(define):
    return define(lambda ctx: ctx.step("break", fail))


@pytest.fixture
def waiting(define):
    return define(lambda ctx: ctx.wait_signal("go"))


class TestAwaited:
    def test_its_result_is_returned(self, driver, define, double, log):
        """C89."""
        execution = driver.start(define(lambda ctx: ctx.child("pay", double, 21)))

        [child] = children(driver, execution)
        assert (driver.result(execution), log) == (42, [21])
        assert (child.parent_id, child.parent_key) == (execution.id, "pay")
        assert driver.steps(execution) == ["pay"]

    def test_arguments_are_bound_by_place_and_by_name(self, driver, define):
        child = define(lambda ctx, a, *, b=1: [a, b])

        execution = driver.start(define(lambda ctx: ctx.child("c", child, 1, kwargs={"b": 2})))

        assert driver.result(execution) == [1, 2]

    def test_the_result_has_the_types_it_was_returned_with(self, driver, define):
        invoice = Invoice(7, Decimal("19.90"), dt.date(2026, 2, 1))
        seen = []

        def body(ctx):
            seen.append(ctx.child("bill", bill))
            ctx.sleep("nap", HOUR)

        bill = define(lambda ctx: invoice)
        driver.start(define(body))
        driver.advance(hours=1)

        assert seen == [invoice, invoice]

    def test_its_failure_is_raised(self, driver, define, failing):
        """C89."""
        seen = []

        def body(ctx):
            try:
                ctx.child("pay", failing)
            except ChildFailedError as error:
                seen.append((type(error), error.name, str(error.execution_id), str(error)))
            ctx.sleep("nap", HOUR)
            return "went on"

        execution = driver.start(define(body))
        driver.advance(hours=1)

        [child] = children(driver, execution)
        assert driver.result(execution.refresh()) == "went on"
        assert seen[0] == seen[1]
        assert seen[0][:3] == (ChildFailedError, "pay", str(child.id))
        assert "broken" in seen[0][3]

    def test_a_failure_nobody_catches_fails_the_parent(self, driver, define, failing):
        execution = driver.start(define(lambda ctx: ctx.child("pay", failing)))

        assert execution.status == "failed"
        assert execution.error.type == "ChildFailedError"

    def test_no_worker_is_held_meanwhile(self, driver, define, waiting):
        execution = driver.start(define(lambda ctx: ctx.child("pay", waiting)))

        facts = execution.execution
        assert (facts.status, facts.waiting_kind, facts.waiting_for) == (
            "suspended",
            "child",
            "pay",
        )
        assert facts.wake_at is None

    def test_two_of_one_name_are_two(self, driver, define, double):
        """W14: no reference that could collide."""

        def body(ctx):
            return [ctx.child("pay", double, n) for n in (1, 2)]

        execution = driver.start(define(body))

        assert driver.result(execution) == [2, 4]
        assert [one.parent_key for one in children(driver, execution)] == ["pay", "pay#2"]

    def test_a_chain_of_children_hands_the_result_up(self, driver, define):
        """C89: A → B → C."""
        last = define(lambda ctx: ctx.step("deep", lambda: "treasure"))
        middle = define(lambda ctx: ctx.child("c", last))
        first = define(lambda ctx: ctx.child("b", middle))

        execution = driver.start(first)

        [child] = children(driver, execution)
        [grandchild] = children(driver, child)
        assert driver.result(execution) == "treasure"
        assert [one.depth for one in (execution.execution, child, grandchild)] == [0, 1, 2]

    def test_it_goes_to_the_queue_it_asks_for(self, driver, define, double):
        def body(ctx):
            return ctx.child("pay", double.options(queue="slow", priority=7, tags=["x"]), 1)

        driver.engine.registry.load(double.name)
        execution = define(body).start()
        driver.engine.drain()

        [child] = children(driver, execution)
        assert (child.queue, child.priority, child.tags) == ("slow", 7, ("x",))
        assert child.status == "pending"
        driver.engine.drain(["slow", "default"])
        assert driver.result(execution.refresh()) == 2

    def test_it_shares_the_correlation_id(self, driver, define, double):
        parent = define(lambda ctx: ctx.child("pay", double, 1))

        execution = driver.start(parent.options(correlation_id="order-5"))

        assert [one.correlation_id for one in children(driver, execution)] == ["order-5"]

    def test_what_is_no_workflow_is_refused(self, driver, define):
        execution = driver.start(define(lambda ctx: ctx.child("pay", abs, 1)))

        assert (execution.status, execution.error.type) == ("failed", "DefinitionError")

    def test_arguments_that_do_not_fit_are_refused(self, driver, define, double):
        execution = driver.start(define(lambda ctx: ctx.child("pay", double)))

        assert (execution.status, execution.error.type) == ("failed", "TypeError")
        assert children(driver, execution) == []


class TestQueues:
    def test_the_queue_of_a_child_is_rung_for_when_it_has_been_started(
        self, new_driver, define, double
    ):
        rung = []

        class Bell:
            def wake(self, queue, slots=1):
                rung.append(queue)

        driver = new_driver(dispatcher=Bell())
        parent = define(lambda ctx: ctx.child("pay", double.options(queue="slow"), 1))
        execution = parent.start()
        rung.clear()
        driver.engine.drain()

        assert rung == ["slow"]
        rung.clear()
        driver.engine.drain(["slow"])
        assert rung == ["default"]
        assert execution.refresh().status == "suspended"


class TestEveryEndTellsTheParent:
    """W14: all terminal states of a child notify the parent."""

    @pytest.fixture
    def parent(self, define):
        def make(child, **options):
            def body(ctx):
                try:
                    return ["ok", ctx.child("c", child, **options)]
                except ChildFailedError as error:
                    return [type(error).__name__, error.error_type]

            return define(body)

        return make

    def test_completed(self, driver, parent, waiting):
        execution = driver.start(parent(waiting))
        driver.signal(children(driver, execution)[0].id, "go", 5)

        assert driver.result(execution.refresh()) == ["ok", 5]

    def test_failed(self, driver, parent, failing):
        execution = driver.start(parent(failing))

        assert driver.result(execution) == ["ChildFailedError", "StepFailedError"]

    def test_failed_after_compensation(self, driver, define, parent, log):
        def body(ctx):
            ctx.step("reserve", log.action("reserve"), compensate=lambda _: log.append("release"))
            ctx.step("break", fail)

        execution = driver.start(parent(define(body)))

        assert driver.result(execution) == ["ChildFailedError", "StepFailedError"]
        assert log == ["reserve", "release"]

    def test_failed_after_a_compensation_that_took_a_while(self, driver, define, parent):
        tries = []

        def release(_):
            tries.append(driver.clock.now())
            if len(tries) < 3:
                raise OSError("away")

        def body(ctx):
            slowly = RetryPolicy.fixed(5, HOUR)
            ctx.step("reserve", int, compensate=release, compensate_retry=slowly)
            ctx.step("break", fail)

        execution = driver.start(parent(define(body)))
        waiting = execution.status
        driver.advance(hours=5)

        assert waiting == "suspended"
        assert driver.result(execution.refresh()) == ["ChildFailedError", "StepFailedError"]
        assert len(tries) == 3

    def test_cancelled(self, driver, parent, waiting):
        execution = driver.start(parent(waiting))
        driver.cancel(children(driver, execution)[0].id, "not needed")

        assert driver.result(execution.refresh()) == [
            "ChildCancelledError",
            "WorkflowCancelledError",
        ]

    def test_cancelled_before_it_began(self, driver, parent, waiting):
        execution = parent(waiting.options(queue="idle")).start()
        driver.engine.drain()
        driver.engine.cancel(children(driver, execution)[0].id)
        driver.engine.drain(["idle", "default"])

        assert driver.result(execution.refresh())[0] == "ChildCancelledError"

    def test_expired(self, driver, parent, waiting):
        execution = driver.start(parent(waiting.options(ttl=HOUR)))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == ["ChildFailedError", "WorkflowExpired"]

    def test_a_parked_one_does_not_and_its_retry_does(self, driver, define, parent, log):
        def body(ctx):
            ctx.step("fix me", lambda: log.append("try") or 1 / (len(log) - 1))
            return "repaired"

        execution = driver.start(parent(define(body, on_failure="park")))
        [child] = children(driver, execution)
        before = (str(child.status), execution.status)
        driver.retry(child.id)

        assert before == ("parked", "suspended")
        assert driver.result(execution.refresh()) == ["ok", "repaired"]

    def test_a_parked_one_that_is_cancelled_does(self, driver, define, parent):
        execution = driver.start(parent(define(lambda ctx: ctx.step("x", fail), on_failure="park")))
        driver.cancel(children(driver, execution)[0].id)

        assert driver.result(execution.refresh())[0] == "ChildCancelledError"

    def test_a_poisoned_one_that_is_cancelled_does(self, driver, define, parent):
        """The child kills its workers; a person gives it up."""

        def body(ctx):
            raise SimulatedCrash

        execution = parent(define(body)).start()
        for _ in range(20):
            driver.drain()
        [child] = children(driver, execution)
        driver.cancel(child.id)

        assert str(child.status) == "parked"
        assert driver.result(execution.refresh())[0] == "ChildCancelledError"

    def test_one_that_ends_while_the_parent_is_paused_is_found_on_resume(
        self, driver, parent, waiting
    ):
        execution = driver.start(parent(waiting))
        driver.pause(execution)
        driver.signal(children(driver, execution)[0].id, "go", 5)
        paused = execution.refresh().status
        driver.resume(execution)

        assert paused == "paused"
        assert driver.result(execution) == ["ok", 5]

    def test_one_whose_row_is_gone_is_a_failure(self, driver, parent, waiting, world):
        execution = driver.start(parent(waiting))
        [child] = children(driver, execution)
        driver.cancel(child.id, compensate=False)
        # As only a person with SQL can do it.
        assert driver.result(execution.refresh())[0] == "ChildCancelledError"


class TestNoLostWakeUp:
    def test_a_child_that_ends_before_the_parent_waits(self, driver, define, double, log):
        """W14: started by a block whose other branch outlasts it."""

        def outlast():
            [child] = driver.store.list_children(parent_ids[0])
            driver.engine.run_one(child.id)
            log.append(str(driver.store.load_execution(child.id).status))
            return "done"

        def body(ctx):
            parent_ids.append(ctx.execution_id)
            with ctx.parallel("both") as p:
                child = p.child("pay", double, 4)
                step = p.step("outlast", outlast)
            return [child.result, step.result]

        parent_ids = []
        execution = driver.start(define(body))

        assert driver.result(execution) == [8, "done"]
        assert log == [4, "completed"]

    def test_a_child_that_ends_as_the_time_is_up_wins(self, driver, define, waiting):
        looks = []

        def body(ctx):
            looks.append("look")
            if len(looks) == 2:
                [child] = driver.store.list_children(ctx.execution_id)
                driver.engine.send_signal(child.id, "go", "just so")
                driver.engine.run_one(child.id)
            return ctx.child("c", waiting, timeout=HOUR, default="none")

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == "just so"

    def test_news_of_another_kind_does_not_end_the_wait(self, driver, define, waiting):
        execution = driver.start(define(lambda ctx: ctx.child("c", waiting)))
        driver.signal(execution, "c", "a signal of the name of the call")
        driver.engine.run_one(execution.id)

        assert execution.refresh().status == "suspended"
        driver.signal(children(driver, execution)[0].id, "go", 5)
        assert driver.result(execution.refresh()) == 5


class TestCrashes:
    def test_a_crash_at_any_write_starts_exactly_one_child(self, driver, define, world):
        child = define(lambda ctx, n: ctx.step("double", lambda: world.write("double") or 2 * n))
        parent = define(lambda ctx: [ctx.child("one", child, 1), ctx.child("two", child, 2)])
        executions = []

        def scenario(driver):
            executions[:] = [driver.start(parent)]
            return executions[0]

        def same():
            listed = children(driver, executions[0])
            return [(one.parent_key, str(one.status), one.output) for one in listed]

        survived = driver.crash_everywhere(scenario, same=same)

        assert survived >= 30

    def test_a_crash_at_any_write_ends_a_failing_child_once(self, driver, define, failing):
        def body(ctx):
            ctx.step("reserve", int, compensate=lambda _: None)
            ctx.child("pay", failing)

        parent = define(body)
        driver.crash_everywhere(lambda driver: driver.start(parent))

    def test_a_crash_at_any_write_of_a_timeout(self, driver, define, waiting):
        executions = []

        def body(ctx):
            return ctx.child("pay", waiting, timeout=HOUR, default="none")

        parent = define(body)

        def scenario(driver):
            executions[:] = [driver.start(parent)]
            driver.advance(hours=3)
            return executions[0]

        driver.crash_everywhere(scenario, same=lambda: statuses(driver, executions[0]))

    def test_a_crash_at_any_write_of_a_cascade(self, driver, define, waiting):
        executions = []
        middle = define(lambda ctx: ctx.child("leaf", waiting))
        parent = define(lambda ctx: ctx.child("middle", middle))

        def scenario(driver):
            executions[:] = [driver.start(parent)]
            driver.cancel(executions[0])
            driver.advance(minutes=5)
            return executions[0]

        def same():
            [middle] = children(driver, executions[0])
            return [str(middle.status), *statuses(driver, middle)]

        driver.crash_everywhere(scenario, same=same)

    def test_a_crash_at_any_write_of_a_detached_start(self, driver, define, double):
        executions = []
        parent = define(lambda ctx: str(ctx.start_child("pay", double, 1)) and "started")

        def scenario(driver):
            executions[:] = [driver.start(parent)]
            driver.advance(minutes=5)
            return executions[0]

        driver.crash_everywhere(scenario, same=lambda: statuses(driver, executions[0]))


class TestTimeout:
    def test_the_child_is_cancelled(self, driver, define, waiting):
        """C89."""
        execution = driver.start(define(lambda ctx: ctx.child("pay", waiting, timeout=HOUR)))
        driver.advance(hours=1)

        [child] = children(driver, execution)
        assert execution.refresh().status == "failed"
        assert execution.error.type == "ChildTimeoutError"
        assert (str(child.status), child.cancel_reason) == ("cancelled", "pay: its time was up")
        assert [str(t.status) for t in driver.store.list_timers(execution.id)] == ["fired"]

    def test_its_work_is_undone(self, driver, define, log):
        def body(ctx):
            ctx.step("reserve", log.action("reserve"), compensate=lambda _: log.append("release"))
            ctx.wait_signal("go")

        child = define(body)
        driver.start(define(lambda ctx: ctx.child("pay", child, timeout=HOUR, default=None)))
        driver.advance(hours=1)

        assert log == ["reserve", "release"]

    @pytest.mark.parametrize("default", [None, 0, "none"], ids=repr)
    def test_a_default_is_returned_instead(self, driver, define, waiting, default):
        """W14, E43: the timeout's value is really returned."""

        def body(ctx):
            got = ctx.child("pay", waiting, timeout=HOUR, default=default)
            ctx.sleep("nap", HOUR)
            return got

        execution = driver.start(define(body))
        driver.advance(hours=2)

        assert driver.result(execution.refresh()) == default

    def test_a_default_is_not_for_failures(self, driver, define, failing):
        execution = driver.start(
            define(lambda ctx: ctx.child("pay", failing, timeout=HOUR, default="none"))
        )

        assert execution.error.type == "ChildFailedError"

    def test_one_in_time_cancels_the_timer(self, driver, define, double):
        execution = driver.start(define(lambda ctx: ctx.child("pay", double, 2, timeout=HOUR)))

        assert driver.result(execution) == 4
        assert [str(t.status) for t in driver.store.list_timers(execution.id)] == ["cancelled"]

    def test_its_end_is_fixed_when_the_child_is_started(self, driver, define, waiting):
        execution = driver.start(define(lambda ctx: ctx.child("pay", waiting, timeout=HOUR)))
        driver.advance(minutes=40)
        driver.signal(execution, "other")
        driver.pause(execution)
        driver.resume(execution)
        driver.restart()

        driver.advance(minutes=20)

        assert execution.refresh().status == "failed"

    def test_it_is_raised_the_same_on_replay(self, driver, define, waiting):
        seen = []

        def body(ctx):
            with pytest.raises(ChildTimeoutError) as caught:
                ctx.child("pay", waiting, timeout=HOUR)
            seen.append(str(caught.value))
            ctx.sleep("nap", HOUR)

        driver.start(define(body))
        driver.advance(hours=2)

        assert len(seen) == 2
        assert seen[0] == seen[1]

    def test_a_negative_one_is_refused(self, driver, define, waiting):
        execution = driver.start(define(lambda ctx: ctx.child("pay", waiting, timeout=-HOUR)))

        assert execution.error.type == "DefinitionError"


class TestDetached:
    def test_the_parent_goes_on_and_ends(self, driver, define, waiting):
        def body(ctx):
            return ctx.start_child("mail", waiting)

        execution = driver.start(define(body))

        [child] = children(driver, execution)
        assert driver.result(execution) == child.id
        assert str(child.status) == "suspended"
        assert child.parent_wait == ""

    def test_it_is_started_once_however_often_the_body_is_replayed(self, driver, define, double):
        """C89: fire-and-forget is idempotent."""

        def body(ctx):
            ids = [str(ctx.start_child("mail", double, n)) for n in (1, 2)]
            ctx.sleep("nap", HOUR)
            return ids

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == [
            str(one.id) for one in children(driver, execution)
        ]

    def test_its_failure_does_not_matter(self, driver, define, failing):
        def body(ctx):
            ctx.start_child("mail", failing)
            ctx.sleep("nap", HOUR)
            return "fine"

        execution = driver.start(define(body))
        driver.advance(hours=1)

        assert driver.result(execution.refresh()) == "fine"

    def test_with_a_policy_it_is_cancelled_when_the_parent_ends(self, driver, define, waiting):
        def body(ctx):
            ctx.start_child("mail", waiting, on_parent_close="cancel")

        execution = driver.start(define(body))

        assert execution.status == "completed"
        assert statuses(driver, execution) == ["cancelled"]

    def test_an_unknown_policy_is_refused(self, driver, define, waiting):
        execution = driver.start(
            define(lambda ctx: ctx.start_child("mail", waiting, on_parent_close="adopt"))
        )

        assert execution.status == "failed"
        assert "cancel" in execution.error.message
        assert children(driver, execution) == []


class TestParentClose:
    """What becomes of the children that have not ended when their parent does."""

    @pytest.fixture
    def family(self, driver, define, waiting):
        """Start a parent with two children that wait, one to cancel and one to abandon."""

        def make(then):
            def body(ctx):
                ctx.start_child("cancelled", waiting, on_parent_close="cancel")
                ctx.start_child("abandoned", waiting, on_parent_close="abandon")
                ctx.sleep("nap", HOUR)
                return then(ctx)

            return driver.start(define(body))

        return make

    def test_a_parent_that_completes(self, driver, family):
        execution = family(lambda ctx: None)
        driver.advance(hours=1)

        assert execution.refresh().status == "completed"
        assert statuses(driver, execution) == ["suspended", "cancelled"]

    def test_a_parent_that_fails(self, driver, family):
        execution = family(lambda ctx: ctx.step("break", fail))
        driver.advance(hours=1)

        assert execution.refresh().status == "failed"
        assert statuses(driver, execution) == ["suspended", "cancelled"]

    def test_a_parent_that_is_cancelled(self, driver, family):
        execution = family(lambda ctx: None)
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert statuses(driver, execution) == ["suspended", "cancelled"]

    def test_a_parent_that_is_parked_keeps_them(self, driver, define, waiting):
        def body(ctx):
            ctx.start_child("mail", waiting, on_parent_close="cancel")
            ctx.step("break", fail)

        execution = driver.start(define(body, on_failure="park"))

        assert execution.status == "parked"
        assert statuses(driver, execution) == ["suspended"]

    def test_an_awaited_one_may_be_abandoned(self, driver, define, waiting):
        parent = define(lambda ctx: ctx.child("pay", waiting, on_parent_close="abandon"))
        execution = driver.start(parent)
        driver.cancel(execution)

        assert statuses(driver, execution) == ["suspended"]

    def test_a_cancel_cascades_and_spares_those_that_have_finished(
        self, driver, define, waiting, double
    ):
        """C89."""
        middle = define(lambda ctx: [ctx.child("d", double, 1), ctx.child("leaf", waiting)])
        parent = define(lambda ctx: [ctx.child("done", double, 1), ctx.child("middle", middle)])
        execution = driver.start(parent)
        driver.cancel(execution, "customer")

        done, one = children(driver, execution)
        assert (str(done.status), str(one.status)) == ("completed", "cancelled")
        assert statuses(driver, one) == ["completed", "cancelled"]
        assert execution.status == "cancelled"

    def test_children_that_did_not_begin_are_cancelled_too(self, driver, define, double):
        parent = define(lambda ctx: ctx.child("pay", double.options(queue="idle"), 1))
        execution = parent.start()
        driver.engine.drain()
        driver.engine.cancel(execution.id)
        driver.engine.drain(["default", "idle"])

        assert statuses(driver, execution) == ["cancelled"]

    def test_a_cancel_without_compensation_spreads_as_such(self, driver, define, log):
        def body(ctx):
            ctx.step("reserve", log.action("reserve"), compensate=lambda _: log.append("release"))
            ctx.wait_signal("go")

        child = define(body)
        execution = driver.start(define(lambda ctx: ctx.child("pay", child)))
        driver.cancel(execution, compensate=False)

        assert statuses(driver, execution) == ["cancelled"]
        assert log == ["reserve"]

    def test_a_cancel_during_the_last_step_is_kept_and_spreads(self, driver, define, waiting):
        """The body itself stands in for the other process."""

        def body(ctx):
            ctx.start_child("mail", waiting, on_parent_close="cancel")
            ctx.step("last", lambda: driver.engine.cancel(ctx.execution_id))

        execution = driver.start(define(body))

        assert execution.status == "cancelled"
        assert statuses(driver, execution) == ["cancelled"]


class TestUndo:
    def test_a_child_s_result_is_undone_with_the_parent(self, driver, define, double, log):
        def body(ctx):
            ctx.step("a", log.action("a"), compensate=lambda _: log.append("-a"))
            ctx.child("pay", double, 4, compensate=lambda result: log.append(("-pay", result)))
            ctx.step("break", fail)

        execution = driver.start(define(body))

        assert execution.status == "failed"
        assert log == ["a", 4, ("-pay", 8), "-a"]

    def test_a_child_that_completed_unseen_is_undone_too(self, driver, define, double, log):
        """The parent was paused when the child completed, and is then cancelled."""
        parent = define(
            lambda ctx: ctx.child("pay", double, 4, compensate=lambda r: log.append(("-pay", r)))
        )
        execution = parent.start()
        driver.engine.run_one(execution.id)
        driver.engine.pause(execution.id)
        driver.drain()
        driver.cancel(execution)

        assert execution.status == "cancelled"
        assert log == [4, ("-pay", 8)]

    def test_without_compensation_it_is_not(self, driver, define, double, log):
        parent = define(
            lambda ctx: ctx.child("pay", double, 4, compensate=lambda r: log.append(("-pay", r)))
        )
        execution = parent.start()
        driver.engine.run_one(execution.id)
        driver.engine.pause(execution.id)
        driver.drain()
        driver.cancel(execution, compensate=False)

        assert log == [4]

    def test_a_child_that_failed_has_undone_itself(self, driver, define, failing, log):
        parent = define(lambda ctx: ctx.child("pay", failing, compensate=log.append))

        assert driver.start(parent).status == "failed"
        assert log == []


class TestRetry:
    def test_a_child_that_an_operator_retries_ends_the_wait(self, driver, define, log):
        """Its failure was told, but the parent had not looked yet: it was paused."""
        child = define(lambda ctx: ctx.step("x", lambda: log.append("try") or 1 / (len(log) - 1)))
        execution = define(lambda ctx: ctx.child("pay", child)).start()
        driver.engine.run_one(execution.id)
        driver.engine.pause(execution.id)
        driver.drain()
        [one] = children(driver, execution)
        driver.engine.retry(one.id)
        driver.resume(execution)

        assert str(one.status) == "failed"
        assert driver.result(execution) == 1.0

    def test_after_its_outcome_was_recorded_a_retried_child_changes_nothing(
        self, driver, define, log
    ):
        child = define(lambda ctx: ctx.step("x", lambda: log.append("try") or 1 / (len(log) - 1)))

        def body(ctx):
            try:
                return ctx.child("pay", child)
            except ChildFailedError:
                return ctx.wait_signal("go")

        execution = driver.start(define(body))
        driver.retry(children(driver, execution)[0].id)
        statuses_then = statuses(driver, execution)
        driver.signal(execution, "go", "failed for good")

        assert statuses_then == ["completed"]
        assert driver.result(execution) == "failed for good"

    def test_a_parent_that_is_retried_starts_a_new_child(self, driver, define, log):
        child = define(lambda ctx: ctx.step("x", lambda: log.append("try") or 1 / (len(log) - 1)))

        def body(ctx):
            first = ctx.step("first", lambda: 1)
            return [first, ctx.child("pay", child)]

        execution = driver.start(define(body))
        first = children(driver, execution)
        driver.retry(execution)

        assert [str(one.status) for one in first] == ["failed"]
        assert driver.result(execution) == [1, 1.0]
        assert sorted(statuses(driver, execution)) == ["completed", "failed"]
        attempts = [(c.key, c.attempt) for c in driver.checkpoints(execution)]
        assert attempts == [("first", 1), ("pay", 1), ("pay", 2)]

    def test_one_that_completed_is_kept(self, driver, define, double, failing, log):
        execution = driver.start(
            define(lambda ctx: [ctx.child("pay", double, 1), ctx.child("x", failing)])
        )
        driver.retry(execution)

        assert log == [1]
        assert statuses(driver, execution) == ["completed", "failed", "failed"]

    def test_one_that_was_undone_is_started_anew(self, driver, define, double, log):
        broken = [True]

        def body(ctx):
            paid = ctx.child("pay", double, 1, compensate=lambda _: log.append("-pay"))
            ctx.step("ship", lambda: 1 / (not broken[0]))
            return paid

        execution = driver.start(define(body))
        broken[0] = False
        driver.retry(execution)

        assert driver.result(execution) == 2
        assert log == [1, "-pay", 1]

    def test_one_that_timed_out_is_started_anew(self, driver, define, waiting):
        execution = driver.start(define(lambda ctx: ctx.child("pay", waiting, timeout=HOUR)))
        driver.advance(hours=1)
        driver.retry(execution)
        [second] = children(driver, execution, open_only=True)
        driver.advance(minutes=59)
        driver.signal(second.id, "go", 5)

        assert driver.result(execution.refresh()) == 5


class TestDepth:
    def test_a_workflow_that_starts_itself_comes_to_an_end(self, driver, define, registry):
        def body(ctx, level):
            workflow = registry_workflow[0]
            return ctx.child("next", workflow, level + 1)

        registry_workflow = []
        registry_workflow.append(define(body))
        execution = driver.start(registry_workflow[0], 0)

        depths, one = [], execution.execution
        while found := children(driver, one):
            [one] = found
            depths.append(one.depth)
        assert depths == list(range(1, 21))
        assert execution.status == "failed"
        assert "ChildDepthError" in driver.store.load_execution(one.id).error

    def test_the_limit_may_be_another(self, new_driver, define, double):
        options = EngineOptions(lease=LEASE, renews_leases=False, max_child_depth=0)
        driver = new_driver(options=options)

        execution = driver.start(define(lambda ctx: ctx.child("pay", double, 1)))

        assert execution.error.type == ChildDepthError.__name__


class TestKeys:
    def test_a_key_that_is_taken_is_refused(self, driver, define, double):
        """Another's child it cannot be: nobody would tell this parent of its end."""
        taken = driver.start(double.options(key="order-5"), 1)

        execution = driver.start(
            define(lambda ctx: ctx.child("pay", double.options(key="order-5"), 1))
        )

        assert execution.status == "failed"
        assert execution.error.type == "ExecutionKeyConflictError"
        assert str(taken.id) in execution.error.message
        assert children(driver, execution) == []

    def test_a_free_key_is_the_child_s(self, driver, define, double):
        parent = define(lambda ctx: ctx.child("pay", double.options(key="order-5"), 1))

        execution = driver.start(parent)

        assert driver.result(execution) == 2
        assert [one.key for one in children(driver, execution)] == ["order-5"]

    def test_a_detached_start_with_a_key_that_is_taken_returns_the_one_that_has_it(
        self, driver, define, double
    ):
        taken = driver.start(double.options(key="order-5"), 1)

        execution = driver.start(
            define(lambda ctx: str(ctx.start_child("pay", double.options(key="order-5"), 1)))
        )

        assert driver.result(execution) == str(taken.id)

    def test_a_detached_start_with_another_input_is_refused(self, driver, define, double):
        driver.start(double.options(key="order-5"), 1)

        execution = driver.start(
            define(lambda ctx: ctx.start_child("pay", double.options(key="order-5"), 2))
        )

        assert execution.error.type == "ExecutionKeyConflictError"


class TestRunHere:
    def test_run_advances_the_children_too(self, driver, define, double):
        """`run()` in a process without workers must not wait for what nobody advances."""
        parent = define(lambda ctx: [ctx.child("a", double, 1), ctx.child("b", double, 2)])

        assert parent.run() == [2, 4]

    def test_however_many_of_them_sleep(self, driver, define):
        nap = define(lambda ctx, n: ctx.sleep("nap", HOUR) or n)
        parent = define(lambda ctx: sum(ctx.map("m", nap, range(50))))

        assert parent.run() == sum(range(50))


class TestZombies:
    """A worker that stalled for longer than its lease, while another one goes on (W4)."""

    def test_one_whose_body_fails_cancels_no_child_of_its_successor(self, driver, define, waiting):
        def body(ctx):
            ctx.start_child("mail", waiting, on_parent_close="cancel")
            if not driver.crashes:
                stall()
                raise OSError("the connection was lost meanwhile")
            return ctx.wait_signal("go")

        def stall():
            """Let the lease run out, and have another worker take over."""
            driver.crashes += 1
            driver.clock.advance(minutes=5)
            former, driver.engine = driver.engine, driver._build(driver.store, driver.clock)
            driver._use(driver.engine)
            driver.drain()
            driver._use(former)

        execution = driver.start(define(body))

        assert execution.refresh().status == "suspended"
        assert statuses(driver, execution) == ["suspended"]


def test_children_are_listed_oldest_first_and_in_pages(driver, define, double):
    """C89."""

    def body(ctx):
        started = []
        for n in range(5):
            started.append(str(ctx.start_child("mail", double, n)))
            ctx.sleep("nap", timedelta(seconds=1))
        return started

    execution = driver.start(define(body))
    driver.advance(seconds=5)
    first = driver.store.list_children(execution.id, limit=2)
    rest = driver.store.list_children(execution.id, after=first[-1].id)

    assert [str(one.id) for one in (*first, *rest)] == driver.result(execution.refresh())
    assert driver.store.list_children(execution.id, open_only=True) == []
    [third] = driver.store.list_children(execution.id, keys=["mail#3"])
    assert third.parent_key == "mail#3"


def test_a_cancelled_child_is_caught_apart(driver, define, waiting):
    def body(ctx):
        try:
            ctx.child("pay", waiting)
        except ChildCancelledError as error:
            return str(error)

    execution = driver.start(define(body))
    driver.cancel(children(driver, execution)[0].id, "customer")

    assert "was cancelled" in driver.result(execution.refresh())
    assert "customer" in driver.result(execution)


def test_pruning_keeps_what_an_open_parent_needs(driver, define, double):
    execution = define(lambda ctx: ctx.child("pay", double, 4)).start()
    driver.engine.run_one(execution.id)
    driver.engine.pause(execution.id)
    driver.drain()
    driver.clock.advance(days=400)
    deleted = driver.store.delete_finished(
        before=driver.clock.now(), statuses=["completed"], limit=100
    )
    driver.resume(execution)

    assert deleted == 0
    assert driver.result(execution) == 8
