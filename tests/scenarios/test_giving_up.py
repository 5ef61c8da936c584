"""When nobody can go on: an unknown workflow waits for one who knows it, poison is set aside."""

from __future__ import annotations

import sys

import pytest

from durable_django.engine.durable_engine import EngineOptions
from durable_django.engine.slice_outcome import SliceLimits
from durable_django.testing.crash import SimulatedCrash
from durable_django.testing.driver import LEASE


class TestUnknownWorkflow:
    def test_it_is_left_to_a_process_that_knows_it(self, driver, define, registry):
        """C76, W15."""
        workflow = define(lambda _: "known")
        execution = workflow.start()
        registry.forget(workflow.name)
        driver.drain()
        deferred = (execution.refresh().status, execution.execution.waiting_kind)
        define(workflow._body, name=workflow.name)
        driver.advance(seconds=10)

        assert deferred == ("suspended", "deferred")
        assert execution.execution.recoveries == 0
        assert driver.result(execution) == "known"

    def test_it_is_parked_when_none_comes(self, driver, define, registry):
        """C76: never failed."""
        workflow = define(lambda _: "known", version=3)
        execution = workflow.start()
        registry.forget(workflow.name)

        driver.drain()
        for _ in range(30):
            driver.clock.advance(hours=1)
            driver.drain()

        assert execution.refresh().status == "parked"
        assert execution.execution.park_reason == "unknown_workflow"
        assert f"{workflow.name} version 3" in execution.error.message

    def test_another_version_does_not_stand_in(self, driver, define, registry):
        """W10."""
        first = define(lambda ctx: ctx.wait_signal("go"))
        execution = driver.start(first)
        define(lambda _: "two", name=first.name, version=2)
        registry.forget(first.name, 1)
        driver.signal(execution, "go")

        assert execution.execution.waiting_kind == "deferred"

    def test_a_version_that_is_kept_finishes_its_executions(self, driver, define):
        first = define(lambda ctx: ctx.wait_signal("go"))
        old = driver.start(first)
        second = define(lambda _: "two", name=first.name, version=2)
        new = driver.start(second)
        driver.signal(old, "go", "one")

        assert (driver.result(old), driver.result(new)) == ("one", "two")

    def test_logs_before_the_first_call_are_not_lost_to_a_deferral(
        self, driver, define, registry, caplog
    ):
        workflow = define(lambda ctx: [ctx.log.warning("begun"), ctx.step("a", lambda: 1)])
        workflow.start()
        registry.forget(workflow.name)
        driver.drain()
        define(workflow._body, name=workflow.name)
        driver.advance(seconds=10)

        assert caplog.text.count("begun") == 1


class TestPoison:
    def test_what_keeps_killing_workers_is_parked(self, new_driver, define, log):
        limits = SliceLimits(max_recoveries=3)
        options = EngineOptions(lease=LEASE, renews_leases=False, limits=limits)
        driver = new_driver(options=options)

        def act():
            log.append("try")
            raise SimulatedCrash

        execution = driver.start(define(lambda ctx: ctx.step("a", act)))

        assert execution.execution.park_reason == "poison"
        assert "4 workers in a row" in execution.error.message
        assert len(log) == 4

    def test_a_new_checkpoint_begins_the_count_anew(self, new_driver, define, log):
        limits = SliceLimits(max_recoveries=1)
        options = EngineOptions(lease=LEASE, renews_leases=False, limits=limits)
        driver = new_driver(options=options)

        def act(name):
            log.append(name)
            if log.count(name) == 1:
                raise SimulatedCrash

        def body(ctx):
            for name in "abcd":
                ctx.step(name, act, name)

        execution = driver.start(define(body))

        assert execution.status == "completed"
        assert driver.crashes == 4

    def test_sys_exit_in_an_action_ends_as_poison(self, driver, define):
        """C12: it may be the process that is told to end, so it counts as a crash."""
        execution = define(lambda ctx: ctx.step("a", sys.exit)).start()
        for _ in range(11):
            with pytest.raises(SystemExit):
                driver.drain()
            driver.restart()
        driver.drain()

        assert execution.refresh().execution.park_reason == "poison"

    def test_a_retry_gives_it_another_chance(self, driver, define, log):
        def act():
            if len(log) < 11:
                log.append("try")
                raise SimulatedCrash
            return "done"

        execution = driver.start(define(lambda ctx: ctx.step("a", act)))
        parked = execution.status
        driver.retry(execution)

        assert parked == "parked"
        assert driver.result(execution) == "done"
