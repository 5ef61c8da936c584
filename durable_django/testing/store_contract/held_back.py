"""Promises about what is done to executions that a limit holds back."""

from __future__ import annotations

from uuid import UUID

import pytest

from durable_django.domain.execution import Execution
from durable_django.domain.limit import LimitFigures, line_key
from durable_django.domain.status import ExecutionStatus, ParkReason, WaitKind
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error
from durable_django.testing.store_contract.arrange import HOUR, claim, is_due, status_of
from durable_django.testing.store_contract.limits import (
    KEY,
    due_of,
    end,
    is_held_back,
    start_under,
)

#: Housekeeping comes to the keys in the order of their text.
LINE_BEFORE = line_key("shop.order", "k")
BEHIND = "~map/7"


class HeldBackContract:
    """What is done to executions that are held back."""

    @pytest.fixture
    def first(self, store: CheckpointStore) -> UUID:
        """Has the only place."""
        return start_under(store)

    def test_a_cancel_wakes_it(
        self, store: CheckpointStore, clock: ManualClock, first: UUID
    ) -> None:
        cancelled, next_one = start_under(store), start_under(store)
        assert store.request_cancel(cancelled, "customer", compensates=True)
        held = claim(store, cancelled)

        end(store, held, ExecutionStatus.CANCELLED)

        assert held.execution.cancel_requested_at == clock.now()
        assert due_of(store, [first, next_one]) == [True, False]
        end(store, claim(store, first), ExecutionStatus.COMPLETED)
        assert is_due(store, next_one)

    def test_one_that_is_to_be_cancelled_takes_no_place(
        self, store: CheckpointStore, first: UUID
    ) -> None:
        cancelled, next_one = start_under(store), start_under(store)
        store.request_cancel(cancelled, "customer", compensates=True)

        end(store, claim(store, first), ExecutionStatus.COMPLETED)

        assert is_due(store, next_one)

    def test_it_expires(self, store: CheckpointStore, clock: ManualClock, first: UUID) -> None:
        expires_at = clock.now() + HOUR
        short = start_under(store, expires_at=expires_at)
        next_one = start_under(store)
        alarm = store.load_execution(short).wake_at
        clock.set(expires_at)

        end(store, claim(store, short), ExecutionStatus.FAILED)

        assert alarm == expires_at
        assert is_held_back(store, next_one)

    def test_it_forgets_the_alarm_of_its_expiry_when_it_is_admitted(
        self, store: CheckpointStore, clock: ManualClock, first: UUID
    ) -> None:
        short = start_under(store, expires_at=clock.now() + HOUR)

        end(store, claim(store, first), ExecutionStatus.COMPLETED)

        assert store.load_execution(short).wake_at == clock.now()

    def test_a_paused_one_is_passed_over(self, store: CheckpointStore, first: UUID) -> None:
        paused, next_one = start_under(store), start_under(store)
        assert store.request_pause(paused)

        end(store, claim(store, first), ExecutionStatus.COMPLETED)

        assert status_of(store, paused) is ExecutionStatus.PAUSED
        assert is_due(store, next_one)

    def test_limits_where_nobody_can_go_are_in_no_other_s_way(
        self, store: CheckpointStore, clock: ManualClock, first: UUID
    ) -> None:
        paused, cancelled = start_under(store), start_under(store)
        store.request_pause(paused)
        store.request_cancel(cancelled, "customer", compensates=True)
        later = start_under(store, key=LINE_BEFORE, start_at=clock.now() + 2 * HOUR)
        behind = start_under(store, key=LINE_BEFORE)
        end(store, claim(store, first), ExecutionStatus.COMPLETED)
        ready = start_under(store, key=BEHIND, start_at=clock.now() + HOUR)
        clock.advance(HOUR)

        # Each has a place that is free, and somebody whose time has come.
        admitted = [store.admit_waiting(1) for _ in range(3)]

        assert ["default"] in admitted
        assert due_of(store, [ready, later, behind]) == [True, False, False]

    def test_a_resume_does_not_lead_past_the_limit(
        self, store: CheckpointStore, first: UUID
    ) -> None:
        paused, next_one = start_under(store), start_under(store)
        store.request_pause(paused)

        assert store.resume(paused)

        assert is_held_back(store, paused)
        assert store.load_execution(paused).wake_at is None
        end(store, claim(store, first), ExecutionStatus.COMPLETED)
        assert due_of(store, [paused, next_one]) == [True, False]
        assert store.load_execution(paused).waiting_kind is WaitKind.YIELD

    def test_a_resume_admits_it_if_there_is_a_place(
        self, store: CheckpointStore, first: UUID
    ) -> None:
        paused = start_under(store)
        store.request_pause(paused)
        end(store, claim(store, first), ExecutionStatus.COMPLETED)

        store.resume(paused)

        assert is_due(store, paused)

    def test_a_paused_one_can_be_cancelled(self, store: CheckpointStore, first: UUID) -> None:
        paused = start_under(store)
        store.request_pause(paused)
        store.request_cancel(paused, "customer", compensates=True)

        end(store, claim(store, paused), ExecutionStatus.CANCELLED)

        assert store.find_limit(KEY) == LimitFigures(key=KEY, max=1, admitted=1, waiting=0, ready=0)

    def test_one_that_has_its_place_is_resumed_at_once(
        self, store: CheckpointStore, first: UUID
    ) -> None:
        start_under(store)
        store.request_pause(first)

        store.resume(first)

        assert is_due(store, first)

    def test_a_retry_waits_for_a_place_again(self, store: CheckpointStore, first: UUID) -> None:
        next_one = start_under(store)
        end(store, claim(store, first), ExecutionStatus.FAILED)

        assert store.retry(first) is ExecutionStatus.PENDING

        assert is_held_back(store, first)
        end(store, claim(store, next_one), ExecutionStatus.COMPLETED)
        assert is_due(store, first)

    def test_a_retry_takes_a_place_that_is_free(self, store: CheckpointStore, first: UUID) -> None:
        end(store, claim(store, first), ExecutionStatus.FAILED)

        store.retry(first)

        assert is_due(store, first)
        assert is_held_back(store, start_under(store))

    def test_a_retry_of_what_is_parked_keeps_its_place(
        self, store: CheckpointStore, first: UUID
    ) -> None:
        next_one = start_under(store)
        store.park(claim(store, first), ParkReason.POISON, make_error())

        store.retry(first)

        assert due_of(store, [first, next_one]) == [True, False]

    def test_a_retry_of_what_was_parked_before_it_was_admitted_waits(
        self, store: CheckpointStore, clock: ManualClock, first: UUID
    ) -> None:
        short = start_under(store, expires_at=clock.now() + HOUR)
        clock.advance(HOUR)
        store.park(claim(store, short), ParkReason.POISON, make_error())

        store.retry(short)

        assert is_held_back(store, short)
        end(store, claim(store, first), ExecutionStatus.COMPLETED)
        assert is_due(store, short)

    def test_a_signal_does_not_wake_it(self, store: CheckpointStore, first: UUID) -> None:
        held_back = start_under(store)

        store.add_signal(held_back, "packed", "1")

        assert is_held_back(store, held_back)

    def test_it_has_nothing_to_hasten(self, store: CheckpointStore, first: UUID) -> None:
        held_back = start_under(store)

        assert not store.hasten(held_back, "packed")
        assert is_held_back(store, held_back)

    def test_what_ended_can_be_deleted(
        self, store: CheckpointStore, clock: ManualClock, first: UUID
    ) -> None:
        end(store, claim(store, first), ExecutionStatus.COMPLETED)
        clock.advance(HOUR)

        ended = [ExecutionStatus.COMPLETED]
        assert store.delete_finished(before=clock.now(), statuses=ended, limit=10) == 1

    def test_it_is_listed_as_pending(self, store: CheckpointStore, first: UUID) -> None:
        held_back = start_under(store)

        pending: list[Execution] = store.list_executions(status=[ExecutionStatus.PENDING])

        assert {execution.id for execution in pending} == {first, held_back}
