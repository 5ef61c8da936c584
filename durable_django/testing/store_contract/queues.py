"""Promises about queues that somebody controls."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from durable_django.domain.claim import Claim
from durable_django.domain.status import Guarantee, ParkReason, QueueMode
from durable_django.domain.wait import Suspension
from durable_django.domain.work_queue import QueueChange, QueueControl, QueueFigures, Rate
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    ANA,
    AT_ONCE,
    BEN,
    FOR_PACKED,
    HOUR,
    LEASE,
    MICROSECOND,
    MINUTE,
    SECOND,
    SITUATIONS,
    begin,
    claim,
    start,
    suspend,
)

TWO_A_MINUTE = Rate(2, MINUTE)


def control(store: CheckpointStore, queue: str = "default", **changes: Any) -> QueueControl:
    """Change the control of a queue."""
    return store.change_queue(queue, QueueChange(**changes))


def take(store: CheckpointStore, limit: int = 10, queue: str = "default") -> list[Claim]:
    """Claim from a queue as another worker does."""
    return store.claim_due(queue, limit, LEASE, BEN)


def ids_of(claims: list[Claim]) -> list[UUID]:
    """Return what was claimed, in order."""
    return [held.execution_id for held in claims]


def start_many(store: CheckpointStore, count: int, **fields: Any) -> list[UUID]:
    """Start so many, each due after the one before it."""
    began = store.now() - HOUR
    return [
        start(store, start_at=began + number * MICROSECOND, **fields) for number in range(count)
    ]


class QueuesContract:
    """`change_queue`, `load_queue`, `list_queues`, `measure_queues`, and claims under them."""

    # --- the control itself ---

    def test_a_queue_that_nobody_changed_is_left_to_itself(self, store: CheckpointStore) -> None:
        assert store.load_queue("default") == QueueControl(name="default")
        assert not store.load_queue("default").is_controlled
        assert store.list_queues() == []

    def test_a_change_leaves_the_rest_as_it_is(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, max_running=3, rate=TWO_A_MINUTE, reason="a busy day", actor_name="ana")
        clock.advance(HOUR)

        changed = control(store, mode=QueueMode.PAUSED, reason="an outage", actor_name="ben")

        assert changed == QueueControl(
            name="default",
            mode=QueueMode.PAUSED,
            max_running=3,
            rate=TWO_A_MINUTE,
            reason="an outage",
            changed_by="ben",
            changed_at=clock.now(),
        )
        assert store.load_queue("default") == changed
        assert changed.is_controlled

    def test_a_limit_can_be_lifted(self, store: CheckpointStore) -> None:
        control(store, max_running=1, rate=TWO_A_MINUTE)
        start_many(store, 4)

        lifted = control(store, max_running=None, rate=None)

        assert not lifted.is_controlled
        assert len(take(store)) == 4  # noqa: PLR2004 -- all of them

    def test_the_changed_queues_are_listed_by_name(self, store: CheckpointStore) -> None:
        for name in ("slow", "Slow", "mail"):
            control(store, name, max_running=1)

        assert [one.name for one in store.list_queues()] == ["Slow", "mail", "slow"]

    def test_a_control_is_of_one_queue(self, store: CheckpointStore) -> None:
        control(store, "slow", mode=QueueMode.PAUSED)
        start(store, queue="slow")
        fast = start(store)

        assert ids_of(take(store)) == [fast]
        assert take(store, queue="slow") == []

    def test_the_figures_tell_what_is_in_a_queue(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        lost = begin(store)
        clock.advance(LEASE)
        begin(store)
        suspend(store, begin(store), FOR_PACKED)
        start(store)
        start(store, start_at=clock.now() + HOUR)
        start(store, guarantee=Guarantee.FOREGROUND)
        for situation in ("paused", "parked", "completed", "failed"):
            SITUATIONS[situation](store)

        figures = store.measure_queues(["default", "slow"])

        assert store.load_execution(lost.execution_id).wake_at == clock.now()
        assert figures["default"] == QueueFigures(due=2, running=1, waiting=2, begun=3)
        assert figures["slow"] == QueueFigures()
        assert store.measure_queues([], with_others=True) == {"default": figures["default"]}
        assert store.measure_queues([]) == {}

    # --- so many at one moment ---

    def test_no_more_are_held_than_the_limit(self, store: CheckpointStore) -> None:
        control(store, max_running=3)
        start_many(store, 8)

        first, second = take(store, 2), take(store)

        assert (len(first), len(second), take(store)) == (2, 1, [])

    @pytest.mark.parametrize("how", ["complete", "suspend", "release", "park"])
    def test_what_is_let_go_of_makes_room(self, store: CheckpointStore, how: str) -> None:
        control(store, max_running=1)
        start_many(store, 2)
        [held] = take(store)

        if how == "complete":
            assert store.complete(held, "null") is None
        elif how == "suspend":
            assert store.suspend(held, FOR_PACKED) is Suspension.SUSPENDED
        elif how == "release":
            store.release(held, AN_HOUR)
        else:
            store.park(held, ParkReason.POISON, make_error())

        assert len(take(store)) == 1

    def test_a_full_queue_is_not_due_before_a_lease_ends(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, max_running=1)
        start_many(store, 2)
        before = store.count_due("default", 10), store.next_alarm(["default"])
        take(store)

        assert before == (1, clock.now() - HOUR)
        assert store.count_due("default", 10) == 0
        assert store.next_alarm(["default"]) == clock.now() + LEASE

    def test_what_was_lost_is_taken_over_though_the_queue_is_full(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, max_running=2)
        start_many(store, 4)
        lost = take(store)
        clock.advance(LEASE)
        due = store.count_due("default", 10)

        again = take(store)

        assert sorted(ids_of(again)) == sorted(ids_of(lost))
        assert [held.fence for held in again] == [2, 2]
        assert due == 2  # noqa: PLR2004 -- the lost ones
        assert take(store) == []

    def test_what_was_lost_keeps_its_place_until_it_is_taken_over(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, max_running=2)
        start_many(store, 4)
        lost, kept = take(store)
        clock.advance(LEASE - SECOND)
        store.renew([kept], LEASE)
        clock.advance(SECOND)

        assert ids_of(take(store, 1)) == [lost.execution_id]
        assert take(store) == []
        # Its first worker was only asleep, and is not one more now.
        assert store.renew([lost], LEASE) == set()

    def test_a_lowered_limit_drains(self, store: CheckpointStore, clock: ManualClock) -> None:
        control(store, max_running=3)
        start_many(store, 4)
        held = take(store)
        control(store, max_running=1)

        for one in held[:2]:
            assert store.complete(one, "null") is None
            assert take(store) == []
        assert store.complete(held[2], "null") is None

        assert len(take(store)) == 1

    def test_what_was_lost_above_a_lowered_limit_waits(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, max_running=2)
        start_many(store, 2)
        lost, kept = take(store)
        clock.advance(LEASE - SECOND)
        store.renew([kept], LEASE)
        clock.advance(SECOND)
        control(store, max_running=1)

        assert (take(store), store.count_due("default", 10)) == ([], 0)
        assert store.next_alarm(["default"]) == clock.now() + LEASE - SECOND
        assert store.complete(kept, "null") is None
        assert ids_of(take(store)) == [lost.execution_id]

    def test_what_has_begun_comes_before_what_is_new_where_tokens_are_few(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        begun = suspend(store, begin(store), AN_HOUR)
        new = start_many(store, 2)
        clock.advance(HOUR)
        control(store, rate=Rate(2, 365 * 24 * HOUR))

        assert ids_of(take(store, 3)) == [begun, *new]

    @pytest.mark.parametrize("limits", [{}, {"rate": TWO_A_MINUTE}])
    def test_what_is_new_is_not_starved_by_what_has_begun(
        self, store: CheckpointStore, clock: ManualClock, limits: dict[str, Any]
    ) -> None:
        control(store, max_running=1, **limits)
        busy = [suspend(store, begin(store), AN_HOUR) for _ in range(2)]
        clock.advance(HOUR + SECOND)
        new = start(store)
        clock.advance(SECOND)

        claimed = []
        for _ in range(3):
            [held] = take(store)
            claimed.append(held.execution_id)
            suspend(store, held, AT_ONCE)
            clock.advance(SECOND)

        assert set(claimed[:2]) == set(busy)
        assert claimed[2] == new

    def test_a_head_start_counts_before_what_has_begun(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        control(store, max_running=1)
        suspend(store, begin(store), AN_HOUR)
        clock.advance(HOUR)
        urgent = start(store, priority=1)

        assert ids_of(take(store)) == [urgent]

    def test_what_is_new_keeps_its_order(self, store: CheckpointStore) -> None:
        control(store, max_running=3)
        plain, later = start_many(store, 2)
        urgent = start(store, start_at=store.now() - HOUR + SECOND, priority=5)

        assert ids_of(take(store)) == [urgent, plain, later]

    def test_who_asks_for_one_by_its_id_is_not_held_up(self, store: CheckpointStore) -> None:
        control(store, max_running=1)
        start_many(store, 2)
        take(store)
        control(store, "slow", mode=QueueMode.PAUSED)
        full, paused = start(store), start(store, queue="slow")

        assert store.claim_one(full, LEASE, ANA) is not None
        assert store.claim_one(paused, LEASE, ANA) is not None
        assert take(store) == []

    def test_what_only_its_own_process_advances_takes_no_place(
        self, store: CheckpointStore
    ) -> None:
        control(store, max_running=1)
        claim(store, start(store, guarantee=Guarantee.FOREGROUND))
        start(store)

        assert len(take(store)) == 1
