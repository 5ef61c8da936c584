"""Whole processes do what is due, on whatever database the suite runs on."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from durable_django.models import WorkflowExecution, WorkflowTimer
from tests.cluster.processes import (
    WORKERS,
    Start,
    count_twice,
    list_workers,
    wait_for_end,
    wait_until,
)
from tests.testapp.models import LedgerEntry
from tests.testapp.workflows import ledger, nap


def test_a_cluster_does_what_is_due(start_cluster: Start) -> None:
    cluster = start_cluster()
    ledger.start_many([(2,)] * 50)
    wait_for_end(cluster)
    assert LedgerEntry.objects.count() == 100
    assert count_twice() == 0
    assert "Traceback" not in cluster.log
    assert cluster.stop() == 0


def test_a_cluster_that_is_stopped_is_not_told_as_lost(start_cluster: Start) -> None:
    cluster = start_cluster()
    wait_until(lambda: len(list_workers()) == WORKERS, cluster)

    cluster.stop()

    assert list_workers() == set()


def test_a_worker_drains_and_ends(start: Start) -> None:
    ledger.start_many([(2,)] * 50)
    nap.start(3_600_000)
    worker = start("durable_worker", "--drain", "-v", "0")
    assert worker.popen.wait(60) == 0
    assert worker.log == ""
    assert LedgerEntry.objects.count() == 100
    assert WorkflowExecution.objects.get(status="suspended").workflow_name == "testapp.nap"


def test_timers_fire_and_never_early(start_cluster: Start) -> None:
    cluster = start_cluster()
    naps = nap.start_many([(200 + 37 * number % 3000,) for number in range(100)])
    wait_for_end(cluster)
    due: dict[UUID, datetime] = dict(WorkflowTimer.objects.values_list("execution_id", "fire_at"))
    late = sorted(
        (entry.written_at - due[entry.execution_id]).total_seconds()
        for entry in LedgerEntry.objects.all()
    )
    assert len(late) == len(naps)
    assert late[0] >= 0
    # A figure to look at, not to fail on: a busy machine is late for reasons of its own.
    p50, p95 = late[50] * 1000, late[95] * 1000
    print(f"timers late: p50 {p50:.0f} ms, p95 {p95:.0f} ms")  # noqa: T201 -- see it with -rP
