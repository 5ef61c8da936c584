"""Promises about suspending and about timers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.domain.claim import Claim
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.wait import Suspension, Wait
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error, make_outcome
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    FOR_PACKED,
    HOUR,
    LEASE,
    MICROSECOND,
    MINUTE,
    RETRY_LATER,
    begin,
    claim,
    compensate,
    suspend,
)


def _wake(store: CheckpointStore, held: Claim) -> Claim:
    """Have the execution claimed before its alarm, as after a pause."""
    store.request_pause(held.execution_id)
    store.resume(held.execution_id)
    return claim(store, held.execution_id)


class WaitingContract:
    """`suspend`, `fire_timer`."""

    def test_a_suspended_execution_says_what_it_waits_for(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)

        answer = store.suspend(held, AN_HOUR)

        assert answer is Suspension.SUSPENDED
        execution = store.load_execution(held.execution_id)
        assert execution.status is ExecutionStatus.SUSPENDED
        assert execution.wake_at == clock.now() + HOUR
        assert (execution.waiting_kind, execution.waiting_for) == (WaitKind.TIMER, "cooling_off")
        assert execution.fence == held.fence

    @pytest.mark.parametrize("kind", [kind for kind in WaitKind if kind is not WaitKind.NOTHING])
    def test_every_kind_of_wait_can_be_suspended_for(
        self, store: CheckpointStore, kind: WaitKind
    ) -> None:
        held = begin(store)

        suspend(store, held, Wait(kind=kind, name="charge", key="charge", after=HOUR))

        assert store.load_execution(held.execution_id).waiting_kind is kind

    def test_an_alarm_may_be_an_instant(self, store: CheckpointStore, clock: ManualClock) -> None:
        held = begin(store)
        alarm = clock.now() + timedelta(days=3, microseconds=7)

        suspend(store, held, Wait(kind=WaitKind.RETRY, name="c", key="c", alarm=alarm))

        assert store.load_execution(held.execution_id).wake_at == alarm
        assert store.list_timers(held.execution_id) == []

    def test_a_delay_counts_from_the_moment_of_suspending(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        clock.advance(seconds=9)

        suspend(store, held, AN_HOUR)

        assert store.load_execution(held.execution_id).wake_at == clock.now() + HOUR

    def test_the_time_to_live_is_an_alarm_too(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        now = clock.now()
        soon = suspend(store, begin(store, expires_at=now + MINUTE), AN_HOUR)
        late = suspend(store, begin(store, expires_at=now + 2 * HOUR), AN_HOUR)
        only = suspend(store, begin(store, expires_at=now + MINUTE), FOR_PACKED)

        alarms = [store.load_execution(one).wake_at for one in (soon, late, only)]

        assert alarms == [now + MINUTE, now + HOUR, now + MINUTE]

    def test_a_time_to_live_does_not_move_the_timer(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store, expires_at=clock.now() + MINUTE)

        suspend(store, held, AN_HOUR)

        [timer] = store.list_timers(held.execution_id)
        assert timer.fire_at == clock.now() + HOUR

    def test_a_waiting_compensation_stays_one(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = compensate(store, begin(store))

        suspend(store, held, RETRY_LATER)

        execution = store.load_execution(held.execution_id)
        assert execution.status is ExecutionStatus.COMPENSATING
        assert (execution.waiting_kind, execution.waiting_for) == (WaitKind.RETRY, "charge")
        assert execution.wake_at == clock.now() + HOUR

    def test_a_passed_time_to_live_does_not_wake_a_waiting_compensation(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store, expires_at=clock.now() + LEASE / 2)
        clock.advance(LEASE / 2)
        compensate(store, held)

        suspend(store, held, RETRY_LATER)

        assert store.load_execution(held.execution_id).wake_at == clock.now() + HOUR

    # --- timers ---

    def test_a_timer_is_registered_with_the_suspension(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = suspend(store, begin(store), AN_HOUR)

        [timer] = store.list_timers(execution_id)
        assert (timer.execution_id, timer.key) == (execution_id, "cooling_off")
        assert (timer.fire_at, timer.status) == (clock.now() + HOUR, TimerStatus.PENDING)

    def test_a_wait_that_registers_no_timer_has_none(self, store: CheckpointStore) -> None:
        execution_id = suspend(store, begin(store), RETRY_LATER)

        assert store.list_timers(execution_id) == []

    def test_a_timer_is_never_early(self, store: CheckpointStore, clock: ManualClock) -> None:
        clock.advance(microseconds=500_000)
        execution_id = suspend(store, begin(store), AN_HOUR)

        clock.advance(HOUR - MICROSECOND)
        early = store.claim_one(execution_id, LEASE, "")
        clock.advance(MICROSECOND)

        assert early is None
        assert claim(store, execution_id).timers["cooling_off"].fire_at == clock.now()

    def test_a_pending_timer_is_never_armed_again(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        fire_at = clock.now() + HOUR
        suspend(store, held, AN_HOUR)
        clock.advance(MINUTE)
        held = _wake(store, held)

        suspend(store, held, AN_HOUR)

        [timer] = store.list_timers(held.execution_id)
        assert (timer.fire_at, timer.status) == (fire_at, TimerStatus.PENDING)
        assert store.load_execution(held.execution_id).wake_at == fire_at

    def test_recovery_leaves_a_timer_alone(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        suspend(store, held, AN_HOUR)
        before = store.list_timers(held.execution_id)
        clock.advance(MINUTE)
        held = _wake(store, held)
        clock.advance(LEASE)

        again = claim(store, held.execution_id)

        assert list(again.timers.values()) == before == store.list_timers(held.execution_id)

    def test_a_fired_timer_is_marked_with_its_checkpoint(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        suspend(store, held, AN_HOUR)
        clock.advance(HOUR)
        held = claim(store, held.execution_id)
        passed = make_outcome(held.execution_id, "cooling_off", kind=CheckpointKind.SLEEP)

        assert store.fire_timer(held, passed) is None

        [timer] = store.list_timers(held.execution_id)
        [stored] = store.list_checkpoints(held.execution_id)
        assert timer.status is TimerStatus.FIRED
        assert (stored.key, stored.status) == ("cooling_off", CheckpointStatus.COMPLETED)

    def test_firing_one_timer_leaves_the_others(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        suspend(store, held, AN_HOUR)
        held = _wake(store, held)
        nap = Wait(kind=WaitKind.TIMER, name="nap", key="nap", after=MINUTE, registers_timer=True)
        suspend(store, held, nap)
        clock.advance(MINUTE)
        held = claim(store, held.execution_id)

        store.fire_timer(held, make_outcome(held.execution_id, "nap", kind=CheckpointKind.SLEEP))

        timers = {timer.key: timer.status for timer in store.list_timers(held.execution_id)}
        assert timers == {"nap": TimerStatus.FIRED, "cooling_off": TimerStatus.PENDING}

    def test_a_sleep_of_no_length_needs_no_timer(self, store: CheckpointStore) -> None:
        held = begin(store)

        assert store.fire_timer(held, make_outcome(held.execution_id, "nap")) is None

        assert [row.key for row in store.list_checkpoints(held.execution_id)] == ["nap"]

    def test_a_timer_fires_once(self, store: CheckpointStore, clock: ManualClock) -> None:
        held = begin(store)
        suspend(store, held, AN_HOUR)
        clock.advance(HOUR)
        held = claim(store, held.execution_id)
        passed = make_outcome(held.execution_id, "cooling_off", kind=CheckpointKind.SLEEP)
        store.fire_timer(held, passed)
        clock.advance(LEASE)

        again = claim(store, held.execution_id)

        assert again.timers == {}
        assert [row.status for row in again.checkpoints] == [CheckpointStatus.COMPLETED]

    def test_a_sleep_cut_short_by_its_expiry_keeps_its_instant_through_a_retry(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store, expires_at=clock.now() + MINUTE)
        fire_at = clock.now() + HOUR
        suspend(store, held, AN_HOUR)
        clock.advance(MINUTE)
        held = claim(store, held.execution_id)
        store.finish(held, ExecutionStatus.FAILED, make_error(code="expired"))
        store.retry(held.execution_id)
        held = claim(store, held.execution_id)

        suspend(store, held, AN_HOUR)

        [timer] = store.list_timers(held.execution_id)
        assert (timer.fire_at, timer.status) == (fire_at, TimerStatus.PENDING)
        assert store.load_execution(held.execution_id).wake_at == fire_at
