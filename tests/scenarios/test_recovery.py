"""What stopped moving moves again, wherever it stopped."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django import Guarantee, RecoveryScanner
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.testing.crash import SimulatedCrash
from durable_django.testing.driver import LEASE

HOUR = timedelta(hours=1)


@pytest.fixture
def crash(driver):
    """An action that takes its worker with it, once."""

    def act():
        if not driver.crashes:
            raise SimulatedCrash
        return "survived"

    return act


def die(driver):
    """Advance until the worker dies, and leave it dead."""
    with pytest.raises(SimulatedCrash):
        driver.engine.drain()
    driver.crashes += 1


class TestRecover:
    def test_a_running_execution_goes_on_from_its_last_checkpoint(self, driver, define, crash, log):
        """C74."""

        def body(ctx):
            ctx.step("a", log.action("a"))
            return ctx.step("b", crash)

        execution = define(body).start()
        die(driver)
        driver.clock.advance(LEASE)

        report = driver.engine.recover()

        assert report.resumed == [execution.id]
        assert driver.result(execution) == "survived"
        assert log == ["a"]

    def test_a_live_lease_is_left_alone(self, driver, define, crash):
        """C82."""
        execution = define(lambda ctx: ctx.step("a", crash)).start()
        die(driver)
        driver.clock.advance(LEASE - timedelta(seconds=1))

        assert driver.engine.recover().resumed == []
        assert execution.refresh().status == "running"

    def test_what_is_due_is_advanced(self, driver, define):
        """C74."""
        execution = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))
        driver.clock.advance(hours=2)

        assert driver.engine.recover().resumed == [execution.id]
        assert execution.refresh().status == "completed"

    def test_what_ran_out_of_time_is_expired(self, driver, define):
        """C75."""
        execution = driver.start(define(lambda ctx: ctx.wait_signal("go"), ttl=HOUR))
        driver.clock.advance(hours=2)

        report = driver.engine.recover()

        assert (report.resumed, report.expired) == ([], [execution.id])
        assert execution.refresh().error.message == "TTL expired"

    def test_what_has_ended_or_waits_for_a_person_is_ignored(self, driver, define):
        """C77."""

        def failing(ctx):
            raise ValueError

        for body, options in [
            (lambda _: None, {}),
            (failing, {}),
            (failing, {"on_failure": "park"}),
            (lambda ctx: ctx.wait_signal("go"), {}),
        ]:
            driver.start(define(body, **options))
        driver.clock.advance(days=9)

        assert driver.engine.recover().to_json() == {"resumed": [], "expired": [], "parked": []}

    def test_one_bad_execution_does_not_stop_the_rest(self, driver, define, crash):
        """C78, W15."""

        def broken(ctx):
            ctx.sleep("nap", HOUR)
            raise ValueError

        bad = driver.start(define(broken, on_failure="park"))
        waiting = driver.start(define(lambda ctx: [ctx.sleep("a", HOUR), ctx.wait_signal("go")]))
        good = driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))
        expired = driver.start(define(lambda ctx: ctx.wait_signal("go"), ttl=HOUR))
        driver.clock.advance(hours=1)

        report = driver.engine.recover()

        assert report.to_json() == {
            "resumed": [str(waiting.id), str(good.id)],
            "expired": [str(expired.id)],
            "parked": [str(bad.id)],
        }

    def test_a_second_scan_finds_nothing(self, driver, define):
        """C78."""
        driver.start(define(lambda ctx: ctx.sleep("nap", HOUR)))
        driver.clock.advance(hours=2)
        driver.engine.recover()

        assert driver.engine.recover().resumed == []


class TestScanner:
    """The seed systems' form: bodies are named to the scanner of a new process."""

    def test_what_run_began_in_a_process_that_has_gone_is_resumed(
        self, driver, registry, crash, log
    ):
        def body(ctx):
            ctx.step("a", log.action("a"))
            log.append(ctx.step("b", crash))

        with pytest.raises(SimulatedCrash):
            driver.engine.run("sync", body, input={"file": 7})
        driver.crashes += 1
        registry.forget("sync")
        driver.restart()

        report = RecoveryScanner(store=driver.store, engine=driver.engine).scan({"sync": body})

        [execution] = driver.store.list_executions(workflow_name="sync")
        assert report.resumed == [execution.id]
        assert (execution.status, log) == ("completed", ["a", "survived"])

    def test_the_limit_is_one_for_all_queues_together(self, driver, define):
        for queue in ("fast", "fast", "slow", "slow"):
            define(lambda _: 1, queue=queue).start()
        scanner = RecoveryScanner(store=driver.store, engine=driver.engine)

        reports = [scanner.scan(queues=("fast", "slow"), limit=3) for _ in range(3)]

        assert [len(report.resumed) for report in reports] == [3, 1, 0]

    def test_without_a_limit_left_nothing_is_advanced(self, driver, define):
        define(lambda _: 1).start()
        scanner = RecoveryScanner(store=driver.store, engine=driver.engine)

        assert scanner.scan(limit=0).resumed == []

    @pytest.mark.parametrize("stop", [KeyboardInterrupt, SimulatedCrash])
    def test_what_it_did_not_come_to_is_given_back(self, driver, define, monkeypatch, stop):
        ids = [define(lambda _: 1).start().id for _ in range(3)]
        run_claim = driver.engine.run_claim

        def run_until_stopped(claim):
            if claim.execution_id == ids[1]:
                raise stop
            return run_claim(claim)

        monkeypatch.setattr(driver.engine, "run_claim", run_until_stopped)
        with pytest.raises(stop):
            RecoveryScanner(store=driver.store, engine=driver.engine).scan()

        executions = [driver.store.load_execution(one) for one in ids]
        assert [str(one.status) for one in executions] == ["completed", "running", "suspended"]
        monkeypatch.undo()
        assert driver.engine.recover().resumed == [ids[2]]
        assert driver.store.load_execution(ids[2]).recoveries == 0

    def test_one_that_cannot_be_given_back_does_not_keep_the_others(
        self, driver, define, monkeypatch
    ):
        ids = [define(lambda _: 1).start().id for _ in range(3)]
        give_back = driver.engine.give_back

        def stop(claim):
            raise KeyboardInterrupt

        def fail_to_give_back_the_second(claim):
            if claim.execution_id == ids[1]:
                raise LeaseLost(claim.execution_id)
            give_back(claim)

        monkeypatch.setattr(driver.engine, "run_claim", stop)
        monkeypatch.setattr(driver.engine, "give_back", fail_to_give_back_the_second)
        with pytest.raises(KeyboardInterrupt):
            RecoveryScanner(store=driver.store, engine=driver.engine).scan()

        statuses = [str(driver.store.load_execution(one).status) for one in ids]
        assert statuses == ["running", "running", "suspended"]

    def test_what_is_due_in_the_foreground_is_handed_over_after_the_grace(self, driver, define):
        define(lambda _: 1, guarantee=Guarantee.FOREGROUND).start()
        grace = timedelta(minutes=1)
        scanner = RecoveryScanner(store=driver.store, engine=driver.engine, grace=grace)

        early = scanner.scan()
        driver.clock.advance(grace)

        assert early.resumed == []
        assert len(scanner.scan().resumed) == 1

    def test_an_empty_scan_reports_nothing(self, driver):
        """C77."""
        report = RecoveryScanner(store=driver.store, engine=driver.engine).scan({})

        assert (report.resumed, report.expired) == ([], [])


