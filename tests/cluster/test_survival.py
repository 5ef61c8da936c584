"""Workers are killed, stopped and wedged: everything ends, and nothing is committed twice."""

from __future__ import annotations

import os
import signal

import pytest
from django.db import connection

from durable_django.models import StepCheckpoint, WorkflowExecution
from tests.cluster.processes import (
    WORKERS,
    Start,
    count_twice,
    find_busy,
    list_workers,
    wait_for_end,
    wait_until,
)
from tests.testapp.models import LedgerEntry
from tests.testapp.workflows import ledger, outlive

EXECUTIONS, ENTRIES, MILLISECONDS = 300, 2, 10


def start_ledgers() -> None:
    ledger.start_many([(ENTRIES, MILLISECONDS)] * EXECUTIONS)


def is_under_way() -> bool:
    return LedgerEntry.objects.count() >= EXECUTIONS // 5


def assert_all_once() -> None:
    assert count_twice() == 0
    assert LedgerEntry.objects.count() == EXECUTIONS * ENTRIES
    assert WorkflowExecution.objects.filter(status="completed").count() == EXECUTIONS


def test_a_busy_worker_of_a_cluster_is_killed(start_cluster: Start) -> None:
    cluster = start_cluster()
    start_ledgers()
    wait_until(is_under_way, cluster)
    os.kill(find_busy(), signal.SIGKILL)
    wait_for_end(cluster)
    assert_all_once()
    assert WorkflowExecution.objects.filter(fence__gt=1).exists()


def test_every_process_of_a_cluster_is_killed(start_cluster: Start) -> None:
    cluster = start_cluster()
    start_ledgers()
    wait_until(is_under_way, cluster)
    cluster.kill()
    assert WorkflowExecution.objects.exclude(status="completed").exists()
    wait_for_end(start_cluster())
    assert_all_once()


def test_a_cluster_is_wedged_by_the_death_of_its_idle_workers(start_cluster: Start) -> None:
    cluster = start_cluster()
    killed = list_workers()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    # One of them held the lock of the queue, so that their successors get no task, ever.
    wait_until(lambda: len(list_workers() - killed) == WORKERS, cluster)
    start_ledgers()
    wait_for_end(cluster)
    assert_all_once()
    assert "No pump has answered" in cluster.log


def test_one_of_two_durable_workers_is_killed(start_worker: Start) -> None:
    first, second = start_worker(), start_worker()
    start_ledgers()
    wait_until(is_under_way, first, second)
    first.kill()
    wait_for_end(second)
    assert_all_once()
    assert second.stop() == 0


def test_a_worker_that_slept_past_its_lease_writes_nothing(start_worker: Start) -> None:
    sleeper = start_worker()
    execution = outlive.start(2000)
    wait_until(lambda: LedgerEntry.objects.filter(name="begun").exists(), sleeper)
    wait_until(lambda: StepCheckpoint.objects.filter(name="work", status="intent"), sleeper)
    os.kill(sleeper.pid, signal.SIGSTOP)
    other = start_worker()
    wait_for_end(other)
    ended = WorkflowExecution.objects.get()
    checkpoints = list(StepCheckpoint.objects.order_by("id").values())
    os.kill(sleeper.pid, signal.SIGCONT)
    # It is awake, and done with what it did in its sleep, once it says so.
    wait_until(lambda: "Lease lost" in sleeper.log, sleeper)
    assert list(StepCheckpoint.objects.order_by("id").values()) == checkpoints
    assert WorkflowExecution.objects.get().updated_at == ended.updated_at
    assert LedgerEntry.objects.get(name="outlived").pid == other.pid
    assert execution.result() == "outlived"
    # And it is still of use.
    other.kill()
    assert outlive.start(0).result() == "outlived"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="it is told to cut connections there")
def test_a_worker_whose_connections_are_cut_goes_on(start_worker: Start) -> None:
    worker = start_worker()
    start_ledgers()
    wait_until(is_under_way, worker)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    wait_for_end(worker)
    assert_all_once()
    assert worker.stop() == 0


def test_a_worker_told_to_stop_ends_what_runs_and_gives_back_the_rest(start_worker: Start) -> None:
    worker = start_worker("--threads", "2")
    outlive.start_many([(500,)] * 20)
    wait_until(lambda: LedgerEntry.objects.filter(name="begun").exists(), worker)
    assert worker.stop() == 0
    assert not WorkflowExecution.objects.filter(status="running").exists()
    assert not WorkflowExecution.objects.filter(recoveries__gt=0).exists()
    assert count_twice() == 0
    assert not list_workers()
