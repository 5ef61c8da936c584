"""Promises about keeping, giving back and adopting what was claimed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.domain.status import ExecutionStatus, Guarantee, WaitKind
from durable_django.domain.wait import Wait
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    ANA,
    AT_ONCE,
    FOR_PACKED,
    HOUR,
    LEASE,
    MICROSECOND,
    MINUTE,
    RETRY_LATER,
    SITUATIONS,
    begin,
    claim,
    compensate,
    is_due,
    look,
    start,
    suspend,
    take_over,
)


class LeasingContract:
    """`renew`, `release`, `abandon`, `clear_recoveries`, `adopt_orphans`, and the alarms."""

    def test_renewing_moves_the_lease_s_end(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        clock.advance(LEASE / 2)

        assert store.renew([held], LEASE) == {held.execution_id}

        execution = store.load_execution(held.execution_id)
        assert execution.wake_at == clock.now() + LEASE
        assert execution.fence == held.fence

    def test_renewing_works_as_long_as_nobody_else_claimed(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        clock.advance(HOUR)

        assert store.renew([held], LEASE) == {held.execution_id}
        assert not is_due(store, held.execution_id)

    def test_renewing_many_returns_those_still_held(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        lost, undoing, held = begin(store), compensate(store, begin(store)), begin(store)
        clock.advance(LEASE)
        claim(store, lost.execution_id)
        taken = look(store, lost.execution_id)

        kept = store.renew([lost, undoing, held], LEASE)

        assert kept == {undoing.execution_id, held.execution_id}
        assert look(store, lost.execution_id) == taken

    def test_renewing_nothing_is_nothing(self, store: CheckpointStore) -> None:
        assert store.renew([], LEASE) == set()

    @pytest.mark.parametrize(
        "wait", [AN_HOUR, FOR_PACKED, AT_ONCE], ids=["a_timer", "a_signal", "nothing"]
    )
    def test_what_was_let_go_is_not_renewed(self, store: CheckpointStore, wait: Wait) -> None:
        held = begin(store)
        suspend(store, held, wait)
        before = look(store, held.execution_id)

        assert store.renew([held], LEASE) == set()
        assert look(store, held.execution_id) == before

    def test_a_compensation_that_waits_is_not_renewed(self, store: CheckpointStore) -> None:
        held = compensate(store, begin(store))
        suspend(store, held, Wait(kind=WaitKind.RETRY, name="charge", key="charge", after=HOUR))
        before = look(store, held.execution_id)

        assert store.renew([held], LEASE) == set()
        assert look(store, held.execution_id) == before

    def test_a_released_execution_is_suspended_until_the_wait_s_alarm(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)

        store.release(held, Wait(kind=WaitKind.DEFERRED, name="shop.order", after=MINUTE))

        execution = store.load_execution(held.execution_id)
        assert execution.status is ExecutionStatus.SUSPENDED
        assert execution.wake_at == clock.now() + MINUTE
        assert (execution.waiting_kind, execution.waiting_for) == (WaitKind.DEFERRED, "shop.order")

    def test_a_released_compensation_stays_one(self, store: CheckpointStore) -> None:
        held = compensate(store, begin(store))

        store.release(held, AT_ONCE)

        execution = store.load_execution(held.execution_id)
        assert execution.status is ExecutionStatus.COMPENSATING
        assert is_due(store, held.execution_id)

    def test_a_release_is_written_whatever_was_requested(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store, expires_at=clock.now() + MINUTE)
        store.request_cancel(held.execution_id, "customer", compensates=True)
        clock.advance(MINUTE)

        store.release(held, AT_ONCE)

        execution = store.load_execution(held.execution_id)
        assert execution.status is ExecutionStatus.SUSPENDED
        assert execution.cancel_requested_at is not None
        assert is_due(store, held.execution_id)

    def test_an_abandoned_execution_is_claimable_after_the_delay(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        clock.advance(seconds=3)

        store.abandon(held, make_error(), MINUTE)

        execution = store.load_execution(held.execution_id)
        assert execution.status is ExecutionStatus.RUNNING
        assert execution.wake_at == clock.now() + MINUTE

    def test_cleared_recoveries_count_from_zero_again(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = take_over(store, clock, begin(store))

        store.clear_recoveries(held)

        assert store.load_execution(held.execution_id).recoveries == 0
        assert take_over(store, clock, held).execution.recoveries == 1

    def test_orphans_of_the_foreground_are_handed_to_the_workers_once(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        orphan = begin(store, guarantee=Guarantee.FOREGROUND).execution_id
        clock.advance(LEASE + timedelta(seconds=1))

        first, second = store.adopt_orphans(10), store.adopt_orphans(10)

        assert (first, second) == ([orphan], [])
        assert store.load_execution(orphan).guarantee is Guarantee.BACKGROUND
        [held] = store.claim_due("default", 10, LEASE, ANA)
        assert (held.execution_id, held.execution.recoveries) == (orphan, 1)

    def test_what_is_alive_asleep_or_over_is_no_orphan(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        foreground = {"guarantee": Guarantee.FOREGROUND}
        finished = begin(store, **foreground)
        assert store.complete(finished, "null") is None
        suspend(store, begin(store, **foreground), FOR_PACKED)
        paused = start(store, **foreground)
        store.request_pause(paused)
        clock.advance(HOUR)
        suspend(store, begin(store, **foreground), AN_HOUR)
        begin(store, **foreground)
        start(store)
        start(store, start_at=clock.now() + HOUR, **foreground)

        assert store.adopt_orphans(10) == []

    def test_one_that_nobody_holds_is_no_orphan_within_the_grace(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        foreground = {"guarantee": Guarantee.FOREGROUND}
        alarm = clock.now() + HOUR
        let_go = {
            start(store, start_at=alarm, **foreground),
            suspend(store, begin(store, **foreground), AN_HOUR),
            suspend(store, compensate(store, begin(store, **foreground)), RETRY_LATER),
        }
        clock.set(alarm + MINUTE - MICROSECOND)

        early = store.adopt_orphans(10, grace=MINUTE)
        clock.advance(MICROSECOND)

        assert early == []
        assert set(store.adopt_orphans(10, grace=MINUTE)) == let_go

    def test_one_whose_lease_has_run_out_is_given_no_grace(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        running = begin(store, guarantee=Guarantee.FOREGROUND)
        undoing = compensate(store, begin(store, guarantee=Guarantee.FOREGROUND))
        clock.advance(LEASE - MICROSECOND)

        early = store.adopt_orphans(10, grace=HOUR)
        clock.advance(MICROSECOND)

        assert early == []
        assert set(store.adopt_orphans(10, grace=HOUR)) == {
            running.execution_id,
            undoing.execution_id,
        }

    def test_no_more_orphans_than_the_limit_are_adopted(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        ids = {begin(store, guarantee=Guarantee.FOREGROUND).execution_id for _ in range(3)}
        clock.advance(HOUR)

        first, second = store.adopt_orphans(2), store.adopt_orphans(2)

        assert (len(first), len(second)) == (2, 1)
        assert {*first, *second} == ids

    def test_the_next_alarm_is_the_earliest_a_worker_must_answer(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        now = clock.now()
        start(store, start_at=now + 3 * MINUTE)
        start(store, start_at=now + 2 * MINUTE, queue="slow")
        start(store, start_at=now + MINUTE, queue="other")
        start(store, start_at=now + MINUTE, guarantee=Guarantee.FOREGROUND)
        for situation in ("paused", "parked", "completed"):
            SITUATIONS[situation](store)

        assert store.next_alarm(["default", "slow"]) == now + 2 * MINUTE
        assert store.next_alarm(["default"]) == now + 3 * MINUTE

    def test_the_next_alarm_may_be_a_lease_s_end(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        begin(store)

        assert store.next_alarm(["default"]) == clock.now() + LEASE

    def test_without_an_alarm_there_is_no_next_one(self, store: CheckpointStore) -> None:
        suspend(store, begin(store), FOR_PACKED)

        assert store.next_alarm(["default"]) is None
        assert store.next_alarm([]) is None

    def test_count_due_counts_what_claim_due_would_claim(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        for _ in range(3):
            start(store)
        start(store, queue="slow")
        start(store, guarantee=Guarantee.FOREGROUND)
        start(store, start_at=clock.now() + HOUR)
        begin(store)
        SITUATIONS["paused"](store)

        counted = store.count_due("default", 10), store.count_due("default", 2)

        assert counted == (3, 2)
        assert len(store.claim_due("default", 10, LEASE, ANA)) == counted[0]
        assert store.count_due("default", 10) == 0
