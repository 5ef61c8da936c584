"""An atomic step: its ORM writes and its checkpoint commit together, or neither does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction

from durable_django import RetryPolicy, StepFailedError, StepTimeoutError
from durable_django.testing.crash import SimulatedCrash
from tests.scenarios.worlds import orm_only

pytestmark = orm_only
HOUR = timedelta(hours=1)
AT_ONCE = RetryPolicy.fixed(3, timedelta(0))


def test_its_writes_are_there_with_its_checkpoint(driver, define, world):
    execution = driver.start(define(lambda ctx: ctx.step("a", world.write, "a", atomic=True)))

    assert world.entries() == ["a"]
    assert driver.steps(execution) == ["a"]


def test_a_crash_before_the_commit_leaves_nothing_and_it_runs_again(driver, define, world):
    def act():
        world.write("a")
        if not driver.crashes:
            raise SimulatedCrash

    execution = driver.start(define(lambda ctx: ctx.step("a", act, atomic=True)))

    assert execution.status == "completed"
    assert world.entries() == ["a"]


def test_a_failed_attempt_leaves_nothing_but_its_row(driver, define, world, log):
    def act():
        world.write("a")
        log.append("try")
        if len(log) < 3:
            raise OSError

    body = define(lambda ctx: ctx.step("a", act, atomic=True, retry=AT_ONCE))
    execution = driver.start(body)

    assert world.entries() == ["a"]
    assert [str(c.status) for c in driver.checkpoints(execution)] == [
        "failed",
        "failed",
        "completed",
    ]


def test_a_late_one_is_rolled_back(driver, define, world):
    def act():
        world.write("late")
        driver.clock.advance(minutes=2)

    def body(ctx):
        with pytest.raises(StepTimeoutError):
            ctx.step("a", act, atomic=True, timeout=timedelta(minutes=1))

    assert driver.start(define(body)).status == "completed"
    assert world.entries() == []


def test_a_result_that_cannot_be_stored_rolls_it_back(driver, define, world):
    def act():
        world.write("a")
        return object()

    def body(ctx):
        with pytest.raises(StepFailedError, match="PayloadError"):
            ctx.step("a", act, atomic=True, retry=AT_ONCE)

    assert driver.start(define(body)).status == "completed"
    assert world.entries() == []


def test_a_cancel_that_came_before_its_commit_rolls_it_back(driver, define, world):
    def body(ctx):
        driver.engine.cancel(ctx.execution_id)
        ctx.step("a", world.write, "a", atomic=True)

    execution = driver.start(define(body))

    assert execution.status == "cancelled"
    assert world.entries() == []


def test_a_database_error_that_was_swallowed_commits_nothing(driver, define, world):
    """Django rolls back in silence; the step is taken for crashed, and in the end parked."""

    def act():
        world.write("a")
        Group.objects.create(name="taken")
        try:
            Group.objects.create(name="taken")
        except IntegrityError:
            return "looks fine"

    execution = driver.start(define(lambda ctx: ctx.step("a", act, atomic=True)))
    driver.advance(hours=1)

    assert execution.refresh().status == "parked"
    assert execution.execution.park_reason == "poison"
    assert "did not commit" in execution.error.message
    assert world.entries() == []


def test_set_rollback_commits_nothing(driver, define, world, log):
    def act():
        world.write("a")
        log.append("try")
        transaction.set_rollback(len(log) == 1)
        return "done"

    execution = driver.start(define(lambda ctx: ctx.step("a", act, atomic=True)))
    driver.advance(minutes=5)

    assert driver.result(execution) == "done"
    assert world.entries() == ["a"]
    assert log == ["try", "try"]


def test_an_atomic_of_the_action_s_own_is_welcome(driver, define, world):
    def act():
        with transaction.atomic():
            world.write("a")

    driver.start(define(lambda ctx: ctx.step("a", act, atomic=True)))

    assert world.entries() == ["a"]


def test_it_is_refused_in_the_user_s_atomic(driver, define, world):
    def body(ctx):
        with transaction.atomic():
            ctx.step("a", world.write, "a", atomic=True)

    execution = driver.start(define(body))

    assert execution.error.type == "DurableCallError"
    assert world.entries() == []


def test_its_undo_is_atomic_too(driver, define, world, log):
    def undo(_):
        world.write("-a")
        log.append("try")
        if len(log) < 3:
            raise OSError if len(log) == 1 else SimulatedCrash

    def body(ctx):
        ctx.step("a", world.write, "a", atomic=True, compensate=undo)
        raise ValueError

    execution = driver.start(define(body))
    driver.advance(hours=1)

    assert execution.refresh().status == "failed"
    assert world.entries() == ["a", "-a"]
    assert log == ["try"] * 3


def test_a_start_and_a_signal_inside_it_are_part_of_it(driver, define, log):
    child = define(lambda ctx: ctx.wait_signal("go"))

    def act():
        log.append(child.start().id)
        driver.engine.send_signal(log[-1], "go", len(log))
        if len(log) == 1:
            raise OSError

    driver.start(define(lambda ctx: ctx.step("a", act, atomic=True, retry=AT_ONCE)))
    driver.drain()

    [only] = driver.store.list_executions(workflow_name=child.name)
    assert only.id == log[1]
    assert only.output == "2"
