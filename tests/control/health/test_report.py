from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.test import override_settings

from durable_django.control.health.checks import HealthCheck, Level
from durable_django.control.health.report import HealthReport, HealthStatus, health_report
from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.heartbeat import Heartbeat
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.registry import default_registry
from durable_django.models import Schedule, WorkerHeartbeat, WorkflowExecution, WorkQueue
from durable_django.stores.orm import health as health_queries
from durable_django.stores.orm.heartbeats import OrmHeartbeats
from tests.control.past_executions import ago, insert, now

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def shop_order() -> Iterator[None]:
    # Other tests have workflows, and queues, that stay for the life of the process.
    others = default_registry.list_definitions()
    for other in others:
        default_registry.forget(other.name, other.version)
    default_registry.replace(WorkflowDefinition(name="shop.order", version=1, body=print))
    yield
    default_registry.forget("shop.order")
    for other in others:
        default_registry.replace(other)


@pytest.fixture
def worker() -> None:
    beat("w1")


def beat(id_: str, *, queues: tuple[str, ...] = ("default",), silent_for: timedelta | None = None):
    OrmHeartbeats().beat(
        Heartbeat(id=id_, host="web-1", pid=311, kind="qcluster", queues=queues, claimed=7)
    )
    if silent_for is not None:
        WorkerHeartbeat.objects.filter(pk=id_).update(beat_at=now() - silent_for)


def find(report: HealthReport, code: str) -> HealthCheck:
    [check] = [check for check in report.checks if check.code == code]
    return check


def wrong(report: HealthReport) -> list[str]:
    return [check.code for check in report.checks if not check.ok]


def test_healthy_installation_is_ok(worker: None):
    insert()

    report = health_report()

    assert report.status is HealthStatus.OK
    assert wrong(report) == []
    assert report.counts[ExecutionStatus.PENDING] == 1
    assert abs(report.checked_at - now()) < timedelta(minutes=1)


class TestWorkers:
    def test_living_worker_is_seen_whatever_the_cache_holds(self, worker: None):
        cache.clear()

        [seen] = health_report().workers

        assert seen.is_alive
        assert (str(seen), seen.queues, seen.claimed) == ("qcluster 311 on web-1", ("default",), 7)

    def test_silent_worker_is_lost_and_what_it_holds_is_named(self, worker: None):
        beat("w2", silent_for=timedelta(minutes=14))
        end = now() + timedelta(seconds=40)
        held = insert(status="running", lease_owner="w2", wake_at=end, order_at=end)
        insert(status="running", lease_owner="w1", wake_at=end, order_at=end)

        report = health_report()

        assert [(w.id, w.is_alive) for w in report.workers] == [("w1", True), ("w2", False)]
        [one] = report.held
        assert (one.id, one.worker_id, one.recovered_at) == (held.pk, "w2", end)
        check = find(report, "leases")
        assert check.level is Level.WARNING
        assert check.summary == "1 execution held by lost workers."
        assert check.detail.startswith("It is recovered in 3")
        assert find(report, "workers").summary == "1 alive, 1 lost"

    def test_no_worker_is_wrong_only_if_there_is_work(self):
        idle = health_report()
        insert()
        busy = health_report()

        assert (idle.status, find(idle, "workers").level) == (HealthStatus.OK, Level.WARNING)
        assert (busy.status, find(busy, "workers").level) == (HealthStatus.DEGRADED, Level.ERROR)
        assert "qcluster" in find(busy, "workers").remedy

    def test_last_sign_of_life_is_told(self):
        beat("w1", silent_for=timedelta(minutes=2))

        assert find(health_report(), "workers").detail.startswith("The last was heard of at 20")


class TestQueues:
    def test_ready_and_late_work_is_counted_by_queue(self, worker: None):
        insert(created_at=ago(seconds=3))
        insert(created_at=ago(minutes=5))
        insert(wake_at=now() + timedelta(hours=1))

        report = health_report()

        [queue] = report.queues
        assert (queue.name, queue.ready, queue.late, queue.is_served) == ("default", 2, 1, True)
        assert queue.oldest_since is not None
        assert timedelta(minutes=4) < now() - queue.oldest_since < timedelta(minutes=6)
        assert report.status is HealthStatus.DEGRADED
        assert find(report, "late").summary == "1 in queue 'default'."
        assert "durable_recover" in find(report, "late").remedy

    def test_queue_that_nobody_serves_is_found_in_the_table(self, worker: None):
        insert(created_at=ago(minutes=5), queue="reprots")

        report = health_report()

        assert [q.name for q in report.queues] == ["default", "reprots"]
        assert "1 in queue 'reprots', which no living worker serves" in find(report, "late").summary

    def test_queue_of_the_past_is_not_shown(self, worker: None):
        insert(queue="old", took=SECOND)

        assert [q.name for q in health_report().queues] == ["default"]

    def test_higher_priority_does_not_make_it_due_before_its_time(self, worker: None):
        insert(wake_at=now() + timedelta(minutes=1), order_at=ago(minutes=5))

        assert [(q.ready, q.late) for q in health_report().queues] == [(0, 0)]

    def test_work_of_a_queue_that_is_held_up_is_not_late(self, worker: None):
        insert(created_at=ago(minutes=5))
        WorkQueue.objects.create(name="default", mode="paused", updated_at=now())

        report = health_report()

        assert [(q.ready, q.late) for q in report.queues] == [(1, 0)]
        assert find(report, "late").ok
        assert find(report, "queues").level is Level.WARNING

    def test_what_only_its_own_process_advances_is_late_too(self, worker: None):
        insert(guarantee="foreground", wake_at=ago(minutes=5), order_at=None)

        check = find(health_report(), "foreground")

        assert check.level is Level.ERROR
        assert "durable_recover" in check.remedy

    def test_execution_that_nothing_wakes_is_stuck(self, worker: None):
        stuck = insert(status="suspended", wake_at=None, order_at=None, waiting_kind="timer")
        insert(status="suspended", wake_at=None, order_at=None, waiting_kind="signal")

        check = find(health_report(), "stuck")

        assert check.summary == "1 will never be woken."
        assert check.detail == str(stuck.pk)


