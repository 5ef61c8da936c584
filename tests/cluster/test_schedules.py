"""Whole processes have schedules tick: once each, also when one of them is killed."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from durable_django import schedules
from durable_django.domain.schedule import TickOutcome
from durable_django.models import ScheduleTick, WorkflowExecution
from tests.cluster.processes import Start, wait_until

NAMES = ("a", "b", "c")


def create(*names: str) -> None:
    for name in names:
        schedules.create(name, "testapp.plain", every=timedelta(seconds=1), overlap="allow")


def count_ticks() -> int:
    return ScheduleTick.objects.count()


def check_once_each() -> None:
    """Check that every tick has an execution of its own, and every execution a tick."""
    started = ScheduleTick.objects.filter(outcome=TickOutcome.STARTED)
    ids = list(started.values_list("execution_id", flat=True))
    assert len(ids) == len(set(ids))
    assert set(ids) == set(WorkflowExecution.objects.values_list("pk", flat=True))


def print_lateness() -> None:
    """Show how late the ticks were: a figure to look at, not to fail on."""
    late = sorted(
        (tick.created_at - tick.tick_at).total_seconds() * 1000
        for tick in ScheduleTick.objects.filter(outcome=TickOutcome.STARTED)
    )
    assert late[0] >= 0
    p50, p95 = late[len(late) // 2], late[len(late) * 95 // 100]
    print(f"ticks late: p50 {p50:.0f} ms, p95 {p95:.0f} ms")  # noqa: T201 -- see it with -rP


def test_two_clusters_and_a_worker_start_every_tick_once(
    start_cluster: Start, start_worker: Start
) -> None:
    processes = [start_cluster(), start_cluster(), start_worker()]
    create(*NAMES)

    wait_until(lambda: count_ticks() >= 15, *processes)

    for name in NAMES:
        schedules.disable(name)
    check_once_each()
    print_lateness()
    wait_until(
        lambda: not WorkflowExecution.objects.exclude(status="completed").exists(), *processes
    )
    assert "Traceback" not in "".join(process.log for process in processes)


def test_a_killed_worker_leaves_the_ticks_to_the_others(start_worker: Start) -> None:
    first, second = start_worker(), start_worker()
    create(*NAMES)
    wait_until(lambda: count_ticks() >= 6, first, second)

    first.kill()
    before = count_ticks()
    wait_until(lambda: count_ticks() >= before + 9, second)

    for name in NAMES:
        schedules.disable(name)
    check_once_each()
    # Nothing was left out: a second without a tick is told of as missed.
    for name in NAMES:
        ticks = schedules.list_ticks(name, 1000)[::-1]
        gaps = [
            later.tick_at - earlier.tick_at
            for earlier, later in pairwise(ticks)
            if earlier.outcome is TickOutcome.STARTED
        ]
        assert set(gaps) <= {timedelta(seconds=1)}
