"""Several keepers at once, each with a connection of its own: exactly one execution per tick."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction

from durable_django.domain.schedule import TickKind
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.registry import Registry
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import ScheduleExistsError
from durable_django.models import Schedule, ScheduleTick, WorkflowExecution
from durable_django.runtime import build_schedule_keeper
from durable_django.scheduling.schedule_editor import ScheduleEditor
from durable_django.scheduling.schedule_keeper import ScheduleKeeper
from durable_django.scheduling.tick_requester import TickRequester
from durable_django.stores.orm.db_now import DBNow
from durable_django.stores.orm.schedules import OrmScheduleStore
from durable_django.stores.orm.store import OrmCheckpointStore
from tests.stores.orm.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 8
KEEPERS = 4


@pytest.fixture
def engine() -> Iterator[DurableEngine]:
    registry = Registry()
    workflow(name="race.report", registry=registry)(lambda ctx: None)
    engine = DurableEngine(
        store=OrmCheckpointStore(),
        registry=registry,
        options=EngineOptions(renews_leases=False),
    )
    yield engine
    engine.dispose()


@pytest.fixture
def editor(engine: DurableEngine) -> ScheduleEditor:
    return ScheduleEditor(engine, OrmScheduleStore())


@pytest.fixture
def new_keeper(engine: DurableEngine) -> Callable[[], ScheduleKeeper]:
    """Make a keeper as another cluster has one."""
    return partial(build_schedule_keeper, engine)


def create(editor: ScheduleEditor, name: str = "hourly", **options: Any) -> None:
    """Create a schedule whose own ticks are half an hour away from now."""
    anchor_at = editor._engine.store.now() - timedelta(hours=24.5)
    timing = {"every": timedelta(hours=1), "anchor_at": anchor_at}
    editor.create(name, {"workflow": "race.report"} | timing | options)


def fall_due(**since: float) -> None:
    """Let every schedule have a tick that is due since then."""
    Schedule.objects.update(next_tick_at=DBNow(-timedelta(**since)))


def test_one_tick_starts_one_execution_however_many_keepers_there_are(
    editor: ScheduleEditor, new_keeper: Callable[[], ScheduleKeeper]
) -> None:
    create(editor, overlap="allow")
    for number in range(1, ROUNDS + 1):
        fall_due(seconds=1)

        reports = at_once(*[new_keeper().run_due for _ in range(KEEPERS)])

        assert [report.undone for report in reports] == [[]] * KEEPERS
        assert sum(len(report.ticks) for report in reports) == 1
        assert WorkflowExecution.objects.count() == ScheduleTick.objects.count() == number


def test_many_due_schedules_are_shared_and_none_ticks_twice(
    editor: ScheduleEditor, new_keeper: Callable[[], ScheduleKeeper]
) -> None:
    names = [f"hourly {number:02}" for number in range(30)]
    for name in names:
        create(editor, name)
    fall_due(seconds=1)

    reports = at_once(*[new_keeper().run_due for _ in range(KEEPERS)])
    # One that was locked is passed over, and due still.
    reports.append(new_keeper().run_due())

    ticked = sorted(tick.schedule_name for report in reports for tick in report.ticks)
    assert ticked == names
    assert WorkflowExecution.objects.count() == len(names)


def test_what_was_missed_is_caught_up_with_once(
    editor: ScheduleEditor, new_keeper: Callable[[], ScheduleKeeper]
) -> None:
    create(editor, every=timedelta(seconds=60), misfire="all", overlap="allow")
    fall_due(minutes=30)

    for _ in range(4):
        at_once(*[new_keeper().run_due for _ in range(KEEPERS)])

    executions = WorkflowExecution.objects.count()
    started = set(ScheduleTick.objects.values_list("execution_id", flat=True))
    assert executions == len(started) == ScheduleTick.objects.count()
    assert executions >= 30


def test_a_keeper_passes_over_what_another_one_holds(
    editor: ScheduleEditor, new_keeper: Callable[[], ScheduleKeeper]
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("It has one writer at a time: there is nothing to pass over.")
    create(editor, "held")
    create(editor, "free")
    fall_due(seconds=1)
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            OrmScheduleStore().lock("held")
            is_held.set()
            may_go.wait(20)

    def run() -> object:
        is_held.wait(20)
        try:
            return new_keeper().run_due()
        finally:
            may_go.set()

    _, report = at_once(hold, run)

    assert [tick.schedule_name for tick in report.ticks] == ["free"]


def test_a_tick_and_a_change_of_its_schedule_follow_one_another(
    editor: ScheduleEditor, new_keeper: Callable[[], ScheduleKeeper]
) -> None:
    create(editor, overlap="allow")
    for number in range(1, ROUNDS + 1):
        fall_due(seconds=1)

        report, changed = at_once(
            new_keeper().run_due,
            partial(editor.update, "hourly", {"every": timedelta(hours=1 + number)}),
        )

        stored = OrmScheduleStore().load_schedule("hourly")
        assert report.undone == []
        assert stored.every == changed.every == timedelta(hours=1 + number)
        # Whoever came first, what is due now is no longer.
        assert stored.next_tick_at is not None
        assert stored.next_tick_at > editor._engine.store.now()
    assert WorkflowExecution.objects.count() == ScheduleTick.objects.count()


def test_a_disabled_schedule_does_not_tick_after_that(
    editor: ScheduleEditor, new_keeper: Callable[[], ScheduleKeeper]
) -> None:
    for number in range(ROUNDS):
        create(editor, f"hourly {number}")
        fall_due(seconds=1)

        at_once(new_keeper().run_due, partial(editor.disable, f"hourly {number}"))

        stored = OrmScheduleStore().load_schedule(f"hourly {number}")
        assert (stored.is_enabled, stored.next_tick_at) == (False, None)


def test_a_backfill_and_the_clock_start_a_tick_once_between_them(
    engine: DurableEngine, editor: ScheduleEditor, new_keeper: Callable[[], ScheduleKeeper]
) -> None:
    now = engine.store.now().replace(microsecond=0)
    for number in range(ROUNDS):
        name = f"hourly {number}"
        tick_at = now - timedelta(seconds=2)
        create(editor, name, anchor_at=tick_at - timedelta(days=1), overlap="allow")
        Schedule.objects.filter(name=name).update(next_tick_at=tick_at)
        requester = TickRequester(engine, OrmScheduleStore())

        at_once(new_keeper().run_due, partial(requester.backfill, name, tick_at, now))

        [tick] = OrmScheduleStore().list_ticks(name, 9)
        assert tick.tick_at == tick_at
        assert tick.kind in (TickKind.CLOCK, TickKind.BACKFILL)
    assert WorkflowExecution.objects.count() == ROUNDS


def test_triggers_at_once_are_so_many_executions(
    engine: DurableEngine, editor: ScheduleEditor
) -> None:
    create(editor)
    requester = TickRequester(engine, OrmScheduleStore())

    at_once(*[partial(requester.trigger, "hourly")] * KEEPERS)

    assert WorkflowExecution.objects.count() == ScheduleTick.objects.count() == KEEPERS


def test_one_of_many_that_create_a_name_does(editor: ScheduleEditor) -> None:
    for number in range(ROUNDS):
        name = f"hourly {number}"

        results = at_once(*[partial(create, editor, name)] * KEEPERS)

        refused = [result for result in results if isinstance(result, ScheduleExistsError)]
        assert (results.count(None), len(refused)) == (1, KEEPERS - 1)


def test_two_processes_write_a_schedule_of_the_code_once(
    engine: DurableEngine, new_keeper: Callable[[], ScheduleKeeper]
) -> None:
    for number in range(ROUNDS):
        registry = engine.registry
        workflow(name=f"race.coded {number}", schedule="0 0 * * *", registry=registry)(
            lambda ctx: None
        )

        reports = at_once(*[new_keeper().sync for _ in range(KEEPERS)])

        assert sum(len(report.created) for report in reports) == 1
        assert [report.refused for report in reports] == [[]] * KEEPERS
