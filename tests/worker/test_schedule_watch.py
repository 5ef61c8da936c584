from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest

from durable_django.domain.schedule import ScheduleTick
from durable_django.scheduling.code_schedules import SyncReport
from durable_django.scheduling.schedule_keeper import ScheduleReport
from durable_django.testing import ManualClock, make_tick
from durable_django.worker.schedule_watch import LOOK_EVERY_S, ScheduleWatch
from durable_django.worker.store_time import StoreTime
from tests.worker.virtual import VirtualWorker


class FakeKeeper:
    """Implements the watch's need of a keeper: one schedule, which ticks at given instants."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.due: list[datetime] = []
        #: When it ticked, in seconds from the beginning.
        self.ticked: list[float] = []
        self.asked = 0
        self.syncs = 0
        self.begun = clock.now()
        self.is_left_alone = False
        self.failure: Exception | None = None
        self.sync_failure: Exception | None = None
        #: Ticks that somebody started before, and that are only passed over.
        self.is_backfilled = False

    def after(self, seconds: float) -> None:
        """Have it tick so long after the beginning."""
        self.due.append(self.begun + timedelta(seconds=seconds))

    def next_alarm(self) -> datetime | None:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return min(self.due, default=None)

    def run_due(self, limit: int) -> ScheduleReport:
        now = self.clock.now()
        due = [] if self.is_left_alone else [one for one in self.due if one <= now]
        ready = due[:limit]
        for one in ready:
            self.due.remove(one)
        self.ticked += [(now - self.begun).total_seconds() for _ in ready]
        ticks: list[ScheduleTick] = [make_tick(tick_at=one) for one in ready]
        return ScheduleReport(ticks=[] if self.is_backfilled else ticks, moved=len(ready))

    def sync(self) -> SyncReport:
        self.syncs += 1
        if self.sync_failure is not None:
            raise self.sync_failure
        return SyncReport()


class World(VirtualWorker):
    def __init__(self) -> None:
        super().__init__()
        self.keeper = FakeKeeper(self.clock)
        self.dropped = 0
        self.watch = ScheduleWatch(
            self.keeper,
            StoreTime(self.store, compare_every=0, monotonic=self.monotonic),
            drop_connections=self.drop,
            monotonic=self.monotonic,
        )

    def drop(self) -> None:
        self.dropped += 1

    def watch_for(self, seconds: float) -> None:
        ends = self.monotonic() + seconds
        while self.monotonic() < ends - 1e-6:
            self.rest(min(self.watch.tick(), ends - self.monotonic()))


@pytest.fixture
def world() -> World:
    return World()


def test_without_schedules_it_asks_twice_a_second_and_no_more(world: World) -> None:
    world.watch_for(10)

    assert world.keeper.asked <= 21
    assert world.keeper.syncs == 1


def test_a_tick_comes_at_its_alarm(world: World) -> None:
    for seconds in (0.7, 3.25, 3.3, 9):
        world.keeper.after(seconds)

    world.watch_for(10)

    assert world.keeper.ticked == pytest.approx([0.7, 3.25, 3.3, 9], abs=0.01)


def test_an_alarm_that_another_process_set_is_seen_soon(world: World) -> None:
    world.watch_for(1.1)
    world.keeper.after(1.3)

    world.watch_for(2)

    [seconds] = world.keeper.ticked
    assert 1.3 <= seconds <= 1.1 + LOOK_EVERY_S


def test_it_does_not_spin_on_what_is_due_and_left_alone(world: World) -> None:
    world.keeper.after(1)
    world.keeper.is_left_alone = True

    world.watch_for(3)

    assert len(world.rests) < 60


def test_what_is_left_when_a_portion_was_done_is_done_at_once(world: World) -> None:
    for _ in range(100):
        world.keeper.after(1)

    world.watch_for(1.2)

    assert len(world.keeper.ticked) == 100
    assert max(world.keeper.ticked) < 1.1


def test_schedules_of_the_code_are_written_once_a_minute(world: World) -> None:
    world.watch_for(150)

    assert world.keeper.syncs == 3


def test_it_survives_a_database_that_is_away(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.keeper.failure = ConnectionError()

    with caplog.at_level(logging.WARNING):
        rests = []
        for _ in range(5):
            rests.append(world.watch.tick())
            world.rest(rests[-1])
    world.keeper.failure = None
    world.keeper.after(13)
    world.watch_for(3)

    assert rests == pytest.approx([0.5, 1, 2, 4, 5])
    assert world.dropped == 5
    assert world.keeper.ticked == pytest.approx([13], abs=0.6)


def test_asked_too_soon_after_a_failure_it_only_says_when_to_come_again(world: World) -> None:
    world.keeper.failure = ConnectionError()
    world.watch.tick()
    asked = world.keeper.asked
    world.rest(0.2)

    assert world.watch.tick() == pytest.approx(0.3)
    assert world.keeper.asked == asked


def test_schedules_of_the_code_that_cannot_be_written_keep_none_from_ticking(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.keeper.sync_failure = LookupError()
    world.keeper.after(2)

    with caplog.at_level(logging.WARNING):
        world.watch_for(12)
    world.keeper.sync_failure = None
    world.watch_for(58)

    assert world.keeper.ticked == pytest.approx([2], abs=0.01)
    assert [record.message for record in caplog.records] == [
        "Schedules of the code not written"
    ] * 3
    assert world.keeper.syncs == 4


def test_a_drain_goes_on_after_what_is_only_passed_over(world: World) -> None:
    world.keeper.is_backfilled = True
    for _ in range(50):
        world.keeper.after(-1)

    world.watch.drain()

    assert world.keeper.due == []


def test_a_drain_leaves_nothing_due_and_raises_what_goes_wrong(world: World) -> None:
    for seconds in (-1, -2, 5):
        world.keeper.after(seconds)

    world.watch.drain()

    assert len(world.keeper.ticked) == 2
    assert world.keeper.syncs == 1
