"""Promises about claiming what is due."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from durable_django.domain.claim import Claim
from durable_django.domain.identifiers import new_id
from durable_django.domain.status import ExecutionStatus, Guarantee, WaitKind
from durable_django.domain.wait import Wait
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_checkpoint, make_outcome
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    ANA,
    BEN,
    FOR_PACKED,
    HOUR,
    LEASE,
    MICROSECOND,
    SECOND,
    SITUATIONS,
    begin,
    claim,
    look,
    start,
    suspend,
    take_over,
)


def _claimed(store: CheckpointStore, limit: int = 10, queue: str = "default") -> list[UUID]:
    return [held.execution_id for held in store.claim_due(queue, limit, LEASE, ANA)]


class ClaimingContract:
    """`claim_due`, `claim_one`."""

    def test_a_claim_runs_the_execution_under_a_higher_fence_until_the_lease_ends(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = start(store)

        [held] = store.claim_due("default", 10, LEASE, ANA)

        execution = store.load_execution(execution_id)
        assert (execution.status, execution.fence) == (ExecutionStatus.RUNNING, 1)
        assert execution.wake_at == clock.now() + LEASE
        assert (execution.lease_owner, execution.recoveries) == (ANA, 0)
        assert execution.started_at == clock.now()
        assert (held.execution_id, held.fence) == (execution_id, execution.fence)
        assert (held.status, held.now) == (ExecutionStatus.RUNNING, clock.now())
        assert held.execution == execution

    def test_calls_at_one_position_come_as_they_were_first_written(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        assert store.record_intent(held, make_checkpoint(held.execution_id, "ship")) is None
        store.record_outcome(held, make_outcome(held.execution_id, "charge"))
        store.record_outcome(held, make_outcome(held.execution_id, "ship"))
        clock.advance(LEASE)

        [again] = store.claim_due("default", 10, LEASE, ANA)

        assert [one.key for one in again.checkpoints] == ["ship", "charge"]

    def test_what_is_held_is_not_claimed(self, store: CheckpointStore) -> None:
        held = begin(store)

        assert _claimed(store) == []
        assert store.claim_one(held.execution_id, LEASE, BEN) is None

    def test_a_delayed_start_is_not_claimed_before_its_instant(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        start_at = clock.now() + HOUR / 7
        execution_id = start(store, start_at=start_at)

        clock.set(start_at - MICROSECOND)
        early = _claimed(store), store.claim_one(execution_id, LEASE, ANA)
        clock.set(start_at)

        assert early == ([], None)
        assert _claimed(store) == [execution_id]

    def test_only_the_queue_asked_for_is_claimed(self, store: CheckpointStore) -> None:
        start(store, queue="slow")
        fast = start(store, queue="fast")

        assert _claimed(store, queue="fast") == [fast]

    def test_no_more_than_the_limit_are_claimed(self, store: CheckpointStore) -> None:
        ids = {start(store) for _ in range(5)}

        first, second = _claimed(store, limit=3), _claimed(store, limit=3)

        assert (len(first), len(second)) == (3, 2)
        assert {*first, *second} == ids

    def test_the_longest_overdue_comes_first(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        now = clock.now()
        late = start(store, start_at=now - SECOND)
        latest = start(store, start_at=now - 3 * SECOND)
        later = start(store, start_at=now - 2 * SECOND)

        assert _claimed(store, limit=2) == [latest, later]
        assert _claimed(store) == [late]

    def test_priority_is_a_head_start(self, store: CheckpointStore) -> None:
        plain = start(store)
        urgent = start(store, priority=5)
        most_urgent = start(store, priority=1000)
        high = start(store, priority=1)

        assert _claimed(store) == [most_urgent, urgent, high, plain]

    def test_no_head_start_starves_what_waits_long_enough(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        waiting = start(store, priority=0)
        clock.advance(days=1)
        urgent = start(store, priority=5)

        assert _claimed(store) == [waiting, urgent]

    def test_a_head_start_makes_nothing_due_early(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        start(store, priority=9, start_at=clock.now() + SECOND)

        assert _claimed(store) == []

    @pytest.mark.parametrize(
        "situation", ["paused", "parked", "parked_undoing", "completed", "failed", "cancelled"]
    )
    def test_what_has_stopped_is_never_claimed(
        self, store: CheckpointStore, clock: ManualClock, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        clock.advance(days=400)

        assert _claimed(store) == []
        assert store.claim_one(execution_id, LEASE, ANA) is None

    def test_a_wait_without_an_alarm_is_never_claimed(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = suspend(store, begin(store), FOR_PACKED)
        clock.advance(days=400)

        assert _claimed(store) == []
        assert store.claim_one(execution_id, LEASE, ANA) is None

    def test_a_foreground_execution_is_left_to_who_asks_for_it_by_id(
        self, store: CheckpointStore
    ) -> None:
        execution_id = start(store, guarantee=Guarantee.FOREGROUND)

        by_queue = _claimed(store)
        by_id = store.claim_one(execution_id, LEASE, ANA)

        assert by_queue == []
        assert by_id is not None
        assert by_id.status is ExecutionStatus.RUNNING

    def test_claiming_nobody_claims_nothing(self, store: CheckpointStore) -> None:
        assert store.claim_one(new_id(), LEASE, ANA) is None

    def test_a_wait_ends_with_the_claim(self, store: CheckpointStore, clock: ManualClock) -> None:
        execution_id = suspend(store, begin(store), AN_HOUR)
        clock.advance(HOUR)

        held = claim(store, execution_id)

        assert store.load_execution(execution_id).waiting_kind is WaitKind.NOTHING
        assert held.execution.waiting_kind is WaitKind.NOTHING

    def test_a_claim_still_tells_what_was_waited_for(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        store.release(held, Wait(kind=WaitKind.DEFERRED, name="unknown here", after=HOUR))
        clock.advance(HOUR)

        assert claim(store, held.execution_id).execution.waiting_for == "unknown here"

    def test_the_first_claim_says_when_it_started(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        started_at = clock.now()

        again = take_over(store, clock, held)

        assert again.execution.started_at == started_at

    def test_a_compensation_is_claimed_as_one(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = SITUATIONS["waiting_to_undo"](store)
        clock.advance(HOUR)

        [held] = store.claim_due("default", 10, LEASE, ANA)

        execution = store.load_execution(execution_id)
        assert held.status is execution.status is ExecutionStatus.COMPENSATING
        assert execution.ending is ExecutionStatus.FAILED

    def test_a_batch_brings_everything_that_was_recorded_of_each(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        full, bare = _furnish(store), start(store)
        clock.advance(HOUR)

        held = {one.execution_id: one for one in store.claim_due("default", 10, LEASE, ANA)}

        _assert_is_furnished(held[full], clock.now())
        assert (held[bare].checkpoints, held[bare].timers) == ([], {})
        assert (held[bare].signals, held[bare].signal_count) == ([], 0)

    def test_one_claimed_alone_brings_everything_too(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = _furnish(store)
        clock.advance(HOUR)

        held = claim(store, execution_id)

        _assert_is_furnished(held, clock.now())

    def test_a_claim_lists_what_the_store_lists(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = _furnish(store)
        clock.advance(HOUR)

        held = claim(store, execution_id)

        execution, checkpoints, timers, signals = look(store, execution_id)[:4]
        assert held.execution == execution
        assert held.checkpoints == checkpoints
        assert list(held.timers.values()) == [one for one in timers if one.key in held.timers]
        assert held.signals == signals[1:]


def _furnish(store: CheckpointStore) -> UUID:
    """Leave an execution waiting for an hour, with something of everything recorded."""
    execution_id = start(store)
    store.add_signal(execution_id, "packed", "1")
    held = claim(store, execution_id)
    first = make_checkpoint(execution_id, "reserve", position=1)
    failed = make_outcome(execution_id, "charge", position=2, attempt=1)
    tried_again = make_outcome(execution_id, "charge", position=2, attempt=2)
    waited = make_outcome(execution_id, "packed", position=3)
    for checkpoint in (tried_again, failed):
        store.record_outcome(held, checkpoint)
    store.record_intent(held, first)
    store.deliver_signal(held, waited, held.signals[0])
    store.add_signal(execution_id, "shipped", "2")
    store.add_signal(execution_id, "packed", "3")
    wait = Wait(
        kind=WaitKind.TIMER, name="nap", key="nap", after=timedelta(hours=1), registers_timer=True
    )
    return suspend(store, held, wait)


def _assert_is_furnished(held: Claim, now: datetime) -> None:
    assert held.now == now
    assert [(one.key, one.attempt) for one in held.checkpoints] == [
        ("reserve", 1),
        ("charge", 1),
        ("charge", 2),
        ("packed", 1),
    ]
    assert {key: timer.fire_at for key, timer in held.timers.items()} == {"nap": now}
    assert [signal.position for signal in held.signals] == [2, 3]
    assert held.signal_count == held.execution.signal_count == held.signals[-1].position
