"""A worker whose lease was taken over writes nothing more and begins nothing more."""

from __future__ import annotations

from contextvars import Context
from datetime import timedelta

import pytest

from durable_django.testing.driver import LEASE, build_test_engine
from tests.scenarios.worlds import World

HOUR = timedelta(hours=1)


@pytest.fixture
def overtake(driver, registry, world: World):
    """Let another worker advance the execution, as if this one had been stopped for long."""

    def overtake(execution_id):
        driver.clock.advance(LEASE)
        needs = {"registry": registry, **world.needs()}
        other = build_test_engine(driver.store, driver.clock, **needs)
        # Another process: it knows nothing of the step that runs here.
        return Context().run(other.run_one, execution_id)

    return overtake


def overtaken_once(overtake, log, execution_id):
    log.append("act")
    if len(log) == 1:
        overtake(execution_id)
    return len(log)


@pytest.mark.parametrize(
    "options",
    [{}, {"compensate": print}, {"at_most_once": True}],
    ids=["external", "undoable", "at most once"],
)
def test_the_outcome_of_a_zombie_is_dropped(driver, define, overtake, log, options):
    """C81, C84: each of the two acted, one of them counts."""

    def action():
        return overtaken_once(overtake, log, execution.id)

    def run(ctx):
        try:
            return ctx.step("a", action, **options)
        except Exception as error:  # noqa: BLE001 -- as above
            return type(error).__name__

    execution = define(run).start()
    driver.drain()

    [row] = driver.checkpoints(execution)
    if "at_most_once" in options:
        assert log == ["act"]
        assert driver.result(execution) == "UnknownOutcomeError"
    else:
        assert log == ["act", "act"]
        assert driver.result(execution) == 2
    assert row.attempt == 1


def test_a_zombie_begins_no_further_step(driver, define, overtake, log):
    def body(ctx):
        ctx.step("a", lambda: overtaken_once(overtake, log, execution.id))
        log.append(("b", ctx.step("b", lambda: driver.store.load_execution(execution.id).fence)))

    execution = define(body).start()
    driver.drain()

    assert log == ["act", "act", ("b", 2)]


def test_a_failure_of_a_zombie_is_dropped(driver, define, overtake, log):
    def act():
        if overtaken_once(overtake, log, execution.id) == 2 and len(log) == 2 and not failed:
            failed.append(True)
            return "fine"
        raise OSError("late")

    failed = []
    execution = define(lambda ctx: ctx.step("a", act)).start()
    driver.drain()

    assert driver.result(execution) == "fine"


def test_a_zombie_does_not_end_what_another_worker_ended(driver, define, overtake, log):
    """C81: a stale end changes nothing."""

    def body(ctx):
        log.append("body")
        if len(log) == 1:
            overtake(ctx.execution_id)
            return "stale"
        return "fresh"

    execution = driver.start(define(body))

    assert driver.result(execution) == "fresh"


def test_a_zombie_does_not_fail_what_another_worker_ended(driver, define, overtake, log):
    def body(ctx):
        log.append("body")
        if len(log) == 1:
            overtake(ctx.execution_id)
            raise ValueError("stale")
        return "fresh"

    execution = driver.start(define(body))

    assert driver.result(execution) == "fresh"


def test_a_zombie_does_not_suspend_what_another_worker_ended(driver, define, overtake, log):
    def body(ctx):
        log.append("body")
        if len(log) == 1:
            overtake(ctx.execution_id)
            ctx.sleep("nap", HOUR)
        return "fresh"

    execution = driver.start(define(body))

    assert driver.result(execution) == "fresh"
    assert driver.store.list_timers(execution.id) == []


def test_a_zombie_consumes_no_signal(driver, define, overtake, log):
    def body(ctx):
        log.append("body")
        if len(log) == 1:
            overtake(ctx.execution_id)
        return [ctx.wait_signal("go"), ctx.wait_signal("go")]

    execution = define(body).start()
    execution.signal("go", 1)
    execution.signal("go", 2)
    driver.drain()

    assert driver.result(execution) == [1, 2]


def test_a_zombie_undoes_nothing_that_is_recorded_as_undone(driver, define, overtake, log):
    def undo(name):
        log.append(f"-{name}")
        if log == ["-b"]:
            overtake(execution.id)

    def body(ctx):
        for name in "ab":
            ctx.step(name, lambda n: n, name, compensate=undo)
        raise ValueError

    execution = define(body).start()
    driver.drain()

    assert execution.refresh().status == "failed"
    assert log == ["-b", "-b", "-a"]


def test_a_lease_in_doubt_begins_no_new_action(driver, define, log):
    def body(ctx):
        ctx.step("a", log.action("a"))
        if not doubts:
            doubts.extend(claim for claim, _ in driver.engine.leases._held.values())
            driver.engine.leases.drop(doubts[0])
        ctx.step("b", log.action("b"))

    doubts = []
    execution = driver.start(define(body))
    before = (list(log), execution.status)
    driver.clock.advance(LEASE)
    driver.drain()

    assert before == (["a"], "running")
    assert execution.refresh().status == "completed"
    assert log == ["a", "b"]


def test_a_claim_given_back_is_no_recovery(driver, define):
    execution = define(lambda _: 1).start()
    [claim] = driver.engine.claim()
    driver.engine.give_back(claim)
    driver.drain()

    assert driver.result(execution) == 1
    assert execution.execution.recoveries == 0


def test_two_workers_never_claim_the_same(driver, define, registry, world: World):
    """C80."""
    workflow = define(lambda _: 1)
    for _ in range(3):
        workflow.start()
    needs = {"registry": registry, **world.needs()}
    other = build_test_engine(driver.store, driver.clock, **needs)

    mine = {c.execution_id for c in driver.engine.claim(limit=2)}
    theirs = {c.execution_id for c in other.claim(limit=2)}

    assert len(mine | theirs) == 3
    assert not mine & theirs


def test_priority_is_a_head_start(driver, define, log):
    """C80."""
    workflow = define(lambda ctx, name: ctx.step("note", log.append, name))
    workflow.start("first")
    workflow.options(priority=1).start("urgent")
    workflow.options(priority=9).start("most urgent")

    driver.drain()

    assert log == ["most urgent", "urgent", "first"]


def test_future_work_is_left_alone(driver, define):
    """C80."""
    later = driver.clock.now() + HOUR
    execution = driver.start(define(lambda _: 1).options(start_at=later))
    before = execution.status
    driver.advance(hours=1)

    assert (before, execution.refresh().status) == ("pending", "completed")


def test_queues_are_apart(driver, define):
    workflow = define(lambda _: 1, queue="slow")
    execution = workflow.start()

    driver.engine.drain(["default"])
    before = execution.refresh().status
    driver.engine.drain(["slow"])

    assert (before, execution.refresh().status) == ("pending", "completed")
