"""Pump and ticker leave a controlled queue alone, and miss nothing of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from durable_django import Limit
from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import QueueChange, Rate
from durable_django.worker.pump import Shift
from tests.worker.test_ticker import World
from tests.worker.virtual import VirtualWorker

DRAIN = Shift(linger=0.0)
TASK = Shift(budget=2.0, linger=1.0)


@pytest.fixture
def world() -> World:
    return World()


def control(worker: VirtualWorker, **changes: Any) -> None:
    worker.store.change_queue("default", QueueChange(**changes))


class TestPump:
    def test_a_full_queue_goes_on_at_once_when_a_place_is_free(self, world: World) -> None:
        control(world, max_running=1)
        world.start(world.nothing, 20)

        assert world.pump.run(DRAIN) is False

        assert world.statuses() == ["completed"] * 20
        assert world.rests == []

    def test_a_full_queue_is_left_until_somebody_else_has_ended(self, world: World) -> None:
        control(world, max_running=1)
        world.start(world.nothing, 2)
        [held] = world.engine.claim()

        assert world.pump.run(TASK) is False
        while_it_is_held = world.statuses()
        world.engine.run_claim(held)
        world.pump.run(TASK)

        assert while_it_is_held == ["pending", "running"]
        assert world.statuses() == ["completed"] * 2

    def test_what_a_lost_worker_held_is_taken_over_though_the_queue_is_full(
        self, world: World
    ) -> None:
        control(world, max_running=1)
        world.start(world.nothing, 3)
        world.engine.claim()
        world.clock.advance(seconds=30)

        world.pump.run(DRAIN)

        assert world.statuses() == ["completed"] * 3

    def test_a_paused_queue_is_left_at_once(self, world: World) -> None:
        control(world, mode=QueueMode.PAUSED)
        world.start(world.nothing, 3)

        assert world.pump.run(TASK) is False

        assert world.statuses() == ["pending"] * 3
        assert world.rests == []

    def test_it_lingers_for_a_token_that_comes_soon(self, world: World) -> None:
        control(world, rate=Rate(4, timedelta(seconds=1)))
        world.start(world.nothing, 6)

        world.pump.run(TASK)

        assert world.statuses() == ["completed"] * 6

    def test_it_leaves_a_token_that_comes_late(self, world: World) -> None:
        control(world, rate=Rate(4, timedelta(hours=1)))
        world.start(world.nothing, 6)

        assert world.pump.run(TASK) is False

        assert world.statuses() == ["completed"] * 4 + ["pending"] * 2
        assert world.rests == []

    def test_other_queues_go_on(self, world: World) -> None:
        control(world, mode=QueueMode.PAUSED)
        world.start(world.nothing, 3)
        world.start(world.nothing, 3, queue="mail")

        world.new_pump(world.crew, ("default", "mail")).run(DRAIN)

        assert world.statuses() == ["completed"] * 3 + ["pending"] * 3

    def test_it_admits_what_became_ready(self, world: World) -> None:
        delay = timedelta(seconds=5)
        world.start(world.nothing, 2, delay=delay, limit=Limit(1))
        world.clock.advance(seconds=5)

        world.pump.run(DRAIN)

        assert world.statuses() == ["completed"] * 2


class TestTicker:
    @pytest.mark.parametrize(
        "change",
        [{"mode": QueueMode.PAUSED}, {"mode": QueueMode.DRAINING}, {"max_running": 1}],
        ids=["paused", "draining", "full"],
    )
    def test_what_may_not_run_rings_nothing_and_is_no_wedge(
        self, world: World, change: dict[str, Any]
    ) -> None:
        control(world, **change)
        world.start(world.nothing, 3)
        if "max_running" in change:
            [held] = world.engine.claim()
            world.engine.leases.drop(held)

        world.tick_for(20)

        assert (world.wakes, world.rescued) == ([], [])

    def test_it_rings_for_as_many_as_there_are_places(self, world: World) -> None:
        control(world, max_running=30)
        world.start(world.nothing, 500)

        world.ticker.tick()

        assert world.wakes == [("default", 2)]

    def test_it_rings_when_a_token_has_come(self, world: World) -> None:
        control(world, rate=Rate(1, timedelta(seconds=10)))
        world.start(world.nothing, 2)
        world.engine.drain()

        world.tick_for(9.5)
        early = list(world.wakes)
        world.tick_for(0.7)

        assert early == []
        assert world.wakes[0] == ("default", 1)

    def test_a_queue_that_is_resumed_is_rung_for(self, world: World) -> None:
        control(world, mode=QueueMode.PAUSED)
        world.start(world.nothing)
        world.tick_for(5)
        control(world, mode=QueueMode.OPEN)

        world.ticker.tick()

        assert world.wakes == [("default", 1)]
        assert world.rescued == []

    def test_it_admits_and_rings_for_what_became_ready(self, world: World) -> None:
        world.start(world.nothing, delay=timedelta(seconds=5), limit=Limit(1))

        world.tick_for(4.5)
        early = list(world.wakes)
        world.tick_for(1.6)

        assert early == []
        assert world.wakes[0] == ("default", 1)
