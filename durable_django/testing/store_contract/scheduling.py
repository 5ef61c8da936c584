"""What every ScheduleStore must do, as tests to inherit.

The author of a store writes:

    class TestMySchedules(ScheduleStoreContract):
        @pytest.fixture
        def store(self) -> MyStore:
            return MyStore(clock=ManualClock())

        @pytest.fixture
        def schedules(self, store: MyStore) -> MySchedules:
            return MySchedules(store)  # empty
"""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import pytest

from durable_django.domain.identifiers import new_id
from durable_django.domain.schedule import (
    DueSchedule,
    FoldPolicy,
    GapPolicy,
    MisfirePolicy,
    OverlapPolicy,
    Schedule,
    ScheduleSource,
    TickKind,
    TickOutcome,
)
from durable_django.exceptions import ScheduleNotFoundError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.schedule_store import MOST_PREDECESSORS, ScheduleStore
from durable_django.testing.factories import make_schedule, make_tick
from durable_django.testing.store_contract.arrange import SITUATIONS, start

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def add(schedules: ScheduleStore, name: str = "nightly", **fields: object) -> Schedule:
    """Insert a schedule that is due at noon."""
    schedule = make_schedule(name=name, **({"next_tick_at": NOON} | fields))
    assert schedules.insert_schedule(schedule)
    return schedule


class ReadingSchedulesContract:
    """What is inserted is found."""

    def test_a_schedule_keeps_every_fact(self, schedules: ScheduleStore) -> None:
        every_fact = Schedule(
            name="nightly",
            workflow_name="shop.order",
            workflow_version=3,
            description="Nachts\n\N{FULL MOON SYMBOL}",
            input='{"a":1}',
            tick_argument="day",
            queue="slow",
            priority=7,
            tags=("a", "b"),
            cron="30 2 * * *",
            anchor_at=NOON,
            timezone="Europe/Berlin",
            gap=GapPolicy.SKIP,
            fold=FoldPolicy.BOTH,
            misfire=MisfirePolicy.ALL,
            misfire_grace=timedelta(days=3650),
            overlap=OverlapPolicy.CANCEL_RUNNING,
            source=ScheduleSource.CODE,
            is_enabled=False,
            disabled_reason="holidays",
            disable_after=9,
            consecutive_failures=4,
            next_tick_at=NOON + MICROSECOND,
            last_tick_at=NOON - HOUR,
            actor_name="ana",
            created_at=NOON - 2 * HOUR,
            updated_at=NOON - HOUR,
        )

        assert schedules.insert_schedule(every_fact)

        assert schedules.load_schedule("nightly") == every_fact

    def test_an_interval_is_kept(self, schedules: ScheduleStore) -> None:
        schedule = add(schedules, cron="", every=timedelta(days=36_500), anchor_at=NOON)

        assert schedules.load_schedule("nightly") == schedule

    def test_a_name_is_taken_once_and_its_schedule_stays(self, schedules: ScheduleStore) -> None:
        first = add(schedules)

        is_new = schedules.insert_schedule(make_schedule(name="nightly", cron="0 0 * * *"))

        assert not is_new
        assert schedules.load_schedule("nightly") == first

    def test_names_differ_by_their_case(self, schedules: ScheduleStore) -> None:
        add(schedules, "nightly")

        add(schedules, "Nightly")

        assert [one.name for one in schedules.list_schedules()] == ["Nightly", "nightly"]

    def test_what_is_not_there_is_an_error(self, schedules: ScheduleStore) -> None:
        with pytest.raises(ScheduleNotFoundError):
            schedules.load_schedule("nightly")
        with pytest.raises(ScheduleNotFoundError):
            schedules.lock("nightly")
        with pytest.raises(ScheduleNotFoundError):
            schedules.save_schedule(make_schedule(name="nightly"))

    def test_schedules_are_listed_by_name_and_source(self, schedules: ScheduleStore) -> None:
        b, a = add(schedules, "b"), add(schedules, "a", source=ScheduleSource.CODE)

        assert schedules.list_schedules() == [a, b]
        assert schedules.list_schedules(ScheduleSource.CODE) == [a]
        assert schedules.list_schedules(ScheduleSource.USER) == [b]


