"""Promises about starts whose key is taken."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from durable_django.domain.event import ActorKind, EventType
from durable_django.domain.execution import NewExecution
from durable_django.domain.limit import line_key
from durable_django.domain.status import ExecutionStatus, OnConflict
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_new_execution
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    HOUR,
    begin,
    claim,
    compensate,
    is_due,
    look,
    start,
    suspend,
)
from durable_django.testing.store_contract.limits import (
    KEY,
    due_of,
    end,
    is_held_back,
    new_under,
)

LINE = line_key("shop.order", "k")


def insert(store: CheckpointStore, *new: NewExecution) -> list[UUID]:
    """Insert executions of which each must be new."""
    inserted = store.insert_executions(new)
    assert all(is_new for _, is_new in inserted)
    assert [execution for execution, _ in inserted] == [
        store.load_execution(execution.id) for execution, _ in inserted
    ]
    return [execution.id for execution, _ in inserted]


def replacing(**fields: Any) -> NewExecution:
    """Return a start that replaces whoever has its key."""
    return make_new_execution(key="k", on_conflict=OnConflict.REPLACE, **fields)


def queueing(**fields: Any) -> NewExecution:
    """Return a start that stands in line behind whoever has its key."""
    line = {"limit_key": LINE, "limit_max": 1}
    return make_new_execution(key="k", on_conflict=OnConflict.QUEUE, **line, **fields)


def holder_of(store: CheckpointStore, key: str = "k") -> UUID | None:
    """Return who is found by the key."""
    found = store.find_execution_by_key("shop.order", key)
    return None if found is None else found.id


def complete(store: CheckpointStore, execution_id: UUID) -> None:
    """Claim it and end it."""
    end(store, claim(store, execution_id), ExecutionStatus.COMPLETED)


class ReplacingContract:
    """`on_conflict="replace"`."""

    def test_a_free_key_is_taken(self, store: CheckpointStore) -> None:
        [new] = insert(store, replacing())

        assert holder_of(store) == new
        assert store.list_events(new, after=0, limit=10) == []

    def test_the_key_is_the_new_one_s(self, store: CheckpointStore) -> None:
        old = start(store, key="k")

        [new] = insert(store, replacing())

        assert holder_of(store) == new
        assert store.load_execution(old).key == "k"
        assert (store.load_execution(old).holds_key, store.load_execution(new).holds_key) == (
            None,
            True,
        )

    @pytest.mark.parametrize("situation", ["pending", "running", "suspended", "paused"])
    def test_the_former_one_is_asked_to_cancel(
        self, store: CheckpointStore, clock: ManualClock, situation: str
    ) -> None:
        old = start(store, key="k")
        if situation in ("running", "suspended"):
            held = claim(store, old)
            if situation == "suspended":
                suspend(store, held, AN_HOUR)
        elif situation == "paused":
            store.request_pause(old)

        [new] = insert(store, replacing())

        execution = store.load_execution(old)
        assert execution.cancel_requested_at == clock.now()
        assert str(new) in execution.cancel_reason
        assert execution.cancel_compensates
        assert is_due(store, old) == (situation != "running")
        [event] = store.list_events(old, after=0, limit=10)
        assert (event.type, event.actor.kind) == (EventType.CANCEL_REQUESTED, ActorKind.WORKFLOW)
        assert (event.actor.id, event.reason) == (str(new), execution.cancel_reason)
        assert event.details["replaced_by"] == str(new)

    @pytest.mark.parametrize("situation", ["completed", "cancelled", "undoing"])
    def test_one_that_has_ended_or_undoes_only_gives_up_the_key(
        self, store: CheckpointStore, situation: str
    ) -> None:
        held = begin(store, key="k")
        if situation == "undoing":
            compensate(store, held)
        else:
            end(store, held, ExecutionStatus(situation))
        before = look(store, held.execution_id)

        [new] = insert(store, replacing())

        assert holder_of(store) == new
        after = look(store, held.execution_id)
        assert (after[0].status, after[0].cancel_requested_at) == (before[0].status, None)
        assert after[1:] == before[1:]
        assert store.list_events(held.execution_id, after=0, limit=10) == []

    def test_only_the_latest_of_many_is_left(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        """A debounce: each start puts the beginning off, and only the last one begins."""
        ids = []
        for _ in range(3):
            ids += insert(store, replacing(start_at=clock.now() + HOUR))
            clock.advance(HOUR / 2)

        cancelled = [bool(store.load_execution(one).cancel_requested_at) for one in ids]

        assert cancelled == [True, True, False]
        assert holder_of(store) == ids[-1]
        for one in ids[:2]:
            end(store, claim(store, one), ExecutionStatus.CANCELLED)
        clock.advance(HOUR / 2)
        assert due_of(store, ids) == [False, False, True]

    def test_of_two_in_one_call_the_second_stays(self, store: CheckpointStore) -> None:
        first, second = insert(store, replacing(), replacing())

        execution = store.load_execution(first)
        assert (execution.holds_key, bool(execution.cancel_requested_at)) == (None, True)
        assert holder_of(store) == second

    def test_a_plain_start_finds_the_one_that_holds_the_key(self, store: CheckpointStore) -> None:
        start(store, key="k")
        [new] = insert(store, replacing())

        [(execution, is_new)] = store.insert_executions([make_new_execution(key="k")])

        assert (execution.id, is_new) == (new, False)

    def test_to_refuse_is_left_to_the_caller(self, store: CheckpointStore) -> None:
        old = start(store, key="k")
        new = make_new_execution(key="k", on_conflict=OnConflict.RAISE)

        [(execution, is_new)] = store.insert_executions([new])

        assert (execution.id, is_new) == (old, False)

    def test_the_key_outlives_those_that_had_it(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        old = start(store, key="k")
        complete(store, old)
        [new] = insert(store, replacing())
        clock.advance(HOUR)

        ended = [ExecutionStatus.COMPLETED]
        assert store.delete_finished(before=clock.now(), statuses=ended, limit=10) == 1

        assert holder_of(store) == new

    def test_a_key_is_taken_over_under_a_limit_too(self, store: CheckpointStore) -> None:
        [(old, _)] = store.insert_executions([new_under(key=KEY) for _ in range(1)])
        [former] = insert(store, replacing(limit_key=KEY, limit_max=1))

        [new] = insert(store, replacing(limit_key=KEY, limit_max=1))

        assert [is_held_back(store, one) for one in (old.id, former, new)] == [False, True, True]
        assert is_due(store, former)
        end(store, claim(store, former), ExecutionStatus.CANCELLED)
        complete(store, old.id)
        assert is_due(store, new)
