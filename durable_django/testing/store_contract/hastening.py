"""Promises about having a timer be over now."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durable_django.domain.identifiers import new_id
from durable_django.domain.status import CheckpointStatus, ExecutionStatus
from durable_django.exceptions import ExecutionNotFoundError, InvalidTransitionError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_outcome
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    FOR_PACKED,
    HOUR,
    RETRY_LATER,
    SITUATIONS,
    begin,
    claim,
    is_due,
    suspend,
)

_TIMED = replace(FOR_PACKED, after=HOUR, registers_timer=True)


class HasteningContract:
    """`hasten`."""

    @pytest.mark.parametrize(
        ("wait", "key"), [(AN_HOUR, "cooling_off"), (_TIMED, "packed")], ids=["sleep", "timeout"]
    )
    def test_a_pending_timer_is_due_now(
        self, store: CheckpointStore, clock: ManualClock, wait: object, key: str
    ) -> None:
        execution_id = suspend(store, begin(store), wait)  # type: ignore[arg-type]  # parametrized

        assert store.hasten(execution_id, key) is True

        [timer] = store.list_timers(execution_id)
        assert timer.fire_at == clock.now()
        assert is_due(store, execution_id)
        assert claim(store, execution_id).timers[key].fire_at == clock.now()

    def test_a_retry_that_was_put_off_is_due_now(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        retry_at = clock.now() + HOUR
        failed = make_outcome(
            held.execution_id, status=CheckpointStatus.FAILED, output=None, retry_at=retry_at
        )
        store.record_outcome(held, failed)
        execution_id = suspend(store, held, RETRY_LATER)

        assert store.hasten(execution_id, "charge") is True

        [row] = store.list_checkpoints(execution_id)
        assert row.retry_at == clock.now()
        assert is_due(store, execution_id)

    def test_a_second_time_changes_nothing(self, store: CheckpointStore) -> None:
        execution_id = suspend(store, begin(store), AN_HOUR)
        store.hasten(execution_id, "cooling_off")

        assert store.hasten(execution_id, "cooling_off") is False

    def test_another_key_changes_nothing(self, store: CheckpointStore) -> None:
        execution_id = suspend(store, begin(store), AN_HOUR)
        before = store.load_execution(execution_id)

        assert store.hasten(execution_id, "warming_up") is False

        assert store.load_execution(execution_id) == before

    def test_what_is_paused_stays_paused_and_finds_the_timer_due(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = suspend(store, begin(store), AN_HOUR)
        store.request_pause(execution_id)

        assert store.hasten(execution_id, "cooling_off") is True

        execution = store.load_execution(execution_id)
        assert (execution.status, execution.wake_at) == (ExecutionStatus.PAUSED, None)
        [timer] = store.list_timers(execution_id)
        assert timer.fire_at == clock.now()

    @pytest.mark.parametrize("situation", ["completed", "failed", "cancelled"])
    def test_what_has_ended_is_refused(self, store: CheckpointStore, situation: str) -> None:
        execution_id = SITUATIONS[situation](store)

        with pytest.raises(InvalidTransitionError):
            store.hasten(execution_id, "cooling_off")

    def test_the_unknown_is_refused(self, store: CheckpointStore) -> None:
        with pytest.raises(ExecutionNotFoundError):
            store.hasten(new_id(), "cooling_off")
