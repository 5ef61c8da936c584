"""Promises about recording that a step was undone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
)
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.factories import make_checkpoint, make_outcome
from durable_django.testing.store_contract.arrange import (
    begin,
    compensate,
    essence,
    look,
)

_THREE_ATTEMPTS = 3


class UndoingContract:
    """`record_undo`, `run_atomic_undo`."""

    def test_an_undo_and_what_it_undid_are_marked_together(self, store: CheckpointStore) -> None:
        held = begin(store)
        done = make_outcome(held.execution_id, "reserve", output='"r-1"')
        kept = make_outcome(held.execution_id, "charge", position=2)
        store.record_outcome(held, done)
        store.record_outcome(held, kept)
        compensate(store, held)
        undo = _undo_of(done)
        store.record_intent(held, undo)

        store.record_undo(held, replace(undo, status=CheckpointStatus.COMPLETED), done)

        rows = {row.key: row for row in store.list_checkpoints(held.execution_id)}
        assert rows["reserve"].status is CheckpointStatus.COMPENSATED
        assert rows["reserve"].output == '"r-1"'
        assert rows["~undo/reserve"].status is CheckpointStatus.COMPLETED
        assert rows["charge"].status is CheckpointStatus.COMPLETED

    def test_an_undo_is_recorded_once(self, store: CheckpointStore) -> None:
        held = begin(store)
        done = make_outcome(held.execution_id, "reserve")
        store.record_outcome(held, done)
        compensate(store, held)
        undo = replace(_undo_of(done), status=CheckpointStatus.COMPLETED)
        store.record_undo(held, undo, done)

        with pytest.raises(LeaseLost):
            store.record_undo(held, undo, done)

    def test_an_undo_marks_the_attempt_that_succeeded(self, store: CheckpointStore) -> None:
        held = begin(store)
        failed = make_outcome(held.execution_id, status=CheckpointStatus.FAILED)
        done = make_outcome(held.execution_id, attempt=2)
        store.record_outcome(held, failed)
        store.record_outcome(held, done)
        compensate(store, held)

        store.record_undo(held, replace(_undo_of(done), status=CheckpointStatus.COMPLETED), done)

        charge = [row for row in store.list_checkpoints(held.execution_id) if row.key == "charge"]
        assert [row.status for row in charge] == [
            CheckpointStatus.FAILED,
            CheckpointStatus.COMPENSATED,
        ]

    def test_an_atomic_undo_writes_both_marks(self, store: CheckpointStore) -> None:
        held = begin(store)
        done = make_outcome(held.execution_id, "reserve")
        store.record_outcome(held, done)
        compensate(store, held)
        undo = _undo_of(done)
        undone = replace(undo, status=CheckpointStatus.COMPLETED)

        answer = store.run_atomic_undo(held, undo, done, lambda: undone)

        assert essence(answer) == essence(undone)
        assert {row.key: row.status for row in store.list_checkpoints(held.execution_id)} == {
            "reserve": CheckpointStatus.COMPENSATED,
            "~undo/reserve": CheckpointStatus.COMPLETED,
        }

    def test_an_atomic_undo_that_raises_writes_neither(self, store: CheckpointStore) -> None:
        held = begin(store)
        done = make_outcome(held.execution_id, "reserve")
        store.record_outcome(held, done)
        compensate(store, held)
        before = look(store, held.execution_id)

        def act() -> Checkpoint:
            raise KeyError("no such order")

        with pytest.raises(KeyError):
            store.run_atomic_undo(held, _undo_of(done), done, act)

        assert look(store, held.execution_id) == before


def _undo_of(done: Checkpoint) -> Checkpoint:
    return make_checkpoint(
        done.execution_id,
        f"~undo/{done.key}",
        kind=CheckpointKind.UNDO,
        position=done.position,
    )