def test_sleepers_are_told_with_the_next_to_wake(worker: None):
    soon, later = now() + timedelta(minutes=1), now() + timedelta(hours=1)
    for alarm in (later, soon):
        insert(status="suspended", waiting_kind="timer", wake_at=alarm, order_at=alarm)
    insert(status="suspended", waiting_kind="retry", wake_at=soon, order_at=soon)
    insert(status="suspended", waiting_kind="timer", wake_at=ago(minutes=3))

    timers = health_report().timers

    assert (timers.waiting, timers.next_at, timers.late) == (2, soon, 1)


def test_live_executions_without_code_are_named(worker: None):
    for _ in range(3):
        insert(workflow_version=2, wake_at=now() + timedelta(hours=1))
    insert(workflow_version=3, took=SECOND)

    report = health_report()

    [one] = report.unregistered
    assert str(one) == "3 executions need shop.order v2"
    assert find(report, "workflows").summary == "3 executions need shop.order v2: not registered."


def test_parked_execution_needs_a_person(worker: None):
    insert(status="parked")

    report = health_report()

    assert report.status is HealthStatus.DEGRADED
    assert find(report, "parked").summary == "1 needs a person."


def test_history_that_is_never_pruned_is_worth_a_word(worker: None):
    insert(created_at=ago(days=40), took=SECOND)

    report = health_report()

    assert report.status is HealthStatus.OK
    assert find(report, "retention").level is Level.WARNING
    assert "durable_prune" in find(report, "retention").remedy


def test_system_checks_are_told_with_what_to_do(worker: None):
    with override_settings(DURABLE={"LEASE_SECONDS": 1}):
        report = health_report()

    check = find(report, "durable_django.W012")
    assert check.level is Level.WARNING
    assert check.remedy
    assert "durable_django.W012" not in wrong(health_report())


def test_what_the_user_may_not_see_is_not_told(worker: None):
    insert(created_at=ago(minutes=5), queue="theirs", workflow_version=9)
    mine = WorkflowExecution.objects.filter(queue="default")

    report = health_report(mine)

    assert wrong(report) == []
    assert [q.name for q in report.queues] == ["default"]
    assert report.unregistered == []


def test_database_that_is_away_is_an_answer(monkeypatch: pytest.MonkeyPatch):
    def refuse(alias: str) -> None:
        raise DatabaseError("connection refused")

    monkeypatch.setattr(health_queries, "load_clock", refuse)

    report = health_report()

    assert report.status is HealthStatus.DEGRADED
    assert "connection refused" in find(report, "database").summary
    assert report.counts == {}


def test_unknown_database_is_an_answer():
    with override_settings(DURABLE={"DATABASE": "other"}):
        report = health_report()

    assert report.status is HealthStatus.DEGRADED
    assert wrong(report)[0] == "durable_django.E030"


@pytest.mark.parametrize("executions", [1, 50])
def test_number_of_queries_does_not_depend_on_the_number_of_executions(
    worker: None, django_assert_num_queries: Any, executions: int
):
    for number in range(executions):
        insert(f"shop.w{number}")
    health_report()

    # The clock, workers, queue names (one and none more), queues, timers, statuses, versions,
    # strays, the oldest finished, schedules, controls of queues.
    with django_assert_num_queries(12):
        health_report()


class TestControls:
    def test_next_tick_is_told(self, worker: None):
        add_schedule("daily", next_tick_at=now() + timedelta(hours=5, minutes=1))
        add_schedule("off", is_enabled=False)

        check = find(health_report(), "schedules")

        assert check.ok
        assert check.summary.startswith("1 of 2 enabled, the next in 5 h")

    def test_schedule_that_is_late_is_an_error(self, worker: None):
        add_schedule("daily", next_tick_at=ago(minutes=7, seconds=9))

        report = health_report()

        assert wrong(report) == ["schedules"]
        assert report.status is HealthStatus.DEGRADED
        assert find(report, "schedules").summary.startswith("1 late, by up to 7 min")

    def test_schedule_that_was_given_up_is_worth_a_word(self, worker: None):
        add_schedule("daily", is_enabled=False, consecutive_failures=5)

        check = find(health_report(), "schedules")

        assert (check.level, "daily" in check.summary) == (Level.WARNING, True)

    def test_queue_that_is_held_up_is_worth_a_word(self, worker: None):
        WorkQueue.objects.create(name="mail", mode="paused", updated_at=now())
        WorkQueue.objects.create(name="slow", max_running=2, updated_at=now())

        check = find(health_report(), "queues")

        assert (check.level, check.summary) == (Level.WARNING, "Held up: mail (paused).")
        assert check.detail == "limited: slow"

    def test_queue_that_is_limited_is_fine(self, worker: None):
        WorkQueue.objects.create(name="slow", rate_limit=2, updated_at=now())

        check = find(health_report(), "queues")

        assert (check.ok, check.summary) == (True, "limited: slow")


def add_schedule(name: str, **fields: Any) -> None:
    there = {"workflow_name": "shop.order", "cron": "0 9 * * *"}
    Schedule.objects.create(name=name, created_at=now(), updated_at=now(), **there, **fields)