class DueSchedulesContract:
    """Which are due, and when the next one is."""

    def test_the_next_alarm_is_the_earliest(self, schedules: ScheduleStore) -> None:
        assert schedules.next_alarm() is None
        add(schedules, "later", next_tick_at=NOON + HOUR)
        add(schedules, "disabled", next_tick_at=None, is_enabled=False)

        add(schedules, "sooner")

        assert schedules.next_alarm() == NOON

    def test_due_ones_come_longest_first_then_by_name(self, schedules: ScheduleStore) -> None:
        add(schedules, "future", next_tick_at=NOON + MICROSECOND)
        add(schedules, "disabled", next_tick_at=None, is_enabled=False)
        for name in ("c", "a"):
            add(schedules, name)
        add(schedules, "b", next_tick_at=NOON - HOUR)

        assert [one.name for one in schedules.list_due(NOON, 9)] == ["b", "a", "c"]
        assert [one.name for one in schedules.list_due(NOON, 2)] == ["b", "a"]

    def test_one_that_is_not_enabled_has_no_alarm_whatever_its_row_says(
        self, schedules: ScheduleStore
    ) -> None:
        add(schedules, "switched off by hand", is_enabled=False)

        assert schedules.next_alarm() is None
        assert schedules.list_due(NOON, 9) == []

    def test_of_a_due_one_is_told_who_can_tick_it(self, schedules: ScheduleStore) -> None:
        add(schedules, workflow_name="shop.order", workflow_version=3, timezone="Europe/Berlin")

        assert schedules.list_due(NOON, 9) == [
            DueSchedule(
                name="nightly",
                workflow_name="shop.order",
                workflow_version=3,
                timezone="Europe/Berlin",
                next_tick_at=NOON,
            )
        ]

    def test_a_due_one_is_locked_and_given_as_it_is(
        self, store: CheckpointStore, schedules: ScheduleStore
    ) -> None:
        schedule = add(schedules)

        assert store.transact(lambda: schedules.lock_due("nightly", NOON)) == schedule

    def test_one_that_is_not_due_is_not_locked(
        self, store: CheckpointStore, schedules: ScheduleStore
    ) -> None:
        add(schedules, "future", next_tick_at=NOON + MICROSECOND)
        add(schedules, "disabled", next_tick_at=None, is_enabled=False)

        for name in ("future", "disabled", "unknown"):
            assert store.transact(partial(schedules.lock_due, name, NOON)) is None


class WritingSchedulesContract:
    """Saving, moving on and deleting."""

    def test_all_facts_are_saved(self, store: CheckpointStore, schedules: ScheduleStore) -> None:
        other = add(schedules, "other")
        changed = replace(add(schedules), cron="0 0 * * *", is_enabled=False, next_tick_at=None)

        def save() -> None:
            schedules.lock("nightly")
            schedules.save_schedule(changed)

        store.transact(save)

        assert schedules.load_schedule("nightly") == changed
        assert schedules.load_schedule("other") == other

    def test_moving_on_needs_the_alarm_that_was_seen(self, schedules: ScheduleStore) -> None:
        before = add(schedules)
        after = replace(before, next_tick_at=NOON + HOUR, last_tick_at=NOON)

        assert schedules.move_on(before, after)
        assert schedules.load_schedule("nightly") == after
        assert not schedules.move_on(before, replace(after, next_tick_at=NOON + 2 * HOUR))
        assert schedules.load_schedule("nightly") == after

    def test_what_was_disabled_or_deleted_does_not_move_on(self, schedules: ScheduleStore) -> None:
        before = add(schedules)
        after = replace(before, next_tick_at=NOON + HOUR)
        disabled = replace(before, is_enabled=False)
        schedules.save_schedule(disabled)

        assert not schedules.move_on(before, after)
        assert schedules.load_schedule("nightly") == disabled
        schedules.delete_schedule("nightly")
        assert not schedules.move_on(before, after)

    def test_a_schedule_is_deleted_with_its_ticks_and_no_others(
        self, schedules: ScheduleStore
    ) -> None:
        for name in ("nightly", "other"):
            add(schedules, name)
            schedules.insert_tick(make_tick(schedule_name=name))

        schedules.delete_schedule("nightly")

        assert [one.name for one in schedules.list_schedules()] == ["other"]
        assert schedules.list_ticks("nightly", 9) == []
        assert len(schedules.list_ticks("other", 9)) == 1
        schedules.delete_schedule("nightly")


