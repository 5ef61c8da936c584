"""Promises about accepting signals."""

from __future__ import annotations

import pytest

from durable_django.domain.identifiers import new_id
from durable_django.domain.status import ExecutionStatus, SignalStatus, WaitKind
from durable_django.domain.wait import Wait
from durable_django.exceptions import ExecutionNotFoundError, InvalidTransitionError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_outcome
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    FOR_PACKED,
    HOUR,
    MINUTE,
    SITUATIONS,
    begin,
    claim,
    is_due,
    look,
    start,
    suspend,
)

_REFUSING = ("compensating", "waiting_to_undo", "completed", "failed", "cancelled")
_ACCEPTING = tuple(name for name in SITUATIONS if name not in _REFUSING)


class SignallingContract:
    """`add_signal`."""

    def test_an_accepted_signal_is_pending_and_keeps_what_it_was_given(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = start(store)

        signal, is_new = store.add_signal(execution_id, "packed", '{"boxes": 2}', "scan-77")

        assert is_new
        assert (signal.execution_id, signal.name) == (execution_id, "packed")
        assert (signal.payload, signal.dedupe_key) == ('{"boxes": 2}', "scan-77")
        assert (signal.status, signal.delivered_at) == (SignalStatus.PENDING, None)
        assert signal.created_at == clock.now()
        assert store.list_signals(execution_id) == [signal]

    def test_positions_count_from_one_over_all_names(self, store: CheckpointStore) -> None:
        execution_id = start(store)

        for name in ("packed", "shipped", "packed"):
            store.add_signal(execution_id, name, "null")

        signals = store.list_signals(execution_id)
        assert [signal.position for signal in signals] == [1, 2, 3]
        assert [signal.name for signal in signals] == ["packed", "shipped", "packed"]
        assert store.load_execution(execution_id).signal_count == len(signals)

    def test_positions_are_each_execution_s_own(self, store: CheckpointStore) -> None:
        first, second = start(store), start(store)
        store.add_signal(first, "packed", "1")

        signal, _ = store.add_signal(second, "packed", "2")

        assert signal.position == 1
        assert [one.payload for one in store.list_signals(first)] == ["1"]

    def test_a_repeated_dedupe_key_returns_the_first_signal_and_changes_nothing(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = start(store)
        first, _ = store.add_signal(execution_id, "packed", "1", "scan-77")
        before = look(store, execution_id)
        clock.advance(MINUTE)

        again, is_new = store.add_signal(execution_id, "packed", "2", "scan-77")

        assert not is_new
        assert again == first
        assert look(store, execution_id) == before

    def test_a_repeated_dedupe_key_wakes_nobody(self, store: CheckpointStore) -> None:
        execution_id = start(store)
        signal, _ = store.add_signal(execution_id, "packed", "1", "scan-77")
        held = claim(store, execution_id)
        store.deliver_signal(held, make_outcome(held.execution_id, "packed"), signal)
        suspend(store, held, FOR_PACKED)

        _, is_new = store.add_signal(held.execution_id, "packed", "1", "scan-77")

        assert not is_new
        assert store.load_execution(held.execution_id).wake_at is None

    def test_a_dedupe_key_holds_for_all_names_of_one_execution(
        self, store: CheckpointStore
    ) -> None:
        execution_id, other = start(store), start(store)
        store.add_signal(execution_id, "packed", "1", "scan-77")

        _, is_new_here = store.add_signal(execution_id, "shipped", "2", "scan-77")
        _, is_new_there = store.add_signal(other, "packed", "3", "scan-77")

        assert (is_new_here, is_new_there) == (False, True)

    def test_without_a_dedupe_key_equal_signals_are_two(self, store: CheckpointStore) -> None:
        execution_id = start(store)

        answers = [store.add_signal(execution_id, "packed", "1") for _ in range(2)]

        assert [is_new for _, is_new in answers] == [True, True]
        assert len(store.list_signals(execution_id)) == len(answers)

    def test_a_sender_who_repeats_itself_after_the_end_hears_the_same_answer(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        first, _ = store.add_signal(held.execution_id, "packed", "1", "scan-77")
        assert store.complete(held, "null") is None

        again, is_new = store.add_signal(held.execution_id, "packed", "1", "scan-77")

        assert (again.id, is_new) == (first.id, False)

    def test_a_signal_wakes_what_waits_for_its_name(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = suspend(store, begin(store), FOR_PACKED)
        clock.advance(MINUTE)

        store.add_signal(execution_id, "packed", "null")

        assert store.load_execution(execution_id).wake_at == clock.now()

    def test_a_signal_brings_a_timeout_s_alarm_forward(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        wait = Wait(kind=WaitKind.SIGNAL, name="packed", key="packed", after=HOUR)
        execution_id = suspend(store, begin(store), wait)

        store.add_signal(execution_id, "packed", "null")

        assert is_due(store, execution_id)

    @pytest.mark.parametrize(
        "wait",
        [
            pytest.param(Wait(kind=WaitKind.SIGNAL, name="paid", key="paid"), id="another_name"),
            pytest.param(AN_HOUR, id="a_timer"),
            pytest.param(
                Wait(kind=WaitKind.TIMER, name="packed", key="packed", after=HOUR),
                id="a_timer_of_that_name",
            ),
            pytest.param(
                Wait(kind=WaitKind.RETRY, name="packed", key="packed", after=HOUR),
                id="a_retry_of_a_step_of_that_name",
            ),
            pytest.param(
                Wait(kind=WaitKind.SIGNAL, name="Packed", key="Packed"), id="another_case"
            ),
        ],
    )
    def test_a_signal_wakes_nothing_that_waits_for_something_else(
        self, store: CheckpointStore, wait: Wait
    ) -> None:
        execution_id = suspend(store, begin(store), wait)
        alarm = store.load_execution(execution_id).wake_at

        store.add_signal(execution_id, "packed", "null")

        assert store.load_execution(execution_id).wake_at == alarm

    def test_a_signal_does_not_touch_the_lease_of_a_slice(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        lease_end = store.load_execution(held.execution_id).wake_at
        clock.advance(seconds=5)

        store.add_signal(held.execution_id, "packed", "null")

        assert store.load_execution(held.execution_id).wake_at == lease_end
        assert store.renew([held], HOUR) == {held.execution_id}

    def test_a_signal_does_not_bring_a_delayed_start_forward(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = start(store, start_at=clock.now() + HOUR)

        store.add_signal(execution_id, "packed", "null")

        assert not is_due(store, execution_id)

    def test_an_early_signal_waits_for_its_wait(self, store: CheckpointStore) -> None:
        execution_id = start(store)
        signal, _ = store.add_signal(execution_id, "packed", "1")

        held = claim(store, execution_id)

        assert held.signals == [signal]
        assert held.signal_count == 1

    @pytest.mark.parametrize("situation", _ACCEPTING)
    def test_a_signal_is_accepted_by_what_may_still_ask_for_it(
        self, store: CheckpointStore, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        before = store.load_execution(execution_id).status

        _, is_new = store.add_signal(execution_id, "packed", "null")

        assert is_new
        assert store.load_execution(execution_id).status is before

    @pytest.mark.parametrize("situation", _REFUSING)
    def test_a_signal_is_refused_by_what_will_not_ask_for_it(
        self, store: CheckpointStore, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        before = look(store, execution_id)

        with pytest.raises(InvalidTransitionError) as refusal:
            store.add_signal(execution_id, "packed", "null")

        assert refusal.value.status == before[0].status
        assert look(store, execution_id) == before

    def test_a_signal_to_nobody_is_an_error(self, store: CheckpointStore) -> None:
        with pytest.raises(ExecutionNotFoundError):
            store.add_signal(new_id(), "packed", "null")

    def test_a_parked_execution_is_not_woken(self, store: CheckpointStore) -> None:
        execution_id = SITUATIONS["parked"](store)

        store.add_signal(execution_id, "packed", "null")

        execution = store.load_execution(execution_id)
        assert (execution.status, execution.wake_at) == (ExecutionStatus.PARKED, None)
