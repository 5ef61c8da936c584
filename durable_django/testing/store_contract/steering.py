"""Promises about what people ask of an execution, from every situation it can be in."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from durable_django.domain.identifiers import new_id
from durable_django.domain.status import ExecutionStatus, Interrupt, ParkReason
from durable_django.exceptions import ExecutionNotFoundError, InvalidTransitionError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error
from durable_django.testing.store_contract.arrange import (
    AT_ONCE,
    FOR_PACKED,
    HOUR,
    SITUATIONS,
    begin,
    claim,
    compensate,
    is_due,
    look,
    start,
    suspend,
)

_ACTS: dict[str, Callable[[CheckpointStore, UUID], object]] = {
    "cancel": lambda store, one: store.request_cancel(one, "customer", compensates=False),
    "pause": lambda store, one: store.request_pause(one),
    "resume": lambda store, one: store.resume(one),
    "retry": lambda store, one: store.retry(one),
}
_REFUSED = None
_PENDING, _RUNNING, _SUSPENDED, _COMPENSATING, _PAUSED = (
    ExecutionStatus.PENDING,
    ExecutionStatus.RUNNING,
    ExecutionStatus.SUSPENDED,
    ExecutionStatus.COMPENSATING,
    ExecutionStatus.PAUSED,
)
#: Situation → act → the status it leads to, or that it is refused.
_TABLE: dict[str, dict[str, ExecutionStatus | None]] = {
    "pending": {"cancel": _PENDING, "pause": _PAUSED, "resume": _REFUSED, "retry": _REFUSED},
    "running": {"cancel": _RUNNING, "pause": _RUNNING, "resume": _REFUSED, "retry": _REFUSED},
    "suspended": {"cancel": _SUSPENDED, "pause": _PAUSED, "resume": _REFUSED, "retry": _REFUSED},
    "paused": {"cancel": _SUSPENDED, "pause": _PAUSED, "resume": _SUSPENDED, "retry": _REFUSED},
    "parked": {"cancel": _SUSPENDED, "pause": _REFUSED, "resume": _REFUSED, "retry": _PENDING},
    "parked_undoing": {
        "cancel": _REFUSED,
        "pause": _REFUSED,
        "resume": _REFUSED,
        "retry": _COMPENSATING,
    },
    "failed": {"cancel": _REFUSED, "pause": _REFUSED, "resume": _REFUSED, "retry": _PENDING},
    **{
        situation: dict.fromkeys(_ACTS, _REFUSED)
        for situation in ("compensating", "waiting_to_undo", "completed", "cancelled")
    },
}
_MOVES = [
    pytest.param(situation, act, target, id=f"{act}_{situation}")
    for situation, acts in _TABLE.items()
    for act, target in acts.items()
    if target is not _REFUSED
]
_REFUSALS = [
    pytest.param(situation, act, id=f"{act}_{situation}")
    for situation, acts in _TABLE.items()
    for act, target in acts.items()
    if target is _REFUSED
]


class SteeringContract:
    """`request_cancel`, `request_pause`, `resume`, and where `retry` is allowed."""

    def test_the_contract_knows_every_situation(self) -> None:
        assert set(_TABLE) == set(SITUATIONS)

    @pytest.mark.parametrize(("situation", "act", "target"), _MOVES)
    def test_an_act_leads_where_the_port_says(
        self, store: CheckpointStore, situation: str, act: str, target: ExecutionStatus
    ) -> None:
        execution_id = SITUATIONS[situation](store)

        _ACTS[act](store, execution_id)

        assert store.load_execution(execution_id).status is target

    @pytest.mark.parametrize(("situation", "act"), _REFUSALS)
    def test_any_other_act_is_refused_and_changes_nothing(
        self, store: CheckpointStore, situation: str, act: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        before = look(store, execution_id)

        with pytest.raises(InvalidTransitionError) as refusal:
            _ACTS[act](store, execution_id)

        assert refusal.value.execution_id == execution_id
        assert refusal.value.status == before[0].status
        assert look(store, execution_id) == before

    @pytest.mark.parametrize("act", _ACTS)
    def test_an_act_on_nobody_is_an_error(self, store: CheckpointStore, act: str) -> None:
        with pytest.raises(ExecutionNotFoundError):
            _ACTS[act](store, new_id())

    # --- cancel ---

    @pytest.mark.parametrize("situation", ["pending", "suspended", "paused", "parked"])
    def test_a_cancel_makes_what_nobody_holds_due(
        self, store: CheckpointStore, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)

        is_new = store.request_cancel(execution_id, "customer", compensates=False)

        assert is_new
        assert is_due(store, execution_id)
        held = claim(store, execution_id)
        assert held.execution.recoveries == 0
        assert store.complete(held, "null") is Interrupt.CANCEL

    def test_a_cancel_wakes_a_wait_without_an_alarm(self, store: CheckpointStore) -> None:
        execution_id = suspend(store, begin(store), FOR_PACKED)

        store.request_cancel(execution_id, "customer", compensates=True)

        assert is_due(store, execution_id)

    def test_a_cancel_makes_a_delayed_start_due(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = start(store, start_at=clock.now() + HOUR)

        store.request_cancel(execution_id, "customer", compensates=True)

        assert is_due(store, execution_id)

    def test_a_cancel_leaves_the_lease_of_a_slice_alone(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        lease_end = store.load_execution(held.execution_id).wake_at

        store.request_cancel(held.execution_id, "customer", compensates=True)

        assert store.load_execution(held.execution_id).wake_at == lease_end

    @pytest.mark.parametrize("compensates", [True, False])
    def test_a_cancel_is_noted_with_its_reason(
        self, store: CheckpointStore, clock: ManualClock, *, compensates: bool
    ) -> None:
        execution_id = start(store)
        clock.advance(seconds=3)

        store.request_cancel(execution_id, "customer ☎ said so", compensates=compensates)

        execution = store.load_execution(execution_id)
        assert execution.cancel_requested_at == clock.now()
        assert execution.cancel_reason == "customer ☎ said so"
        assert execution.cancel_compensates is compensates

    @pytest.mark.parametrize("situation", ["pending", "running", "suspended", "paused", "parked"])
    def test_a_second_cancel_changes_nothing(
        self, store: CheckpointStore, clock: ManualClock, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        store.request_cancel(execution_id, "first", compensates=True)
        before = look(store, execution_id)
        clock.advance(seconds=3)

        is_new = store.request_cancel(execution_id, "second", compensates=False)

        assert not is_new
        assert look(store, execution_id) == before

    @pytest.mark.parametrize("reason", ParkReason)
    def test_a_cancel_never_turns_a_parked_compensation_round(
        self, store: CheckpointStore, reason: ParkReason
    ) -> None:
        held = compensate(store, begin(store))
        store.park(held, reason, make_error())
        before = look(store, held.execution_id)

        with pytest.raises(InvalidTransitionError):
            store.request_cancel(held.execution_id, "customer", compensates=True)

        assert look(store, held.execution_id) == before

    def test_a_cancel_is_accepted_after_the_retry_of_a_compensated_failure(
        self, store: CheckpointStore
    ) -> None:
        held = compensate(store, begin(store))
        store.finish(held, ExecutionStatus.FAILED, make_error())
        store.retry(held.execution_id)
        held = claim(store, held.execution_id)
        store.park(held, ParkReason.FAILURE, make_error())

        assert store.request_cancel(held.execution_id, "customer", compensates=True)

        assert store.load_execution(held.execution_id).status is ExecutionStatus.SUSPENDED

    # --- pause and resume ---

    @pytest.mark.parametrize("situation", ["pending", "running", "suspended"])
    def test_a_pause_is_new_once(
        self, store: CheckpointStore, clock: ManualClock, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        first = store.request_pause(execution_id)
        before = look(store, execution_id)
        clock.advance(seconds=3)

        second = store.request_pause(execution_id)

        assert (first, second) == (True, False)
        assert look(store, execution_id) == before

    @pytest.mark.parametrize("situation", ["pending", "suspended"])
    def test_what_is_paused_has_no_alarm(self, store: CheckpointStore, situation: str) -> None:
        execution_id = SITUATIONS[situation](store)

        store.request_pause(execution_id)

        assert store.load_execution(execution_id).wake_at is None

    @pytest.mark.parametrize("situation", ["pending", "running", "suspended"])
    def test_what_is_to_be_cancelled_cannot_be_paused(
        self, store: CheckpointStore, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        store.request_cancel(execution_id, "customer", compensates=True)
        before = look(store, execution_id)

        with pytest.raises(InvalidTransitionError):
            store.request_pause(execution_id)

        assert look(store, execution_id) == before

    def test_a_signal_does_not_wake_what_is_paused(self, store: CheckpointStore) -> None:
        execution_id = suspend(store, begin(store), FOR_PACKED)
        store.request_pause(execution_id)

        store.add_signal(execution_id, "packed", "1")

        execution = store.load_execution(execution_id)
        assert (execution.status, execution.wake_at) == (ExecutionStatus.PAUSED, None)

    def test_what_arrived_during_a_pause_is_there_afterwards(self, store: CheckpointStore) -> None:
        execution_id = suspend(store, begin(store), FOR_PACKED)
        store.request_pause(execution_id)
        signal, _ = store.add_signal(execution_id, "packed", "1")

        assert store.resume(execution_id)

        assert claim(store, execution_id).signals == [signal]

    @pytest.mark.parametrize("is_held", [True, False], ids=["by_its_slice", "at_once"])
    def test_a_resumed_execution_goes_on_at_once_and_is_not_paused_again(
        self, store: CheckpointStore, *, is_held: bool
    ) -> None:
        held = begin(store)
        if not is_held:
            store.release(held, AT_ONCE)
        store.request_pause(held.execution_id)
        if is_held:
            store.pause(held)

        assert store.resume(held.execution_id)

        assert is_due(store, held.execution_id)
        again = claim(store, held.execution_id)
        assert again.execution.recoveries == 0
        assert store.complete(again, "null") is None

    def test_resuming_withdraws_a_pause_not_yet_noticed(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.request_pause(held.execution_id)

        assert store.resume(held.execution_id)

        execution = store.load_execution(held.execution_id)
        assert (execution.status, execution.pause_requested_at) == (ExecutionStatus.RUNNING, None)
        assert store.complete(held, "null") is None

    def test_a_resumed_execution_cannot_be_resumed_again(self, store: CheckpointStore) -> None:
        execution_id = SITUATIONS["paused"](store)
        store.resume(execution_id)

        with pytest.raises(InvalidTransitionError):
            store.resume(execution_id)
