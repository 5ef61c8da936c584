"""Promises about deleting what has ended."""

from __future__ import annotations

import pytest

from durable_django.domain.status import ExecutionStatus
from durable_django.exceptions import ExecutionNotFoundError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.store_contract.arrange import (
    HOUR,
    MICROSECOND,
    SITUATIONS,
    begin,
    look,
    start,
)
from durable_django.testing.store_contract.slice_methods import begin_furnished

_ENDED = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED)


class HousekeepingContract:
    """`delete_finished`, `count_finished`."""

    def test_only_what_has_ended_is_deleted(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        ids = {name: situation(store) for name, situation in SITUATIONS.items()}
        clock.advance(days=400)

        counted = store.count_finished(before=clock.now(), statuses=_ENDED)
        deleted = store.delete_finished(before=clock.now(), statuses=_ENDED, limit=100)

        ended = {ids[name] for name in ("completed", "failed", "cancelled")}
        assert counted == deleted == len(ended)
        assert {one.id for one in store.list_executions()} == {*ids.values()} - ended

    def test_a_status_that_is_no_end_is_never_deleted(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        for situation in SITUATIONS.values():
            situation(store)
        clock.advance(days=400)
        others = [status for status in ExecutionStatus if status not in _ENDED]

        assert store.count_finished(before=clock.now(), statuses=others) == 0
        assert store.delete_finished(before=clock.now(), statuses=others, limit=100) == 0
        assert len(store.list_executions()) == len(SITUATIONS)

    def test_only_the_statuses_asked_for_are_deleted(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        completed, failed = SITUATIONS["completed"](store), SITUATIONS["failed"](store)
        clock.advance(HOUR)

        deleted = store.delete_finished(
            before=clock.now(), statuses=[ExecutionStatus.COMPLETED], limit=100
        )

        assert deleted == 1
        assert [one.id for one in store.list_executions()] == [failed]
        with pytest.raises(ExecutionNotFoundError):
            store.load_execution(completed)

    def test_what_ended_since_is_kept(self, store: CheckpointStore, clock: ManualClock) -> None:
        old = SITUATIONS["completed"](store)
        ended_at = clock.now()
        clock.advance(HOUR)
        recent = SITUATIONS["completed"](store)

        at_the_instant = store.count_finished(before=ended_at, statuses=_ENDED)
        deleted = store.delete_finished(before=ended_at + MICROSECOND, statuses=_ENDED, limit=100)

        assert (at_the_instant, deleted) == (0, 1)
        assert [one.id for one in store.list_executions()] == [recent]
        assert old != recent

    def test_no_more_than_the_limit_are_deleted(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        for _ in range(5):
            SITUATIONS["completed"](store)
        clock.advance(HOUR)

        counts = [
            store.delete_finished(before=clock.now(), statuses=_ENDED, limit=2) for _ in range(4)
        ]

        assert counts == [2, 2, 1, 0]

    def test_all_that_is_its_own_goes_with_it_and_nothing_else(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        doomed, kept = begin_furnished(store), begin_furnished(store)
        store.complete(doomed, "null")
        before = look(store, kept.execution_id)
        clock.advance(HOUR)

        store.delete_finished(before=clock.now(), statuses=_ENDED, limit=100)

        assert store.list_checkpoints(doomed.execution_id) == []
        assert store.list_timers(doomed.execution_id) == []
        assert store.list_signals(doomed.execution_id) == []
        assert store.list_tasks(doomed.execution_id) == []
        assert look(store, kept.execution_id) == before

    def test_the_key_of_what_was_deleted_is_free_again(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store, key="order-5")
        store.complete(held, "null")
        clock.advance(HOUR)
        store.delete_finished(before=clock.now(), statuses=_ENDED, limit=100)

        assert store.find_execution_by_key("shop.order", "order-5") is None
        assert start(store, key="order-5") != held.execution_id
