"""Promises about queues that are paused or draining."""

from __future__ import annotations

from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import QueueFigures
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    HOUR,
    LEASE,
    begin,
    start,
    suspend,
)
from durable_django.testing.store_contract.queues import control, ids_of, start_many, take


class QueueModesContract:
    """What is claimed from a queue that is not open."""

    def test_nothing_is_claimed_from_a_paused_queue(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        lost, new = begin(store), start(store)
        clock.advance(LEASE)
        control(store, mode=QueueMode.PAUSED)

        assert (take(store), store.count_due("default", 10)) == ([], 0)
        assert store.next_alarm(["default"]) is None
        control(store, mode=QueueMode.OPEN)
        assert set(ids_of(take(store))) == {lost.execution_id, new}

    def test_only_what_has_begun_is_claimed_from_a_draining_queue(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        lost = begin(store)
        begun = suspend(store, begin(store), AN_HOUR)
        clock.advance(HOUR)
        start(store)
        control(store, mode=QueueMode.DRAINING)
        due = store.count_due("default", 10)

        claims = take(store)

        assert set(ids_of(claims)) == {lost.execution_id, begun}
        assert (due, store.count_due("default", 10)) == (2, 0)
        for held in claims:
            assert store.complete(held, "null") is None
        assert store.next_alarm(["default"]) is None
        assert store.measure_queues(["default"])["default"] == QueueFigures(due=1)

    def test_a_draining_queue_is_due_when_what_has_begun_is(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        suspend(store, begin(store, priority=7), AN_HOUR)
        wakes_at = clock.now() + HOUR
        start_many(store, 2)
        control(store, mode=QueueMode.DRAINING)

        early = store.next_alarm(["default"])
        clock.set(wakes_at)

        assert (early, store.next_alarm(["default"])) == (wakes_at, wakes_at)
        assert len(take(store)) == 1
