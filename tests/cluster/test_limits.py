"""A limit of three is never exceeded by three clusters, also when one of them is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest

from durable_django import Limit, queues, runtime
from durable_django.models import ExecutionEvent, LimitTicket, WorkflowExecution
from tests.cluster.processes import Start, WorkerProcess, wait_for_end, wait_until
from tests.testapp.models import LedgerEntry
from tests.testapp.workflows import visit

VISITS, MILLISECONDS = 40, 60
MOST = 3


@pytest.fixture
def narrow(transactional_db: None) -> None:
    """Limits the queue, before there is a worker: one that knows it as free heeds that a second late."""
    queues.configure("narrow", max_running=MOST)


@pytest.fixture
def three(start_cluster: Start, start_worker: Start) -> list[WorkerProcess]:
    """A cluster and two lone workers, each with threads for more than the limit."""
    return [start_cluster(), start_worker("--threads", "4"), start_worker("--threads", "4")]


def most_at_once(spans: list[tuple[datetime, datetime]]) -> int:
    """Return how many of the spans overlap at most; one that begins as another ends does not."""
    moves = [(begun, 1) for begun, _ in spans] + [(ended, -1) for _, ended in spans]
    inside = most = 0
    for _, move in sorted(moves):
        inside += move
        most = max(most, inside)
    return most


def stays(killed: WorkerProcess, killed_at: datetime) -> list[tuple[datetime, datetime]]:
    """Return every stay; one whose process was killed ended then."""
    came: dict[tuple[UUID, int], list[datetime]] = {}
    spans = []
    for entry in LedgerEntry.objects.order_by("written_at", "id"):
        who = entry.execution_id, entry.pid
        if entry.name == "came":
            came.setdefault(who, []).append(entry.written_at)
        else:
            spans.append((came[who].pop(), entry.written_at))
    left = [(begun, killed_at) for (_, pid), begun in came.items() for begun in begun]
    assert all(pid == killed.pid for (_, pid), begun in came.items() if begun)
    return spans + left


def kill_in_the_middle(
    workers: list[WorkerProcess], start: Callable[[], object]
) -> tuple[WorkerProcess, datetime]:
    """Kill a lone worker in the midst of an action; return it, and when.

    Some of the work is done by then, and more is started as it runs out: it must not end before
    a worker was met inside.
    """
    start()
    wait_until(lambda: LedgerEntry.objects.count() > VISITS, *workers)

    def stopped_inside() -> WorkerProcess | None:
        if WorkflowExecution.objects.filter(finished_at=None).count() < VISITS // 2:
            start()
        return next((worker for worker in workers[1:] if is_stopped_inside(worker)), None)

    victim = wait_until(stopped_inside, *workers)
    victim.kill()
    return victim, runtime.engine().store.now()


def is_stopped_inside(worker: WorkerProcess) -> bool:
    """Stop it, and leave it so if it is in the midst of an action."""
    os.kill(worker.pid, signal.SIGSTOP)
    entries = LedgerEntry.objects.filter(pid=worker.pid)
    if entries.filter(name="came").count() > entries.filter(name="went").count():
        return True
    os.kill(worker.pid, signal.SIGCONT)
    return False


def test_of_a_queue_no_more_run_than_its_limit(narrow: None, three: list[WorkerProcess]) -> None:
    victim, killed_at = kill_in_the_middle(
        three, lambda: visit.start_many([(MILLISECONDS,)] * VISITS)
    )
    wait_for_end(*three)

    assert most_at_once(stays(victim, killed_at)) == MOST
    assert len({entry.pid for entry in LedgerEntry.objects.all()}) > 1
    assert ExecutionEvent.objects.filter(type="worker_lost").exists()
    assert "Traceback" not in "".join(worker.log for worker in three)


def test_of_a_key_no_more_are_under_way_than_its_limit(three: list[WorkerProcess]) -> None:
    under_key = visit.options(limit=Limit(MOST, key="tenant"))

    kill_in_the_middle(three, lambda: under_key.start_many([(MILLISECONDS,)] * VISITS))
    wait_for_end(*three)

    spans = WorkflowExecution.objects.values_list("started_at", "finished_at")
    assert most_at_once(list(spans)) == MOST  # type: ignore[arg-type]
    assert ExecutionEvent.objects.filter(type="worker_lost").exists()
    assert not LimitTicket.objects.exists()
    assert "Traceback" not in "".join(worker.log for worker in three)
