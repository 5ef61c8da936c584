"""Promises about who may write, and when a slice must stop: for every method of a slice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from durable_django.domain.claim import Claim
from durable_django.domain.status import ExecutionStatus, Interrupt, ParkReason
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error, make_outcome
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    ANA,
    AT_ONCE,
    CAUSES,
    HOUR,
    LEASE,
    RETRY_LATER,
    claim,
    compensate,
    look,
    take_over,
)
from durable_django.testing.store_contract.slice_methods import (
    INTERRUPTIBLE,
    SLICE_METHODS,
    begin_furnished,
    methods_returning_an_interrupt,
    methods_taking_a_claim,
)


def _delete(store: CheckpointStore, held: Claim) -> None:
    store.finish(held, ExecutionStatus.FAILED, make_error())
    before = store.now() + HOUR
    store.delete_finished(before=before, statuses=[ExecutionStatus.FAILED], limit=10)


#: How a slice may lose an execution although nobody else claimed it: its fence is unchanged.
_ENDS: dict[str, Callable[[CheckpointStore, Claim], object]] = {
    "suspended": lambda store, held: store.suspend(held, AN_HOUR),
    "released": lambda store, held: store.release(held, AT_ONCE),
    "paused": lambda store, held: store.pause(held),
    "parked": lambda store, held: store.park(held, ParkReason.POISON, make_error()),
    "completed": lambda store, held: store.complete(held, '"first"'),
    "failed": lambda store, held: store.finish(held, ExecutionStatus.FAILED, make_error()),
    "cancelled": lambda store, held: store.finish(held, ExecutionStatus.CANCELLED, None),
    "waiting_to_undo": lambda store, held: store.suspend(compensate(store, held), RETRY_LATER),
    "released_undoing": lambda store, held: store.release(compensate(store, held), AT_ONCE),
    "parked_undoing": lambda store, held: store.park(
        compensate(store, held), ParkReason.COMPENSATION_FAILED, make_error()
    ),
}


class FencingContract:
    """The fence and the interrupts, over all methods that a slice writes with."""

    def test_the_contract_knows_every_method_that_takes_a_claim(self) -> None:
        assert set(SLICE_METHODS) == methods_taking_a_claim()
        assert set(INTERRUPTIBLE) == methods_returning_an_interrupt()

    @pytest.mark.parametrize("method", SLICE_METHODS)
    def test_the_holder_may_write(self, store: CheckpointStore, method: str) -> None:
        held = begin_furnished(store)

        answer = SLICE_METHODS[method](store, held)

        assert not isinstance(answer, Interrupt)

    @pytest.mark.parametrize("method", SLICE_METHODS)
    def test_under_an_old_fence_nothing_is_written(
        self, store: CheckpointStore, clock: ManualClock, method: str
    ) -> None:
        lost = begin_furnished(store)
        take_over(store, clock, lost)
        before = look(store, lost.execution_id)

        with pytest.raises(LeaseLost):
            SLICE_METHODS[method](store, lost)

        assert look(store, lost.execution_id) == before

    @pytest.mark.parametrize("method", SLICE_METHODS)
    def test_under_an_old_fence_nothing_is_written_to_a_compensation(
        self, store: CheckpointStore, clock: ManualClock, method: str
    ) -> None:
        lost = begin_furnished(store)
        compensate(store, take_over(store, clock, lost))
        before = look(store, lost.execution_id)

        with pytest.raises(LeaseLost):
            SLICE_METHODS[method](store, lost)

        assert look(store, lost.execution_id) == before

    @pytest.mark.parametrize("method", SLICE_METHODS)
    @pytest.mark.parametrize("end", _ENDS)
    def test_what_was_let_go_is_no_longer_written(
        self, store: CheckpointStore, end: str, method: str
    ) -> None:
        held = begin_furnished(store)
        _ENDS[end](store, held)
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            SLICE_METHODS[method](store, held)

        assert look(store, held.execution_id) == before

    @pytest.mark.parametrize(
        "method",
        [
            name
            for name in SLICE_METHODS
            # It takes its signal from the store, where there is none any more.
            if name != "deliver_signal"
        ],
    )
    def test_what_was_deleted_is_no_longer_written(
        self, store: CheckpointStore, method: str
    ) -> None:
        held = begin_furnished(store)
        _delete(store, held)

        with pytest.raises(LeaseLost):
            SLICE_METHODS[method](store, held)

        assert store.list_executions() == []
        assert store.renew([held], LEASE) == set()

    def test_what_a_retry_revived_is_not_the_old_slice_s(self, store: CheckpointStore) -> None:
        held = compensate(store, begin_furnished(store))
        store.park(held, ParkReason.COMPENSATION_FAILED, make_error())
        store.retry(held.execution_id)
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.record_outcome(held, make_outcome(held.execution_id))

        assert store.renew([held], LEASE) == set()
        assert look(store, held.execution_id) == before

    def test_a_slice_whose_lease_lapsed_may_write_until_another_claims(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin_furnished(store)
        clock.advance(HOUR)

        store.record_outcome(held, make_outcome(held.execution_id, position=2))

        assert store.complete(held, "null") is None

    @pytest.mark.parametrize("method", INTERRUPTIBLE)
    @pytest.mark.parametrize("interrupt", CAUSES, ids=str)
    def test_an_interrupt_is_returned_and_nothing_written(
        self, store: CheckpointStore, clock: ManualClock, interrupt: Interrupt, method: str
    ) -> None:
        held = begin_furnished(store, expires_at=clock.now() + LEASE / 2)
        CAUSES[interrupt](store, clock, held.execution_id)
        before = look(store, held.execution_id)

        answer = SLICE_METHODS[method](store, held)

        assert answer is interrupt
        assert look(store, held.execution_id) == before

    @pytest.mark.parametrize("method", INTERRUPTIBLE)
    @pytest.mark.parametrize("interrupt", CAUSES, ids=str)
    def test_a_compensation_is_never_interrupted(
        self, store: CheckpointStore, clock: ManualClock, interrupt: Interrupt, method: str
    ) -> None:
        held = begin_furnished(store, expires_at=clock.now() + LEASE / 2)
        CAUSES[interrupt](store, clock, held.execution_id)
        compensate(store, held)

        answer = None
        with suppress(LeaseLost):  # what a compensation does not do is refused, not interrupted
            answer = SLICE_METHODS[method](store, held)

        assert not isinstance(answer, Interrupt)
        assert store.load_execution(held.execution_id).status is ExecutionStatus.COMPENSATING

    @pytest.mark.parametrize("method", sorted(set(SLICE_METHODS) - set(INTERRUPTIBLE) - {"pause"}))
    def test_what_has_happened_is_written_although_a_cancel_was_requested(
        self, store: CheckpointStore, method: str
    ) -> None:
        held = begin_furnished(store)
        before = store.load_execution(held.execution_id)
        store.request_cancel(held.execution_id, "customer", compensates=True)

        SLICE_METHODS[method](store, held)

        after = store.load_execution(held.execution_id)
        assert after.fence == before.fence

    def test_a_cancel_comes_before_every_other_interrupt(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin_furnished(store, expires_at=clock.now() + LEASE / 2)
        store.request_pause(held.execution_id)
        store.request_cancel(held.execution_id, "customer", compensates=True)
        clock.advance(LEASE / 2)

        assert store.complete(held, "null") is Interrupt.CANCEL

    def test_a_withdrawn_pause_interrupts_nothing(self, store: CheckpointStore) -> None:
        held = begin_furnished(store)
        store.request_pause(held.execution_id)
        store.resume(held.execution_id)

        assert store.complete(held, "null") is None

    def test_an_execution_is_not_expired_before_its_instant(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        expires_at = clock.now() + HOUR
        held = begin_furnished(store, expires_at=expires_at)
        clock.advance(HOUR - LEASE / 2)
        store.renew([held], LEASE)

        assert store.record_intent(held, make_outcome(held.execution_id, "ship")) is None

    def test_what_two_workers_claim_only_the_later_may_complete(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        first = begin_furnished(store)
        second = take_over(store, clock, first)

        assert store.complete(second, '"second"') is None
        with pytest.raises(LeaseLost):
            store.complete(first, '"first"')

        assert store.load_execution(first.execution_id).output == '"second"'

    def test_a_claim_is_lost_to_one_by_the_same_owner(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        first = begin_furnished(store)
        clock.advance(LEASE)
        assert claim(store, first.execution_id, ANA).fence > first.fence

        with pytest.raises(LeaseLost):
            store.complete(first, "null")
