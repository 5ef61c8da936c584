"""Promises about queues that are paused or draining."""

from __future__ import annotations

from durable_django.domain.claim import Claim
from durable_django.domain.status import ExecutionStatus, QueueMode, WaitKind
from durable_django.domain.work_queue import QueueFigures, Rate
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    FOR_PACKED,
    HOUR,
    LEASE,
    MICROSECOND,
    begin,
    start,
    suspend,
)
from durable_django.testing.store_contract.queues import control, ids_of, start_many, take


def take_begun(store: CheckpointStore) -> Claim:
    """Start one and claim it from its queue."""
    start(store)
    [held] = take(store)
    return held


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

    def test_a_child_begins_in_a_draining_queue_if_it_is_waited_for(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        parent = suspend(store, begin(store), AN_HOUR)
        of_parent = {"parent_id": parent, "parent_key": "ship"}
        awaited = start(store, parent_wait=WaitKind.CHILD, **of_parent)
        start(store, **of_parent)
        start(store)
        control(store, mode=QueueMode.DRAINING)
        due = store.count_due("default", 10), store.next_alarm(["default"])
        begun = store.measure_queues(["default"])["default"].begun

        assert ids_of(take(store)) == [awaited]

        assert due == (1, clock.now())
        assert begun == 2  # noqa: PLR2004 -- parent and child
        assert store.count_due("default", 10) == 0

    def test_a_child_needs_a_token_in_a_draining_queue_too(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, rate=Rate(1, HOUR))
        parent = suspend(store, take_begun(store), FOR_PACKED)
        awaited = start(store, parent_id=parent, parent_key="ship", parent_wait=WaitKind.CHILD)
        control(store, mode=QueueMode.DRAINING)

        early = take(store)
        alarm = store.next_alarm(["default"])
        clock.advance(HOUR)

        assert (early, alarm) == ([], clock.now() + MICROSECOND)
        assert ids_of(take(store)) == [awaited]

    def test_a_delayed_child_begins_on_time_in_a_draining_queue(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        parent, begins = suspend(store, begin(store), FOR_PACKED), clock.now() + HOUR
        of_parent = {"parent_id": parent, "parent_key": "ship", "start_at": begins}
        awaited = start(store, parent_wait=WaitKind.CHILD, **of_parent)
        control(store, mode=QueueMode.DRAINING)

        alarm = store.next_alarm(["default"])
        clock.set(begins)

        assert alarm == begins
        assert ids_of(take(store)) == [awaited]

    def test_what_is_only_to_end_is_claimed_from_a_draining_queue(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        cancelled = start(store)
        store.request_cancel(cancelled, "customer", compensates=True)
        start(store)
        expires_at = clock.now() + HOUR
        expiring = start(store, start_at=expires_at + HOUR, expires_at=expires_at)
        control(store, mode=QueueMode.DRAINING)

        [held] = take(store)
        store.finish(held, ExecutionStatus.CANCELLED, None)
        alarm = store.next_alarm(["default"])
        clock.set(expires_at)

        assert (held.execution_id, alarm) == (cancelled, expires_at)
        assert ids_of(take(store)) == [expiring]

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
