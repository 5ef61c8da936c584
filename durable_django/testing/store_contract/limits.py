"""Promises about executions that share a limit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from durable_django.domain.claim import Claim
from durable_django.domain.execution import NewExecution
from durable_django.domain.limit import LimitFigures
from durable_django.domain.status import ExecutionStatus, Guarantee, ParkReason, WaitKind
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_error, make_new_execution
from durable_django.testing.store_contract.arrange import (
    ANA,
    FOR_PACKED,
    HOUR,
    LEASE,
    MICROSECOND,
    SECOND,
    claim,
    is_due,
    suspend,
)

KEY = "shop.order/tenant-7"


def new_under(most: int = 1, key: str = KEY, **fields: Any) -> NewExecution:
    """Return a start under a limit."""
    return make_new_execution(limit_key=key, limit_max=most, **fields)


def start_under(store: CheckpointStore, most: int = 1, key: str = KEY, **fields: Any) -> UUID:
    """Start an execution under a limit."""
    [(execution, _)] = store.insert_executions([new_under(most, key, **fields)])
    return execution.id


def is_held_back(store: CheckpointStore, execution_id: UUID) -> bool:
    """Say whether it waits for a place."""
    return store.load_execution(execution_id).waiting_kind is WaitKind.LIMIT


def due_of(store: CheckpointStore, ids: list[UUID]) -> list[bool]:
    """Say of each whether it could be claimed now."""
    return [is_due(store, execution_id) for execution_id in ids]


def end(store: CheckpointStore, held: Claim, status: ExecutionStatus) -> None:
    """End what is held."""
    if status is ExecutionStatus.COMPLETED:
        assert store.complete(held, "null") is None
    else:
        error = make_error() if status is ExecutionStatus.FAILED else None
        store.finish(held, status, error)


class LimitsContract:
    """Who is admitted under a limit, and when."""

    def test_what_has_a_place_begins_at_once(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        [(execution, _)] = store.insert_executions([new_under(2, priority=3)])

        assert store.load_execution(execution.id) == execution
        assert (execution.status, execution.wake_at) == (ExecutionStatus.PENDING, clock.now())
        assert (execution.waiting_kind, execution.waiting_for) == (WaitKind.NOTHING, "")
        assert (execution.limit_key, execution.limit_max) == (KEY, 2)

    def test_what_has_none_is_held_back(self, store: CheckpointStore, clock: ManualClock) -> None:
        start_under(store)

        [(execution, is_new)] = store.insert_executions([new_under()])

        assert is_new
        assert store.load_execution(execution.id) == execution
        assert (execution.status, execution.wake_at) == (ExecutionStatus.PENDING, None)
        assert (execution.waiting_kind, execution.waiting_for) == (WaitKind.LIMIT, KEY)
        clock.advance(days=400)
        assert len(store.claim_due("default", 10, LEASE, ANA)) == 1
        assert store.claim_one(execution.id, LEASE, ANA) is None

    @pytest.mark.parametrize(
        "status",
        [ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED],
    )
    def test_an_end_admits_the_next(
        self, store: CheckpointStore, clock: ManualClock, status: ExecutionStatus
    ) -> None:
        first, second, third = [start_under(store) for _ in range(3)]
        held = claim(store, first)
        clock.advance(SECOND)

        end(store, held, status)

        assert store.load_execution(second).wake_at == clock.now()
        assert due_of(store, [second, third]) == [True, False]
        assert not is_held_back(store, second)
        assert store.find_limit(KEY) == LimitFigures(key=KEY, max=1, admitted=1, waiting=1, ready=1)

    def test_the_end_of_an_undoing_admits_the_next(self, store: CheckpointStore) -> None:
        first, second = start_under(store), start_under(store)
        held = claim(store, first)
        store.begin_compensation(held, ExecutionStatus.FAILED, make_error())
        while_it_undoes = is_due(store, second)

        store.finish(held, ExecutionStatus.FAILED, make_error())

        assert (while_it_undoes, is_due(store, second)) == (False, True)

    @pytest.mark.parametrize("how", ["sleeps", "is_paused", "is_parked", "is_lost"])
    def test_a_place_is_kept_until_the_end(
        self, store: CheckpointStore, clock: ManualClock, how: str
    ) -> None:
        first, second = start_under(store), start_under(store)
        held = claim(store, first)
        if how == "sleeps":
            suspend(store, held, FOR_PACKED)
        elif how == "is_paused":
            store.request_pause(first)
            store.pause(held)
        elif how == "is_parked":
            store.park(held, ParkReason.POISON, make_error())
        clock.advance(HOUR)

        assert store.admit_waiting(10) == []
        assert is_held_back(store, second)

    def test_they_are_admitted_as_they_came(self, store: CheckpointStore) -> None:
        ids = [start_under(store) for _ in range(4)]

        for number, execution_id in enumerate(ids):
            assert due_of(store, ids[number:]) == [True] + [False] * (3 - number)
            end(store, claim(store, execution_id), ExecutionStatus.COMPLETED)

        assert store.find_limit(KEY) is None

    def test_priority_is_a_head_start_in_the_line(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        first = start_under(store)
        plain = start_under(store)
        clock.advance(SECOND)
        urgent = start_under(store, priority=1)

        end(store, claim(store, first), ExecutionStatus.COMPLETED)

        assert due_of(store, [plain, urgent]) == [False, True]

    def test_many_at_once_take_the_places_there_are(self, store: CheckpointStore) -> None:
        inserted = store.insert_executions([new_under(2) for _ in range(5)])

        ids = [execution.id for execution, _ in inserted]
        assert due_of(store, ids) == [True, True, False, False, False]
        assert [execution for execution, _ in inserted] == [store.load_execution(i) for i in ids]

    def test_every_key_has_its_own_limit(self, store: CheckpointStore) -> None:
        keys = [KEY, KEY.upper(), "shop.order/tenant-8", "shop.order"]

        inserted = store.insert_executions([new_under(1, key) for key in keys * 2])

        ids = [execution.id for execution, _ in inserted]
        assert due_of(store, ids) == [True] * 4 + [False] * 4

    def test_those_without_a_limit_are_left_alone(self, store: CheckpointStore) -> None:
        start_under(store)

        inserted = store.insert_executions([new_under(), make_new_execution()])

        assert [execution.waiting_kind for execution, _ in inserted] == [
            WaitKind.LIMIT,
            WaitKind.NOTHING,
        ]

    def test_only_its_own_process_begins_a_foreground_one(self, store: CheckpointStore) -> None:
        first = start_under(store)
        own = start_under(store, guarantee=Guarantee.FOREGROUND)
        early = store.claim_one(own, LEASE, ANA)

        end(store, claim(store, first), ExecutionStatus.COMPLETED)

        assert early is None
        assert store.claim_due("default", 10, LEASE, ANA) == []
        assert store.claim_one(own, LEASE, ANA) is not None

    # --- the number ---

    def test_the_latest_start_says_how_many(self, store: CheckpointStore) -> None:
        ids = [start_under(store, 1) for _ in range(3)]

        ids.append(start_under(store, 3))

        assert due_of(store, ids) == [True, True, True, False]

    def test_nobody_is_admitted_above_a_lowered_limit(self, store: CheckpointStore) -> None:
        ids = [start_under(store, 3) for _ in range(4)]
        last = start_under(store, 1)

        for execution_id in ids[:2]:
            end(store, claim(store, execution_id), ExecutionStatus.COMPLETED)
            assert due_of(store, [ids[3], last]) == [False, False]
        end(store, claim(store, ids[2]), ExecutionStatus.COMPLETED)

        assert due_of(store, [ids[3], last]) == [True, False]

    # --- later ---

    def test_a_delayed_start_takes_no_place_before_its_time(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        begins = clock.now() + HOUR
        later = start_under(store, start_at=begins)
        now = start_under(store)
        assert store.next_admission() == begins
        end(store, claim(store, now), ExecutionStatus.COMPLETED)

        clock.set(begins - MICROSECOND)
        early = store.admit_waiting(10), is_held_back(store, later)
        clock.set(begins)

        assert early == ([], True)
        assert store.admit_waiting(10) == ["default"]
        assert store.load_execution(later).wake_at == begins
        assert store.next_admission() is None

    def test_an_end_admits_what_became_ready_meanwhile(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        first = start_under(store)
        later = start_under(store, start_at=clock.now() + HOUR)
        held = claim(store, first)
        clock.advance(HOUR)

        end(store, held, ExecutionStatus.COMPLETED)

        assert is_due(store, later)

    def test_housekeeping_finds_nothing_to_do(self, store: CheckpointStore) -> None:
        before = store.admit_waiting(10)
        start_under(store)
        held_back = start_under(store)

        assert (before, store.admit_waiting(10), store.admit_waiting(0)) == ([], [], [])
        assert is_held_back(store, held_back)