class TicksContract:
    """At most one tick per schedule and instant."""

    def test_a_tick_keeps_every_fact(self, schedules: ScheduleStore) -> None:
        add(schedules)
        tick = make_tick(
            tick_at=NOON + MICROSECOND,
            outcome=TickOutcome.FAILED,
            kind=TickKind.BACKFILL,
            execution_id=new_id(),
            detail="no",
            created_at=NOON + HOUR,
        )
        assert {one.name for one in fields(tick)} >= {"detail", "created_at"}

        schedules.insert_tick(tick)

        assert schedules.list_ticks("nightly", 9) == [tick]
        assert schedules.find_tick("nightly", tick.tick_at) == tick
        assert schedules.find_tick("nightly", NOON) is None
        assert schedules.find_tick("other", tick.tick_at) is None

    def test_an_instant_ticks_once(self, store: CheckpointStore, schedules: ScheduleStore) -> None:
        add(schedules)
        add(schedules, "other")
        first = make_tick(execution_id=new_id())
        schedules.insert_tick(first)
        schedules.insert_tick(replace(first, schedule_name="other"))

        with pytest.raises(Exception, match=r".+"):
            store.transact(lambda: schedules.insert_tick(make_tick(detail="again")))

        assert schedules.list_ticks("nightly", 9) == [first]

    def test_a_tick_needs_its_schedule(
        self, store: CheckpointStore, schedules: ScheduleStore
    ) -> None:
        with pytest.raises(Exception, match=r".+"):
            store.transact(lambda: schedules.insert_tick(make_tick()))

    def test_ticks_are_listed_latest_first(self, schedules: ScheduleStore) -> None:
        add(schedules)
        for hours in (1, 3, 2):
            schedules.insert_tick(make_tick(tick_at=NOON + hours * HOUR))

        listed = [tick.tick_at for tick in schedules.list_ticks("nightly", 2)]

        assert listed == [NOON + 3 * HOUR, NOON + 2 * HOUR]

    def test_a_range_of_ticks_has_its_start_and_not_its_end(self, schedules: ScheduleStore) -> None:
        add(schedules)
        add(schedules, "other")
        for hours in range(4):
            schedules.insert_tick(make_tick(tick_at=NOON + hours * HOUR))
        schedules.insert_tick(make_tick(schedule_name="other", tick_at=NOON + HOUR))

        found = schedules.list_ticks_between("nightly", NOON + HOUR, NOON + 3 * HOUR)

        assert [tick.tick_at for tick in found] == [NOON + HOUR, NOON + 2 * HOUR]

    def test_the_tick_of_the_clock_before_an_instant_is_the_latest_of_them(
        self, schedules: ScheduleStore
    ) -> None:
        add(schedules)
        add(schedules, "other")
        for hours in range(3):
            schedules.insert_tick(make_tick(tick_at=NOON + hours * HOUR))
        for minutes, kind in ((70, TickKind.MANUAL), (80, TickKind.BACKFILL)):
            tick_at = NOON + timedelta(minutes=minutes)
            schedules.insert_tick(make_tick(tick_at=tick_at, kind=kind))
        schedules.insert_tick(make_tick(schedule_name="other", tick_at=NOON + HOUR + MICROSECOND))

        found = schedules.find_clock_tick_before("nightly", NOON + 2 * HOUR)

        assert found == make_tick(tick_at=NOON + HOUR)
        assert schedules.find_clock_tick_before("nightly", NOON) is None

    def test_a_tick_is_overwritten_only_if_it_came_to_what_is_said(
        self, schedules: ScheduleStore
    ) -> None:
        add(schedules)
        missed = make_tick(outcome=TickOutcome.MISSED)
        schedules.insert_tick(missed)
        started = make_tick(kind=TickKind.BACKFILL, execution_id=new_id())

        assert not schedules.replace_tick(started, {TickOutcome.FAILED})
        assert schedules.find_tick("nightly", NOON) == missed
        assert schedules.replace_tick(started, {TickOutcome.FAILED, TickOutcome.MISSED})
        assert schedules.find_tick("nightly", NOON) == started
        assert not schedules.replace_tick(
            replace(started, tick_at=NOON + HOUR), {TickOutcome.STARTED}
        )