class TestForeground:
    @pytest.fixture
    def execution(self, define):
        workflow = define(lambda ctx: ctx.step("a", lambda: 1), guarantee=Guarantee.FOREGROUND)
        return workflow.start()

    def test_workers_leave_it_alone(self, driver, execution):
        driver.advance(days=9)

        assert execution.refresh().status == "pending"

    def test_recover_hands_it_to_the_workers(self, driver, execution):
        driver.engine.recover()

        assert driver.result(execution) == 1
        assert execution.execution.guarantee is Guarantee.BACKGROUND

    def test_the_process_that_runs_it_advances_it(self, driver, define):
        workflow = define(
            lambda ctx: [ctx.sleep("nap", HOUR), ctx.step("a", lambda: 1)],
            guarantee=Guarantee.FOREGROUND,
        )

        assert workflow.run() == [None, 1]

    def test_after_a_crash_it_waits_for_recover(self, driver, define, crash):
        workflow = define(lambda ctx: ctx.step("a", crash), guarantee=Guarantee.FOREGROUND)
        with pytest.raises(SimulatedCrash):
            workflow.run()
        driver.crashes += 1
        driver.clock.advance(LEASE)
        driver.drain()
        [before] = driver.store.list_executions(workflow_name=workflow.name)
        driver.engine.recover()
        [after] = driver.store.list_executions(workflow_name=workflow.name)

        assert (before.status, after.status) == ("running", "completed")
