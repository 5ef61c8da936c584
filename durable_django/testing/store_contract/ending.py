"""Promises about how a slice ends what it ran."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import (
    ExecutionStatus,
    Interrupt,
    ParkReason,
    SignalStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error, make_outcome
from durable_django.testing.store_contract.arrange import (
    ANA,
    LEASE,
    MINUTE,
    begin,
    compensate,
    is_due,
    look,
    take_over,
)
from durable_django.testing.store_contract.slice_methods import begin_furnished

_FATES = [
    pytest.param(ExecutionStatus.FAILED, make_error(), SignalStatus.DEAD, id="failed"),
    pytest.param(
        ExecutionStatus.FAILED, make_error(code="expired"), SignalStatus.EXPIRED, id="expired"
    ),
    pytest.param(ExecutionStatus.CANCELLED, None, SignalStatus.EXPIRED, id="cancelled"),
]


def _fates(store: CheckpointStore, held: Claim) -> tuple[list[SignalStatus], list[TimerStatus]]:
    return (
        [signal.status for signal in store.list_signals(held.execution_id)],
        [timer.status for timer in store.list_timers(held.execution_id)],
    )


class EndingContract:
    """`complete`, `begin_compensation`, `finish`, `park`, `pause`."""

    def test_a_completed_execution_has_its_output_and_no_alarm(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        clock.advance(seconds=4)

        assert store.complete(held, '{"total": 5}') is None

        execution = store.load_execution(held.execution_id)
        assert (execution.status, execution.output) == (ExecutionStatus.COMPLETED, '{"total": 5}')
        assert (execution.wake_at, execution.error) == (None, None)
        assert execution.finished_at == clock.now()
        assert execution.is_terminal

    def test_completing_leaves_no_signal_and_no_timer_pending(self, store: CheckpointStore) -> None:
        held = begin_furnished(store)

        store.complete(held, "null")

        assert _fates(store, held) == ([SignalStatus.DEAD], [TimerStatus.CANCELLED])

    def test_completing_buries_signals_that_the_slice_has_not_seen(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        store.add_signal(held.execution_id, "packed", "1")

        assert store.complete(held, "null") is None

        assert _fates(store, held) == ([SignalStatus.DEAD], [])

    def test_completing_changes_no_signal_that_was_delivered(self, store: CheckpointStore) -> None:
        held = begin_furnished(store)
        received = make_outcome(held.execution_id, "packed", position=3)
        store.deliver_signal(held, received, held.signals[0])

        store.complete(held, "null")

        assert _fates(store, held)[0] == [SignalStatus.DELIVERED]

    def test_an_accepted_cancel_never_ends_completed(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.request_cancel(held.execution_id, "customer", compensates=True)

        assert store.complete(held, "null") is Interrupt.CANCEL
        store.finish(held, ExecutionStatus.CANCELLED, None)

        execution = store.load_execution(held.execution_id)
        assert (execution.status, execution.output) == (ExecutionStatus.CANCELLED, None)
        assert (execution.cancel_reason, execution.cancel_compensates) == ("customer", True)

    def test_a_compensation_never_ends_completed(self, store: CheckpointStore) -> None:
        held = compensate(store, begin(store))

        with pytest.raises(LeaseLost):
            store.complete(held, "null")

        assert store.load_execution(held.execution_id).status is ExecutionStatus.COMPENSATING

    def test_a_compensation_begins_under_the_same_lease(self, store: CheckpointStore) -> None:
        held = begin(store)
        before = store.load_execution(held.execution_id)

        store.begin_compensation(held, ExecutionStatus.FAILED, make_error())

        after = store.load_execution(held.execution_id)
        assert after.status is held.status is ExecutionStatus.COMPENSATING
        assert (after.wake_at, after.fence) == (before.wake_at, before.fence)
        assert (after.ending, after.finished_at) == (ExecutionStatus.FAILED, None)
        assert ErrorRecord.from_text(after.error or "") == make_error()
        assert store.renew([held], LEASE) == {held.execution_id}

    def test_a_compensation_begins_once(self, store: CheckpointStore) -> None:
        held = compensate(store, begin(store))
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.begin_compensation(held, ExecutionStatus.CANCELLED, None)

        assert look(store, held.execution_id) == before

    @pytest.mark.parametrize(("ending", "error", "fate"), _FATES)
    def test_beginning_a_compensation_settles_signals_and_timers(
        self,
        store: CheckpointStore,
        ending: ExecutionStatus,
        error: ErrorRecord | None,
        fate: SignalStatus,
    ) -> None:
        held = begin_furnished(store)

        store.begin_compensation(held, ending, error)

        assert _fates(store, held) == ([fate], [TimerStatus.CANCELLED])
        assert store.load_execution(held.execution_id).ending is ending

    @pytest.mark.parametrize(("ending", "error", "fate"), _FATES)
    def test_finishing_settles_signals_and_timers(
        self,
        store: CheckpointStore,
        ending: ExecutionStatus,
        error: ErrorRecord | None,
        fate: SignalStatus,
    ) -> None:
        held = begin_furnished(store)

        store.finish(held, ending, error)

        assert _fates(store, held) == ([fate], [TimerStatus.CANCELLED])

    @pytest.mark.parametrize(("ending", "error", "fate"), _FATES)
    def test_finishing_ends_for_good(
        self,
        store: CheckpointStore,
        clock: ManualClock,
        ending: ExecutionStatus,
        error: ErrorRecord | None,
        fate: SignalStatus,
    ) -> None:
        held = begin(store)
        clock.advance(seconds=4)

        store.finish(held, ending, error)

        execution = store.load_execution(held.execution_id)
        assert (execution.status, execution.wake_at) == (ending, None)
        assert execution.finished_at == clock.now()
        assert execution.output is None
        assert execution.error == (error.to_text() if error else None)

    @pytest.mark.parametrize("ending", [ExecutionStatus.FAILED, ExecutionStatus.CANCELLED])
    def test_a_compensation_ends_where_it_was_going(
        self, store: CheckpointStore, ending: ExecutionStatus
    ) -> None:
        held = compensate(store, begin(store), ending)
        error = make_error() if ending is ExecutionStatus.FAILED else None

        store.finish(held, ending, error)

        execution = store.load_execution(held.execution_id)
        assert (execution.status, execution.ending, execution.wake_at) == (ending, None, None)
        assert execution.error == (error.to_text() if error else None)

    def test_a_compensation_survives_its_worker(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = compensate(store, begin(store), ExecutionStatus.CANCELLED)

        again = take_over(store, clock, held)

        assert again.status is ExecutionStatus.COMPENSATING
        assert again.execution.ending is ExecutionStatus.CANCELLED

    @pytest.mark.parametrize("reason", ParkReason)
    def test_a_parked_execution_says_why_and_has_no_alarm(
        self, store: CheckpointStore, reason: ParkReason
    ) -> None:
        held = begin_furnished(store)

        store.park(held, reason, make_error())

        execution = store.load_execution(held.execution_id)
        assert (execution.status, execution.park_reason) == (ExecutionStatus.PARKED, reason)
        assert (execution.wake_at, execution.finished_at) == (None, None)
        assert execution.error == make_error().to_text()
        assert _fates(store, held)[0] == [SignalStatus.PENDING]

    def test_what_is_parked_out_of_a_compensation_remembers_where_it_was_going(
        self, store: CheckpointStore
    ) -> None:
        held = compensate(store, begin(store), ExecutionStatus.CANCELLED)

        store.park(held, ParkReason.COMPENSATION_FAILED, make_error())

        execution = store.load_execution(held.execution_id)
        assert (execution.status, execution.ending) == (
            ExecutionStatus.PARKED,
            ExecutionStatus.CANCELLED,
        )

    def test_a_paused_execution_keeps_its_signals_and_timers(self, store: CheckpointStore) -> None:
        held = begin_furnished(store)
        store.request_pause(held.execution_id)

        store.pause(held)

        execution = store.load_execution(held.execution_id)
        assert (execution.status, execution.wake_at) == (ExecutionStatus.PAUSED, None)
        assert _fates(store, held) == ([SignalStatus.PENDING], [TimerStatus.PENDING])

    @pytest.mark.parametrize("overtaken_by", ["resume", "cancel"])
    def test_a_pause_that_was_overtaken_loses_nothing(
        self, store: CheckpointStore, overtaken_by: str
    ) -> None:
        held = begin(store)
        store.request_pause(held.execution_id)
        if overtaken_by == "resume":
            store.resume(held.execution_id)
        else:
            store.request_cancel(held.execution_id, "customer", compensates=True)

        store.pause(held)

        execution = store.load_execution(held.execution_id)
        assert execution.status is ExecutionStatus.SUSPENDED
        assert is_due(store, held.execution_id)

    @pytest.mark.parametrize("status", ["completed", "failed", "parked", "paused"])
    def test_what_has_stopped_waits_for_nothing(self, store: CheckpointStore, status: str) -> None:
        held = begin(store)

        _stop(store, held, status)

        assert store.load_execution(held.execution_id).waiting_kind is WaitKind.NOTHING

    @pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
    def test_what_has_ended_never_changes(
        self, store: CheckpointStore, clock: ManualClock, status: str
    ) -> None:
        held = begin_furnished(store)
        _stop(store, held, status)
        before = look(store, held.execution_id)

        clock.advance(days=400)
        store.claim_due("default", 10, LEASE, ANA)
        store.claim_one(held.execution_id, LEASE, ANA)
        store.adopt_orphans(10)
        store.renew([held, replace(held, fence=held.fence + 1)], MINUTE)

        assert look(store, held.execution_id) == before


def _stop(store: CheckpointStore, held: Claim, status: str) -> None:
    if status == "completed":
        store.complete(held, "null")
    elif status == "parked":
        store.park(held, ParkReason.POISON, make_error())
    elif status == "paused":
        store.request_pause(held.execution_id)
        store.pause(held)
    else:
        ending = ExecutionStatus(status)
        store.finish(held, ending, make_error() if ending is ExecutionStatus.FAILED else None)