class PredecessorsContract:
    """Which executions of a schedule have not ended."""

    @staticmethod
    def tick(schedules: ScheduleStore, hours: float, execution_id: UUID | None) -> None:
        tick_at = NOON + hours * HOUR
        schedules.insert_tick(make_tick(tick_at=tick_at, execution_id=execution_id))

    @pytest.mark.parametrize("situation", SITUATIONS)
    def test_open_is_what_has_not_ended(
        self, store: CheckpointStore, schedules: ScheduleStore, situation: str
    ) -> None:
        add(schedules)
        execution_id = SITUATIONS[situation](store)
        self.tick(schedules, 0, execution_id)

        found = schedules.list_open_executions("nightly")

        is_open = not store.load_execution(execution_id).is_terminal
        assert found == ([execution_id] if is_open else [])

    def test_open_ones_come_by_their_ticks_and_are_the_schedules_own(
        self, store: CheckpointStore, schedules: ScheduleStore
    ) -> None:
        add(schedules)
        add(schedules, "other")
        first, second, others = (start(store) for _ in range(3))
        self.tick(schedules, 2, second)
        self.tick(schedules, 1, first)
        self.tick(schedules, 3, None)
        schedules.insert_tick(make_tick(schedule_name="other", execution_id=others))

        assert schedules.list_open_executions("nightly") == [second, first]

    def test_an_execution_that_was_deleted_has_ended(self, schedules: ScheduleStore) -> None:
        add(schedules)
        self.tick(schedules, 0, new_id())

        assert schedules.list_open_executions("nightly") == []

    def test_only_the_latest_are_looked_through(
        self, store: CheckpointStore, schedules: ScheduleStore
    ) -> None:
        add(schedules)
        hidden, seen = start(store), start(store)
        self.tick(schedules, 0, hidden)
        self.tick(schedules, 1, seen)
        for number in range(MOST_PREDECESSORS - 1):
            self.tick(schedules, 2 + number / 3600, new_id())
            self.tick(schedules, -1 - number / 3600, None)

        assert schedules.list_open_executions("nightly") == [seen]


class DeletingTicksContract:
    """Housekeeping."""

    def test_old_ticks_go_in_batches_and_later_ones_stay(self, schedules: ScheduleStore) -> None:
        names, batch = ("nightly", "other"), 3
        for name in names:
            add(schedules, name)
            for hours in range(3):
                schedules.insert_tick(make_tick(schedule_name=name, tick_at=NOON + hours * HOUR))

        deleted = []
        while count := schedules.delete_ticks(NOON + 2 * HOUR, batch):
            deleted.append(count)

        assert max(deleted) <= batch
        assert sum(deleted) == 2 * len(names)
        for name in names:
            assert [one.tick_at for one in schedules.list_ticks(name, 9)] == [NOON + 2 * HOUR]

    def test_the_tick_of_an_open_execution_stays(
        self, store: CheckpointStore, schedules: ScheduleStore
    ) -> None:
        add(schedules)
        open_id = SITUATIONS["suspended"](store)
        for hours, execution_id in enumerate((open_id, SITUATIONS["completed"](store), new_id())):
            tick_at = NOON + hours * HOUR
            schedules.insert_tick(make_tick(tick_at=tick_at, execution_id=execution_id))

        while schedules.delete_ticks(NOON + 9 * HOUR, 9):
            pass

        [left] = schedules.list_ticks("nightly", 9)
        assert left.execution_id == open_id


class ScheduleStoreContract(
    ReadingSchedulesContract,
    DueSchedulesContract,
    WritingSchedulesContract,
    TicksContract,
    PredecessorsContract,
    DeletingTicksContract,
):
    """Inherit it and give the fixtures `store` (a CheckpointStore) and `schedules` (empty)."""
