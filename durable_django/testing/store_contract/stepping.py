"""Promises about recording steps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import (
    CheckpointStatus,
    ExecutionStatus,
)
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_checkpoint, make_error, make_outcome
from durable_django.testing.store_contract.arrange import (
    MINUTE,
    begin,
    essence,
    look,
    take_over,
)

_THREE_ATTEMPTS = 3


class SteppingContract:
    """`record_intent`, `record_outcome`, `run_atomic`, `record_progress`."""

    def test_an_intent_is_stored_as_given(self, store: CheckpointStore, clock: ManualClock) -> None:
        held = begin(store)
        intent = make_checkpoint(
            held.execution_id,
            "charge#2",
            name="charge",
            position=7,
            attempt=2,
            epoch=1,
            action="shop.gateway.charge",
            compensation="shop.gateway.refund",
            input="[5, 100]",
            input_digest="a9993e364706816aba3e25717850c26c",
            started_at=clock.now(),
        )

        assert store.record_intent(held, intent) is None

        assert store.list_checkpoints(held.execution_id) == [intent]

    def test_an_intent_that_must_survive_more_is_an_intent(self, store: CheckpointStore) -> None:
        held = begin(store)
        intent = make_checkpoint(held.execution_id)

        answer = store.record_intent(held, intent, must_survive=True)

        assert answer is None
        assert [essence(one) for one in store.list_checkpoints(held.execution_id)] == [
            essence(intent)
        ]

    def test_an_outcome_closes_the_intent_s_own_row(self, store: CheckpointStore) -> None:
        held = begin(store)
        intent = make_checkpoint(held.execution_id, input="[5]", action="shop.charge")
        store.record_intent(held, intent)
        outcome = replace(intent, status=CheckpointStatus.COMPLETED, output='"ok"')

        store.record_outcome(held, outcome)

        [stored] = store.list_checkpoints(held.execution_id)
        assert essence(stored) == essence(outcome)

    def test_an_outcome_without_an_intent_is_inserted(self, store: CheckpointStore) -> None:
        held = begin(store)
        outcome = make_outcome(held.execution_id)

        store.record_outcome(held, outcome)

        [stored] = store.list_checkpoints(held.execution_id)
        assert essence(stored) == essence(outcome)

    @pytest.mark.parametrize("has_intent", [True, False], ids=["with_intent", "without_intent"])
    def test_an_attempt_is_closed_once(self, store: CheckpointStore, *, has_intent: bool) -> None:
        held = begin(store)
        if has_intent:
            store.record_intent(held, make_checkpoint(held.execution_id))
        store.record_outcome(held, make_outcome(held.execution_id, output='"first"'))
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.record_outcome(held, make_outcome(held.execution_id, output='"second"'))

        assert look(store, held.execution_id) == before

    def test_a_failure_is_no_less_final_than_a_success(self, store: CheckpointStore) -> None:
        held = begin(store)
        failed = make_outcome(held.execution_id, status=CheckpointStatus.FAILED, output=None)
        store.record_outcome(held, failed)

        with pytest.raises(LeaseLost):
            store.record_outcome(held, make_outcome(held.execution_id))

    def test_every_attempt_has_its_row(self, store: CheckpointStore, clock: ManualClock) -> None:
        held = begin(store)
        error = make_error().to_text()
        for attempt in range(1, _THREE_ATTEMPTS):
            intent = make_checkpoint(held.execution_id, attempt=attempt)
            store.record_intent(held, intent)
            failed = replace(
                intent,
                status=CheckpointStatus.FAILED,
                error=error,
                retry_at=clock.now() + MINUTE / 7,
            )
            store.record_outcome(held, failed)
        last = make_checkpoint(held.execution_id, attempt=_THREE_ATTEMPTS)
        store.record_intent(held, last)
        store.record_outcome(held, replace(last, status=CheckpointStatus.COMPLETED))

        rows = store.list_checkpoints(held.execution_id)

        assert [(row.attempt, str(row.status)) for row in rows] == [
            (1, "failed"),
            (2, "failed"),
            (3, "completed"),
        ]
        assert [row.error for row in rows] == [error, error, None]
        assert rows[0].retry_at == clock.now() + MINUTE / 7

    def test_a_final_failure_keeps_its_error_and_fallback(self, store: CheckpointStore) -> None:
        held = begin(store)
        failed = make_outcome(
            held.execution_id,
            status=CheckpointStatus.FAILED,
            output='"fallback"',
            error=make_error().to_text(),
            is_final=True,
        )

        store.record_outcome(held, failed)

        [stored] = store.list_checkpoints(held.execution_id)
        assert essence(stored) == essence(failed)

    def test_one_key_in_two_executions_is_two_rows(self, store: CheckpointStore) -> None:
        first, second = begin(store), begin(store)
        store.record_outcome(first, make_outcome(first.execution_id, output="1"))

        store.record_outcome(second, make_outcome(second.execution_id, output="2"))

        [kept] = store.list_checkpoints(first.execution_id)
        assert kept.output == "1"

    def test_keys_of_checkpoints_differ_by_case(self, store: CheckpointStore) -> None:
        held = begin(store)
        for key in ("charge", "Charge"):
            store.record_outcome(held, make_outcome(held.execution_id, key, output=f'"{key}"'))

        rows = store.list_checkpoints(held.execution_id)

        assert {row.key: row.output for row in rows} == {
            "charge": '"charge"',
            "Charge": '"Charge"',
        }

    def test_what_one_slice_recorded_the_next_one_finds(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        store.record_outcome(held, make_outcome(held.execution_id, "reserve"))
        store.record_intent(held, make_checkpoint(held.execution_id, "charge", position=2))

        again = take_over(store, clock, held)

        assert [(row.key, str(row.status)) for row in again.checkpoints] == [
            ("reserve", "completed"),
            ("charge", "intent"),
        ]

    def test_an_atomic_step_returns_and_stores_what_its_action_made(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        attempt = make_checkpoint(held.execution_id)
        outcome = replace(attempt, status=CheckpointStatus.COMPLETED, output='"ok"')

        answer = store.run_atomic(held, attempt, lambda: outcome)

        assert isinstance(answer, Checkpoint)
        assert essence(answer) == essence(outcome)
        [stored] = store.list_checkpoints(held.execution_id)
        assert essence(stored) == essence(outcome)

    def test_an_atomic_step_runs_its_action_once(self, store: CheckpointStore) -> None:
        held = begin(store)
        runs: list[int] = []

        def act() -> Checkpoint:
            runs.append(1)
            return make_outcome(held.execution_id)

        store.run_atomic(held, make_checkpoint(held.execution_id), act)

        assert len(runs) == 1

    def test_an_atomic_step_whose_action_raises_writes_nothing(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        before = look(store, held.execution_id)

        def act() -> Checkpoint:
            raise KeyError("no such order")

        with pytest.raises(KeyError, match="no such order"):
            store.run_atomic(held, make_checkpoint(held.execution_id), act)

        assert look(store, held.execution_id) == before
        store.record_outcome(held, make_outcome(held.execution_id, status=CheckpointStatus.FAILED))

    def test_progress_is_what_was_said_last(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.record_progress(held, {"done": 1, "of": 100})

        store.record_progress(held, {"done": 2, "files": ["a", "ü"], "inner": {"share": 0.02}})

        expected = {"done": 2, "files": ["a", "ü"], "inner": {"share": 0.02}}
        assert store.load_execution(held.execution_id).progress == expected

    def test_progress_survives_the_slice(self, store: CheckpointStore, clock: ManualClock) -> None:
        held = begin(store)
        store.record_progress(held, {"done": 48})

        again = take_over(store, clock, held)

        assert again.execution.progress == {"done": 48}

    def test_recording_leaves_the_lease_and_the_status_alone(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        before = store.load_execution(held.execution_id)
        clock.advance(seconds=1)

        store.record_intent(held, make_checkpoint(held.execution_id))
        store.record_outcome(held, make_outcome(held.execution_id))

        after = store.load_execution(held.execution_id)
        assert (after.status, after.wake_at, after.fence) == (
            ExecutionStatus.RUNNING,
            before.wake_at,
            before.fence,
        )

    def test_a_hundred_steps_are_a_hundred_rows_in_order(self, store: CheckpointStore) -> None:
        held = begin(store)
        keys = ["step", *(f"step#{number}" for number in range(2, 101))]
        for position, key in enumerate(keys, start=1):
            store.record_outcome(
                held, make_outcome(held.execution_id, key, name="step", position=position)
            )

        rows = store.list_checkpoints(held.execution_id)

        assert [row.key for row in rows] == keys
        assert store.complete(held, "null") is None
        assert store.claim_one(held.execution_id, MINUTE, "") is None
