"""A tick is there with its execution and the next alarm, or not at all, wherever the process dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections

from durable_django import client, runtime, schedules, workflow
from durable_django.domain.schedule import TickOutcome
from durable_django.engine.durable_engine import DurableEngine
from durable_django.models import (
    ExecutionEvent,
    LimitTicket,
    Schedule,
    ScheduleTick,
    WorkflowExecution,
)
from tests.crash_points.instrument import DIED, Instrument, die
from tests.crash_points.ledger import Ledger
from tests.crash_points.process import Child

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


@workflow(name="crash.scheduled")
def scheduled(ctx):
    return ctx.wait_signal("never")


@pytest.fixture
def engine() -> Iterator[DurableEngine]:
    engine = runtime.build_engine(dispatcher=None)
    former = runtime.use_engine(engine)
    yield engine
    runtime.use_engine(former)
    engine.dispose()


def create(engine: DurableEngine, **options: Any) -> None:
    """Make a schedule of which one tick is due since two seconds."""
    now = engine.store.now().replace(microsecond=0)
    tick_at = now - timedelta(seconds=2)
    schedules.create("hourly", "crash.scheduled", every=HOUR, anchor_at=tick_at - HOUR, **options)
    Schedule.objects.update(next_tick_at=tick_at)


def look() -> tuple[int, int, int, bool]:
    """Return how many executions, started ticks and events there are, and if a tick is still due."""
    schedule = Schedule.objects.get()
    started = ScheduleTick.objects.filter(outcome=TickOutcome.STARTED)
    keys = set(started.values_list("execution_id", flat=True))
    assert keys == set(WorkflowExecution.objects.values_list("pk", flat=True))
    is_due = schedule.last_tick_at is None
    return (
        WorkflowExecution.objects.count(),
        started.count(),
        ExecutionEvent.objects.count(),
        is_due,
    )


def tick() -> None:
    runtime.schedule_keeper().run_due()


def test_a_tick_is_all_there_or_not_at_all(engine: DurableEngine, tmp_path: Path) -> None:
    create(engine)

    for _ in _die_everywhere(tick, tmp_path):
        assert look() in {(0, 0, 0, True), (1, 1, 1, False)}

    assert look() == (1, 1, 1, False)


def test_a_tick_that_queues_has_its_place_in_the_line_or_is_not_there(
    engine: DurableEngine, tmp_path: Path
) -> None:
    create(engine, overlap="queue")

    for _ in _die_everywhere(tick, tmp_path):
        assert look() in {(0, 0, 0, True), (1, 1, 1, False)}
        assert LimitTicket.objects.count() == WorkflowExecution.objects.count()


def test_those_before_are_cancelled_with_the_tick_or_not_at_all(
    engine: DurableEngine, tmp_path: Path
) -> None:
    create(engine, overlap="cancel_running")
    first = schedules.trigger("hourly")
    engine.drain()

    for _ in _die_everywhere(tick, tmp_path):
        is_cancelled = client.get(first.id).execution.cancel_requested_at is not None
        is_started = WorkflowExecution.objects.count() == 2
        assert is_cancelled is is_started is (not look()[3])

    assert client.get(first.id).execution.cancel_requested_at is not None


def test_a_failed_start_is_counted_with_its_tick_or_not_at_all(
    engine: DurableEngine, tmp_path: Path
) -> None:
    create(engine, disable_after=1)
    Schedule.objects.update(input='{"no": "such argument"}')

    for _ in _die_everywhere(tick, tmp_path):
        schedule = Schedule.objects.get()
        failed = ScheduleTick.objects.filter(outcome=TickOutcome.FAILED).count()
        assert schedule.consecutive_failures == failed
        assert schedule.is_enabled is (failed == 0)
        assert WorkflowExecution.objects.count() == ExecutionEvent.objects.count() == 0

    assert not Schedule.objects.get().is_enabled


def test_a_trigger_is_there_with_its_tick_or_not_at_all(
    engine: DurableEngine, tmp_path: Path
) -> None:
    create(engine)
    before = 0

    for _ in _die_everywhere(lambda: schedules.trigger("hourly"), tmp_path):
        executions, ticks, events, is_due = look()
        assert executions == ticks == events
        # One that died after its commit has triggered, and the next one triggers again.
        assert executions - before in {0, 1}
        assert is_due
        before = executions

    assert before >= 1


def test_a_backfill_that_died_is_finished_by_the_same_call(
    engine: DurableEngine, tmp_path: Path
) -> None:
    create(engine)
    now = engine.store.now()
    Schedule.objects.update(anchor_at=now - 10 * HOUR)
    start, end = now - 5.5 * HOUR, now - 2.5 * HOUR

    for _ in _die_everywhere(lambda: schedules.backfill("hourly", start, end), tmp_path):
        assert look()[:3] in {(0, 0, 0), (3, 3, 3)}

    assert look()[:3] == (3, 3, 3)


def _die_everywhere(act: Callable[[], object], tmp_path: Path) -> Iterator[int]:
    """Do it in a process that dies one point later each time, until one lives; yield after each."""
    number, died = 0, True
    while died:
        number += 1
        connections.close_all()

        def run(fatal: int = number) -> None:
            with Instrument(fatal, die).watching(connection):
                act()

        code = Child(Ledger(tmp_path / f"{number}.jsonl"), run).wait()
        assert code in (0, DIED), (tmp_path / f"{number}.jsonl").read_text()
        died = code == DIED
        yield number
    # The transaction's beginning, its statements and its commit: each from both sides.
    assert number > 10
