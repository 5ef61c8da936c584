"""Promises about an execution that begins with another one's outcomes."""

from __future__ import annotations

from typing import Any

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import Execution
from durable_django.domain.status import CheckpointKind, CheckpointStatus, ExecutionStatus
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.factories import make_checkpoint, make_new_execution, make_outcome
from durable_django.testing.store_contract.arrange import begin, claim, compensate, essence

_KEPT = ("reserve", "charge", "ship")


class ForkingContract:
    """`insert_fork`."""

    def test_it_begins_with_the_outcomes_before_the_position(self, store: CheckpointStore) -> None:
        origin = _three_steps(store)

        fork = _fork(store, origin, 3)

        held = claim(store, fork.id)
        assert [row.key for row in held.checkpoints] == ["reserve", "charge"]
        before = [_as_of(row, fork) for row in store.list_checkpoints(origin.id)[:2]]
        assert [essence(row) for row in held.checkpoints] == [essence(row) for row in before]

    def test_it_is_a_pending_execution_of_its_own(self, store: CheckpointStore) -> None:
        origin = _three_steps(store)

        fork = _fork(store, origin, 2, epoch=4, subject="shop.order:991", tags=("eu",))

        read = store.load_execution(fork.id)
        assert (read.status, read.forked_from, read.epoch) == ("pending", origin.id, 4)
        assert (read.subject, read.tags, read.fence) == ("shop.order:991", ("eu",), 0)
        assert fork == read

    def test_the_origin_stays_as_it_is(self, store: CheckpointStore) -> None:
        origin = _three_steps(store)
        before = (store.load_execution(origin.id), store.list_checkpoints(origin.id))

        _fork(store, origin, 3)

        assert (store.load_execution(origin.id), store.list_checkpoints(origin.id)) == before

    def test_from_the_first_position_nothing_is_reused(self, store: CheckpointStore) -> None:
        fork = _fork(store, _three_steps(store), 1)

        assert store.list_checkpoints(fork.id) == []

    def test_all_attempts_come_along_but_those_without_an_end(self, store: CheckpointStore) -> None:
        held = begin(store)
        first = make_outcome(held.execution_id, status=CheckpointStatus.FAILED, output=None)
        store.record_outcome(held, first)
        store.record_outcome(held, make_outcome(held.execution_id, attempt=2))
        assert store.record_intent(held, make_checkpoint(held.execution_id, "ship")) is None

        fork = _fork(store, held.execution, 9)

        copied = [(row.key, row.attempt) for row in store.list_checkpoints(fork.id)]
        assert copied == [("charge", 1), ("charge", 2)]

    def test_items_of_a_map_come_along_with_their_map(self, store: CheckpointStore) -> None:
        held = begin(store)
        keys = [f"load/{number}" for number in range(300)]
        for key in keys:
            item = make_outcome(held.execution_id, key, kind=CheckpointKind.ITEM)
            store.record_outcome(held, item)
        store.record_outcome(held, make_outcome(held.execution_id, "load", kind=CheckpointKind.MAP))

        after, at = _fork(store, held.execution, 2), _fork(store, held.execution, 1)

        assert [row.key for row in store.list_items(after.id, keys)] == sorted(keys)
        assert (len(store.list_items(at.id, keys)), len(store.list_calls(after.id))) == (0, 1)

    def test_what_was_undone_comes_along_as_undone_and_its_undo_does_not(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        done = make_outcome(held.execution_id, compensation="shop.refund")
        store.record_outcome(held, done)
        compensate(store, held)
        undo = make_outcome(held.execution_id, "~undo/charge", kind=CheckpointKind.UNDO)
        store.record_undo(held, undo, done)
        store.finish(held, ExecutionStatus.FAILED, None)

        fork = _fork(store, held.execution, 9)

        [row] = store.list_checkpoints(fork.id)
        assert (row.key, row.status) == ("charge", "compensated")


def _three_steps(store: CheckpointStore) -> Execution:
    held = begin(store)
    for position, key in enumerate(_KEPT, start=1):
        store.record_outcome(held, make_outcome(held.execution_id, key, position=position))
    return store.load_execution(held.execution_id)


def _fork(
    store: CheckpointStore, origin: Execution, before_position: int, **fields: Any
) -> Execution:
    fields.setdefault("epoch", origin.epoch + 1)
    return store.insert_fork(make_new_execution(forked_from=origin.id, **fields), before_position)


def _as_of(row: Checkpoint, fork: Execution) -> Checkpoint:
    fields = {name: getattr(row, name) for name in Checkpoint.__slots__}
    return Checkpoint(**(fields | {"execution_id": fork.id}))
