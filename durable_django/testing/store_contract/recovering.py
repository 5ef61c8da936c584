"""Promises about claiming what a worker left behind, and about counting that."""

from __future__ import annotations

from uuid import UUID

import pytest

from durable_django.domain.status import ExecutionStatus
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error
from durable_django.testing.store_contract.arrange import (
    ANA,
    AT_ONCE,
    BEN,
    HOUR,
    LEASE,
    MICROSECOND,
    MINUTE,
    SITUATIONS,
    begin,
    claim,
    compensate,
    take_over,
)


def _claimed(store: CheckpointStore, limit: int = 10, queue: str = "default") -> list[UUID]:
    return [held.execution_id for held in store.claim_due(queue, limit, LEASE, ANA)]


class RecoveringContract:
    """Claims of what was held, and `recoveries`."""

    def test_a_running_execution_is_claimable_when_its_lease_ends_and_not_before(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)

        clock.advance(LEASE - MICROSECOND)
        early = _claimed(store)
        clock.advance(MICROSECOND)
        [again] = store.claim_due("default", 10, LEASE, BEN)

        assert early == []
        assert (again.execution_id, again.fence) == (held.execution_id, held.fence + 1)
        assert store.load_execution(held.execution_id).lease_owner == BEN

    def test_the_fence_rises_at_every_claim(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        fences = [held.fence]

        for _ in range(3):
            held = take_over(store, clock, held)
            fences.append(held.fence)

        assert fences == sorted(set(fences))

    def test_finding_it_held_counts_as_a_recovery(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = take_over(store, clock, begin(store))
        assert held.execution.recoveries == 1
        assert held.is_recovery

        store.note_begun(held)
        clock.advance(LEASE)
        [again] = store.claim_due("default", 10, LEASE, ANA)

        assert again.execution.recoveries == 1 + 1
        assert store.load_execution(held.execution_id).recoveries == 1 + 1

    def test_what_is_claimed_again_and_again_but_never_begun_counts_once(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)

        counts = []
        for _ in range(3):
            held = take_over(store, clock, held)
            counts.append(held.execution.recoveries)
        clock.advance(LEASE)
        [again] = store.claim_due("default", 10, LEASE, ANA)

        assert [*counts, again.execution.recoveries] == [1] * 4
        assert not again.is_recovery

    @pytest.mark.parametrize("is_undoing", [False, True], ids=["running", "compensating"])
    def test_what_is_begun_again_and_again_counts_each_time(
        self, store: CheckpointStore, clock: ManualClock, *, is_undoing: bool
    ) -> None:
        held = begin(store)
        if is_undoing:
            compensate(store, held)

        counts = []
        for _ in range(3):
            held = take_over(store, clock, held)
            store.note_begun(held)
            counts.append(held.execution.recoveries)

        assert counts == [1, 2, 3]

    def test_what_was_begun_is_begun_under_one_fence_only(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = take_over(store, clock, begin(store))
        store.note_begun(held)
        begun = store.load_execution(held.execution_id)

        counted = take_over(store, clock, held)
        not_counted = take_over(store, clock, counted)

        assert begun.begun_fence == held.fence
        assert counted.execution.begun_fence == held.fence
        assert counted.execution.recoveries == not_counted.execution.recoveries == 1 + 1

    def test_finding_it_held_while_compensating_counts_as_a_recovery(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = take_over(store, clock, compensate(store, begin(store)))

        assert held.status is ExecutionStatus.COMPENSATING
        assert held.execution.recoveries == 1

    @pytest.mark.parametrize("situation", ["pending", "suspended", "waiting_to_undo"])
    def test_a_claim_after_a_wait_is_no_recovery(
        self, store: CheckpointStore, clock: ManualClock, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        clock.advance(HOUR)

        held = claim(store, execution_id)

        assert held.execution.recoveries == 0
        assert not held.is_recovery
        assert store.load_execution(execution_id).recoveries == 0

    def test_a_claim_of_a_released_execution_is_no_recovery(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.release(held, AT_ONCE)

        assert claim(store, held.execution_id).execution.recoveries == 0

    def test_a_claim_of_a_released_compensation_is_no_recovery(
        self, store: CheckpointStore
    ) -> None:
        held = compensate(store, begin(store))
        store.release(held, AT_ONCE)

        assert claim(store, held.execution_id).execution.recoveries == 0

    @pytest.mark.parametrize("is_undoing", [False, True], ids=["running", "compensating"])
    def test_a_claim_of_an_abandoned_execution_is_a_recovery(
        self, store: CheckpointStore, clock: ManualClock, *, is_undoing: bool
    ) -> None:
        held = begin(store)
        if is_undoing:
            compensate(store, held)
        store.abandon(held, make_error(), MINUTE)

        clock.advance(MINUTE - MICROSECOND)
        early = store.claim_one(held.execution_id, LEASE, BEN)
        clock.advance(MICROSECOND)

        assert early is None
        assert claim(store, held.execution_id).execution.recoveries == 1

    @pytest.mark.parametrize("is_begun", [False, True])
    def test_an_abandoned_execution_counts_again_only_if_it_was_begun_again(
        self, store: CheckpointStore, clock: ManualClock, *, is_begun: bool
    ) -> None:
        held = take_over(store, clock, begin(store))
        if is_begun:
            store.note_begun(held)

        store.abandon(held, make_error(), MINUTE)

        clock.advance(MINUTE)
        assert claim(store, held.execution_id).execution.recoveries == 1 + is_begun
