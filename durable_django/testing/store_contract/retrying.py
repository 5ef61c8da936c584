"""Promises about running again what has failed."""

from __future__ import annotations

import pytest

from durable_django.domain.status import (
    CheckpointStatus,
    ExecutionStatus,
    Interrupt,
    ParkReason,
)
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error, make_outcome
from durable_django.testing.store_contract.arrange import (
    HOUR,
    MINUTE,
    SITUATIONS,
    begin,
    claim,
    compensate,
    is_due,
    take_over,
)

_RETRYABLE = ("failed", "parked", "parked_undoing")


class RetryingContract:
    """`retry`."""

    @pytest.mark.parametrize("situation", _RETRYABLE)
    def test_a_retry_makes_it_due_in_the_next_epoch(
        self, store: CheckpointStore, clock: ManualClock, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        before = store.load_execution(execution_id)
        clock.advance(MINUTE)

        status = store.retry(execution_id)

        after = store.load_execution(execution_id)
        assert after.status is status
        assert after.epoch == before.epoch + 1
        assert after.wake_at == clock.now()
        assert (after.park_reason, after.finished_at) == (None, None)
        # What a compensation undoes for is told when it ends.
        assert after.error == (before.error if situation == "parked_undoing" else None)

    @pytest.mark.parametrize("situation", _RETRYABLE)
    def test_a_retried_execution_can_be_claimed_and_that_is_no_recovery(
        self, store: CheckpointStore, situation: str
    ) -> None:
        execution_id = SITUATIONS[situation](store)
        fence = store.load_execution(execution_id).fence
        store.retry(execution_id)

        held = claim(store, execution_id)

        assert held.fence > fence
        assert held.execution.recoveries == 0

    def test_completed_checkpoints_stay(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.record_outcome(held, make_outcome(held.execution_id, "reserve"))
        failed = make_outcome(
            held.execution_id, "charge", position=2, status=CheckpointStatus.FAILED, is_final=True
        )
        store.record_outcome(held, failed)
        store.finish(held, ExecutionStatus.FAILED, make_error())

        store.retry(held.execution_id)

        rows = claim(store, held.execution_id).checkpoints
        assert [(row.key, str(row.status), row.epoch) for row in rows] == [
            ("reserve", "completed", 0),
            ("charge", "failed", 0),
        ]

    @pytest.mark.parametrize("is_parked", [True, False], ids=["parked", "failed"])
    def test_only_the_failed_call_that_ended_it_is_reopened(
        self, store: CheckpointStore, *, is_parked: bool
    ) -> None:
        held = begin(store)
        for position, key in enumerate(("handled", "fatal"), start=1):
            failed = make_outcome(
                held.execution_id,
                key,
                position=position,
                status=CheckpointStatus.FAILED,
                is_final=True,
            )
            store.record_outcome(held, failed)
        error = make_error(call="fatal")
        if is_parked:
            store.park(held, ParkReason.FAILURE, error)
        else:
            store.finish(held, ExecutionStatus.FAILED, error)

        store.retry(held.execution_id)

        rows = store.list_checkpoints(held.execution_id)
        assert [(row.key, row.is_final) for row in rows] == [("handled", True), ("fatal", False)]

    def test_an_undoing_goes_on_with_the_outcomes_it_had(self, store: CheckpointStore) -> None:
        held = compensate(store, begin(store))
        failed = make_outcome(
            held.execution_id, "fatal", status=CheckpointStatus.FAILED, is_final=True
        )
        store.record_outcome(held, failed)
        store.park(held, ParkReason.COMPENSATION_FAILED, make_error(call="fatal"))

        store.retry(held.execution_id)

        assert store.list_checkpoints(held.execution_id)[0].is_final

    def test_recoveries_are_forgotten(self, store: CheckpointStore, clock: ManualClock) -> None:
        held = take_over(store, clock, begin(store))
        store.park(held, ParkReason.POISON, make_error())

        store.retry(held.execution_id)

        assert store.load_execution(held.execution_id).recoveries == 0

    def test_a_passed_expiry_is_forgotten(self, store: CheckpointStore, clock: ManualClock) -> None:
        held = begin(store, expires_at=clock.now() + MINUTE)
        clock.advance(MINUTE)
        store.finish(held, ExecutionStatus.FAILED, make_error(code="expired"))

        store.retry(held.execution_id)

        assert store.load_execution(held.execution_id).expires_at is None
        assert store.complete(claim(store, held.execution_id), "null") is None

    def test_an_expiry_to_come_stays(self, store: CheckpointStore, clock: ManualClock) -> None:
        expires_at = clock.now() + HOUR
        held = begin(store, expires_at=expires_at)
        store.finish(held, ExecutionStatus.FAILED, make_error())

        store.retry(held.execution_id)

        assert store.load_execution(held.execution_id).expires_at == expires_at

    def test_a_noticed_cancel_or_pause_does_not_stop_it_again(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.request_pause(held.execution_id)
        store.request_cancel(held.execution_id, "customer", compensates=True)
        store.finish(held, ExecutionStatus.FAILED, make_error())

        store.retry(held.execution_id)

        execution = store.load_execution(held.execution_id)
        assert (execution.cancel_requested_at, execution.pause_requested_at) == (None, None)
        assert store.complete(claim(store, held.execution_id), "null") is None

    def test_a_cancel_that_nobody_acted_on_outlives_the_retry(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.request_cancel(held.execution_id, "customer", compensates=False)
        store.park(held, ParkReason.FAILURE, make_error())

        store.retry(held.execution_id)

        execution = store.load_execution(held.execution_id)
        assert execution.cancel_requested_at is not None
        assert (execution.cancel_reason, execution.cancel_compensates) == ("customer", False)
        assert store.complete(claim(store, held.execution_id), "null") is Interrupt.CANCEL

    def test_what_had_failed_after_its_compensation_runs_forwards_again(
        self, store: CheckpointStore
    ) -> None:
        held = compensate(store, begin(store))
        store.finish(held, ExecutionStatus.FAILED, make_error())

        assert store.retry(held.execution_id) is ExecutionStatus.PENDING

        again = claim(store, held.execution_id)
        assert again.status is ExecutionStatus.RUNNING
        assert store.complete(again, "null") is None

    @pytest.mark.parametrize("reason", ParkReason)
    @pytest.mark.parametrize("ending", [ExecutionStatus.FAILED, ExecutionStatus.CANCELLED])
    def test_what_was_parked_out_of_a_compensation_goes_on_compensating(
        self, store: CheckpointStore, ending: ExecutionStatus, reason: ParkReason
    ) -> None:
        held = compensate(store, begin(store), ending)
        store.park(held, reason, make_error())

        assert store.retry(held.execution_id) is ExecutionStatus.COMPENSATING

        again = claim(store, held.execution_id)
        assert again.status is ExecutionStatus.COMPENSATING
        assert again.execution.ending is ending
        store.finish(again, ending, None)
        assert store.load_execution(held.execution_id).status is ending

    def test_a_second_failure_can_be_retried_too(self, store: CheckpointStore) -> None:
        execution_id = SITUATIONS["failed"](store)
        store.retry(execution_id)
        store.finish(claim(store, execution_id), ExecutionStatus.FAILED, make_error())

        store.retry(execution_id)

        execution = store.load_execution(execution_id)
        assert (execution.epoch, execution.status) == (2, ExecutionStatus.PENDING)
        assert is_due(store, execution_id)
