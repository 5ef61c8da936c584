from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest

from durable_django.worker.store_time import StoreTime
from durable_django.worker.ticker import Ticker, TickerTimes
from tests.worker.virtual import VirtualWorker

TIMES = TickerTimes(tick=0.1, stand_by=1.0, wedged_after=1.0, housekeeping=5.0, batch=20)


class World(VirtualWorker):
    """A ticker with nobody behind the doorbell."""

    def __init__(self) -> None:
        super().__init__()
        self.is_elected = True
        self.wakes: list[tuple[str, int]] = []
        self.rescued: list[str] = []
        self.kept_house: list[bool] = []
        self.dropped = 0
        self.ticker = Ticker(
            self.store,
            lambda: ("default",),
            self,
            self.doorbell,
            election=self,
            rescue=self.rescued.append,
            housekeeping=self.kept_house.append,
            drop_connections=self.drop,
            times=TIMES,
            monotonic=self.monotonic,
            store_time=StoreTime(self.store, compare_every=0, monotonic=self.monotonic),
        )
        self.nothing = self.define(lambda ctx: None)

    def is_won(self) -> bool:
        return self.is_elected

    def wake(self, queue: str = "default", slots: int = 1) -> None:
        self.wakes.append((queue, slots))
        self.doorbell.ring(f"{queue}:0", timedelta(seconds=5))

    def drop(self) -> None:
        self.dropped += 1

    def tick_for(self, seconds: float) -> None:
        ends = self.monotonic() + seconds
        while self.monotonic() < ends - 1e-6:
            self.rest(self.ticker.tick())


@pytest.fixture
def world() -> World:
    return World()


def test_nothing_is_rung_while_nothing_is_due(world: World) -> None:
    assert world.ticker.tick() == 0.1
    assert world.wakes == []


def test_it_rests_until_the_next_alarm_but_no_longer_than_a_tick(world: World) -> None:
    world.start(world.nothing, delay=timedelta(seconds=0.13))
    world.tick_for(0.13)
    assert [round(rest, 3) for rest in world.rests] == [0.1, 0.03]
    world.ticker.tick()
    assert world.wakes == [("default", 1)]


@pytest.mark.parametrize(("due", "slots"), [(1, 1), (20, 1), (21, 2), (160, 8), (500, 8)])
def test_it_rings_for_as_many_pumps_as_have_a_batch_to_do(
    world: World, due: int, slots: int
) -> None:
    world.start(world.nothing, due)
    world.ticker.tick()
    assert world.wakes == [("default", slots)]


def test_who_is_not_elected_looks_once_in_a_while(world: World) -> None:
    world.is_elected = False
    world.start(world.nothing)
    world.tick_for(3)
    assert len(world.wakes) == 3
    world.is_elected = True
    world.tick_for(1)
    assert len(world.wakes) == 13


def test_it_rescues_when_the_bell_is_not_answered(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.start(world.nothing)
    world.tick_for(1)
    assert world.rescued == []
    with caplog.at_level(logging.CRITICAL):
        world.tick_for(2)
    assert set(world.rescued) == {"default"}
    [record] = caplog.records
    assert "the cluster is wedged" in record.message
    # What falls due later need not wait for another second.
    world.rescued.clear()
    world.engine.drain()
    world.tick_for(1)
    assert world.rescued == []
    world.start(world.nothing)
    world.ticker.tick()
    assert world.rescued == ["default"]


def test_it_stops_to_rescue_when_the_bell_is_answered(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.start(world.nothing)
    world.tick_for(3)
    world.rescued.clear()
    caplog.clear()
    world.doorbell.is_unanswered = lambda slot: False  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        world.tick_for(3)
    assert world.rescued == []
    assert [record.message for record in caplog.records] == ["The cluster answers again"]


def test_a_backlog_that_pumps_attend_to_is_no_wedge(world: World) -> None:
    world.doorbell.attend("default", timedelta(seconds=2))
    world.start(world.nothing, 500)
    world.tick_for(5)
    assert world.rescued == []


def test_it_survives_a_database_that_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ConnectionError

    world.start(world.nothing)
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(world.store, "next_alarm", fail)
        assert [world.ticker.tick() for _ in range(5)] == [0.5, 1, 2, 4, 5]
    assert world.dropped == 5
    assert world.ticker.tick() == 0.1
    assert world.wakes == [("default", 1)]


def test_it_keeps_house_now_and_then_elected_or_not(world: World) -> None:
    world.tick_for(6)
    assert world.kept_house == [True, True]
    world.is_elected = False
    world.tick_for(5)
    assert world.kept_house == [True, True, False]


def test_it_sees_to_schedules_as_often_as_it_looks(world: World) -> None:
    calls: list[float] = []

    def see_to_schedules() -> float:
        calls.append(world.monotonic())
        return 0.03

    world.ticker._schedules = see_to_schedules
    world.tick_for(0.09)
    world.is_elected = False
    world.tick_for(3)

    # Elected, whenever it is asked to; else once in a while.
    assert [round(rest, 3) for rest in world.rests[:3]] == [0.03] * 3
    assert len(calls) == 3 + 2


def test_what_schedules_start_is_rung_for_at_once(world: World) -> None:
    def start() -> float:
        world.start(world.nothing)
        return 1.0

    world.ticker._schedules = start

    world.ticker.tick()

    assert world.wakes == [("default", 1)]


def test_it_ends_when_told_to(world: World) -> None:
    stop = threading.Event()
    stop.set()
    world.ticker.run(stop)
    assert world.dropped == 1
