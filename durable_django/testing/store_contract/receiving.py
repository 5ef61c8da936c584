"""Promises about the consumption of signals, and about waits for them that time out."""

from __future__ import annotations

import pytest

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.wait import Suspension, Wait
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error, make_outcome
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    FOR_PACKED,
    HOUR,
    LEASE,
    RETRY_LATER,
    begin,
    claim,
    is_due,
    look,
    start,
    suspend,
)

_PACKED_WITHIN_AN_HOUR = Wait(
    kind=WaitKind.SIGNAL, name="packed", key="packed", after=HOUR, registers_timer=True
)


def _begin_with_signal(store: CheckpointStore, name: str = "packed") -> Claim:
    execution_id = start(store)
    store.add_signal(execution_id, name, "1")
    return claim(store, execution_id)


class ReceivingContract:
    """Waiting for signals: `suspend`, `deliver_signal`, `expire_wait`."""

    def test_a_signal_is_delivered_with_its_checkpoint(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = _begin_with_signal(store)
        clock.advance(seconds=2)
        received = make_outcome(held.execution_id, "packed", kind=CheckpointKind.SIGNAL)

        assert store.deliver_signal(held, received, held.signals[0]) is None

        [signal] = store.list_signals(held.execution_id)
        [stored] = store.list_checkpoints(held.execution_id)
        assert (signal.status, signal.delivered_at) == (SignalStatus.DELIVERED, clock.now())
        assert (stored.key, stored.kind) == ("packed", CheckpointKind.SIGNAL)

    def test_a_signal_is_delivered_once(self, store: CheckpointStore) -> None:
        held = _begin_with_signal(store)
        signal = held.signals[0]
        store.deliver_signal(held, make_outcome(held.execution_id, "packed"), signal)
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.deliver_signal(
                held, make_outcome(held.execution_id, "packed#2", position=2), signal
            )

        assert look(store, held.execution_id) == before

    def test_a_delivered_signal_is_no_longer_in_a_claim(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = _begin_with_signal(store)
        later, _ = store.add_signal(held.execution_id, "packed", "2")
        store.deliver_signal(held, make_outcome(held.execution_id, "packed"), held.signals[0])
        clock.advance(LEASE)

        again = claim(store, held.execution_id)

        assert again.signals == [later]

    def test_delivering_one_signal_leaves_the_others(self, store: CheckpointStore) -> None:
        held = _begin_with_signal(store)
        store.add_signal(held.execution_id, "packed", "2")

        store.deliver_signal(held, make_outcome(held.execution_id, "packed"), held.signals[0])

        statuses = [signal.status for signal in store.list_signals(held.execution_id)]
        assert statuses == [SignalStatus.DELIVERED, SignalStatus.PENDING]

    def test_a_signal_in_time_cancels_the_wait_s_timeout(self, store: CheckpointStore) -> None:
        held = begin(store)
        suspend(store, held, _PACKED_WITHIN_AN_HOUR)
        store.add_signal(held.execution_id, "packed", "1")
        held = claim(store, held.execution_id)

        store.deliver_signal(held, make_outcome(held.execution_id, "packed"), held.signals[0])

        [timer] = store.list_timers(held.execution_id)
        assert timer.status is TimerStatus.CANCELLED

    def test_an_unseen_signal_prevents_suspending_for_it(self, store: CheckpointStore) -> None:
        held = begin(store)
        signal, _ = store.add_signal(held.execution_id, "packed", "1")
        before = look(store, held.execution_id)

        answer = store.suspend(held, _PACKED_WITHIN_AN_HOUR)

        assert answer is Suspension.SIGNALLED
        assert look(store, held.execution_id) == before
        assert (held.signals, held.signal_count) == ([signal], signal.position)

    def test_unseen_signals_are_added_after_the_seen_ones_in_order(
        self, store: CheckpointStore
    ) -> None:
        held = _begin_with_signal(store, "shipped")
        for payload in ("2", "3"):
            store.add_signal(held.execution_id, "packed", payload)

        store.suspend(held, FOR_PACKED)

        assert [signal.payload for signal in held.signals] == ["1", "2", "3"]

    def test_seen_signals_of_another_name_do_not_prevent_suspending(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        store.add_signal(held.execution_id, "shipped", "1")
        first = store.suspend(held, FOR_PACKED)

        second = store.suspend(held, FOR_PACKED)

        assert (first, second) == (Suspension.SIGNALLED, Suspension.SUSPENDED)

    @pytest.mark.parametrize("wait", [AN_HOUR, RETRY_LATER], ids=["a_timer", "a_retry"])
    def test_an_unseen_signal_does_not_prevent_other_waits(
        self, store: CheckpointStore, wait: Wait
    ) -> None:
        held = begin(store)
        store.add_signal(held.execution_id, "packed", "1")

        suspend(store, held, wait)

        assert not is_due(store, held.execution_id)

    def test_a_signal_just_after_suspending_wakes_it(self, store: CheckpointStore) -> None:
        execution_id = suspend(store, begin(store), FOR_PACKED)

        store.add_signal(execution_id, "packed", "1")

        assert [signal.payload for signal in claim(store, execution_id).signals] == ["1"]

    # --- timed-out waits ---

    def test_a_timed_out_wait_is_an_outcome_of_its_own(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        suspend(store, held, _PACKED_WITHIN_AN_HOUR)
        clock.advance(HOUR)
        held = claim(store, held.execution_id)
        timed_out = _timed_out(held)

        answer = store.expire_wait(held, timed_out)

        assert answer is Suspension.SUSPENDED
        [timer] = store.list_timers(held.execution_id)
        [stored] = store.list_checkpoints(held.execution_id)
        assert timer.status is TimerStatus.FIRED
        assert (stored.status, stored.error) == (timed_out.status, timed_out.error)
        assert store.load_execution(held.execution_id).status is ExecutionStatus.RUNNING

    def test_a_signal_that_came_in_time_beats_the_timeout(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        suspend(store, held, _PACKED_WITHIN_AN_HOUR)
        clock.advance(HOUR)
        held = claim(store, held.execution_id)
        signal, _ = store.add_signal(held.execution_id, "packed", "1")
        before = look(store, held.execution_id)

        answer = store.expire_wait(held, _timed_out(held))

        assert answer is Suspension.SIGNALLED
        assert look(store, held.execution_id) == before
        assert (held.signals, held.signal_count) == ([signal], 1)
        assert store.deliver_signal(held, make_outcome(held.execution_id, "packed"), signal) is None

    def test_seen_signals_of_another_name_do_not_stop_the_timeout(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        store.add_signal(held.execution_id, "shipped", "1")
        assert store.suspend(held, _PACKED_WITHIN_AN_HOUR) is Suspension.SIGNALLED
        suspend(store, held, _PACKED_WITHIN_AN_HOUR)
        clock.advance(HOUR)
        held = claim(store, held.execution_id)

        assert store.expire_wait(held, _timed_out(held)) is Suspension.SUSPENDED

    def test_a_late_signal_stays_for_the_next_wait(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        suspend(store, held, _PACKED_WITHIN_AN_HOUR)
        clock.advance(HOUR)
        held = claim(store, held.execution_id)
        store.expire_wait(held, _timed_out(held))

        late, is_new = store.add_signal(held.execution_id, "packed", "1")

        assert is_new
        assert store.suspend(held, FOR_PACKED) is Suspension.SIGNALLED
        assert held.signals == [late]

    def test_a_wait_that_timed_out_before_a_retry_waits_afresh(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        suspend(store, held, _PACKED_WITHIN_AN_HOUR)
        clock.advance(HOUR)
        held = claim(store, held.execution_id)
        store.expire_wait(held, _timed_out(held))
        store.finish(held, ExecutionStatus.FAILED, make_error())
        store.retry(held.execution_id)
        held = claim(store, held.execution_id)

        suspend(store, held, _PACKED_WITHIN_AN_HOUR)

        [timer] = store.list_timers(held.execution_id)
        assert (timer.fire_at, timer.status) == (clock.now() + HOUR, TimerStatus.PENDING)
        assert store.load_execution(held.execution_id).wake_at == timer.fire_at


def _timed_out(held: Claim) -> Checkpoint:
    return make_outcome(
        held.execution_id,
        "packed",
        kind=CheckpointKind.SIGNAL,
        status=CheckpointStatus.FAILED,
        output=None,
        error=make_error(code="timeout").to_text(),
        is_final=True,
    )
