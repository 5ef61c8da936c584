from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import ExecutionStatus, Interrupt
from durable_django.domain.system_clock import SystemClock
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.memory import InMemoryCheckpointStore
from durable_django.testing import (
    ManualClock,
    make_checkpoint,
    make_new_execution,
    make_outcome,
)
from durable_django.testing.store_contract.arrange import (
    FOR_PACKED,
    LEASE,
    begin,
    look,
    start,
    take_over,
)

T = TypeVar("T")
THREADS = 8


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> InMemoryCheckpointStore:
    return InMemoryCheckpointStore(clock)


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(act, range(count)))


class TestDefaults:
    def test_without_a_clock_it_tells_the_system_s_time(self) -> None:
        before = SystemClock().now()

        assert before <= InMemoryCheckpointStore().now() <= SystemClock().now()

    def test_a_step_of_priority_is_worth_the_seconds_it_was_given(self, clock: ManualClock) -> None:
        store = InMemoryCheckpointStore(clock, priority_seconds=60)
        late = start(store)
        clock.advance(seconds=50)
        urgent = start(store, priority=1)

        claims = store.claim_due("default", 10, LEASE, "")

        assert [claim.execution_id for claim in claims] == [urgent, late]


class TestRunAtomic:
    # A database runs the action in its transaction: another worker's act comes from another
    # connection there, and only a store without connections can do it from inside the action.

    def test_a_cancel_during_an_atomic_action_wins(self, store: InMemoryCheckpointStore) -> None:
        held = begin(store)

        def act() -> Checkpoint:
            store.request_cancel(held.execution_id, "customer", compensates=True)
            return make_outcome(held.execution_id)

        answer = store.run_atomic(held, make_checkpoint(held.execution_id), act)

        assert answer is Interrupt.CANCEL
        assert store.list_checkpoints(held.execution_id) == []

    def test_a_claim_during_an_atomic_action_wins(
        self, store: InMemoryCheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)

        def act() -> Checkpoint:
            take_over(store, clock, held)
            return make_outcome(held.execution_id)

        with pytest.raises(LeaseLost):
            store.run_atomic(held, make_checkpoint(held.execution_id), act)

        assert store.list_checkpoints(held.execution_id) == []

    def test_a_claim_during_an_atomic_undo_wins(
        self, store: InMemoryCheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        done = make_outcome(held.execution_id, "reserve")
        store.record_outcome(held, done)
        undo = make_outcome(held.execution_id, "~undo/reserve")

        def act() -> Checkpoint:
            take_over(store, clock, held)
            return undo

        with pytest.raises(LeaseLost):
            store.run_atomic_undo(held, undo, done, act)

        assert [row.status for row in store.list_checkpoints(held.execution_id)] == [done.status]

    def test_an_action_that_may_not_begin_does_not(self, store: InMemoryCheckpointStore) -> None:
        held = begin(store)
        store.request_cancel(held.execution_id, "customer", compensates=True)

        def act() -> Checkpoint:
            pytest.fail("The action ran.")

        answer = store.run_atomic(held, make_checkpoint(held.execution_id), act)

        assert answer is Interrupt.CANCEL

    def test_other_threads_may_write_while_an_action_runs(
        self, store: InMemoryCheckpointStore
    ) -> None:
        held = begin(store)

        def act() -> Checkpoint:
            at_once(1, lambda _: store.add_signal(held.execution_id, "packed", "null"))
            return make_outcome(held.execution_id)

        store.run_atomic(held, make_checkpoint(held.execution_id), act)

        assert len(store.list_signals(held.execution_id)) == 1


class TestThreads:
    def test_one_of_many_starts_with_one_key_is_new(self, store: InMemoryCheckpointStore) -> None:
        answers = at_once(
            50, lambda _: store.insert_executions([make_new_execution(key="order-5")])[0]
        )

        assert sum(is_new for _, is_new in answers) == 1
        assert len({execution.id for execution, _ in answers}) == 1

    def test_every_execution_is_claimed_by_one(self, store: InMemoryCheckpointStore) -> None:
        ids = [start(store) for _ in range(100)]

        batches = at_once(60, lambda _: store.claim_due("default", 3, LEASE, ""))

        claimed = [claim.execution_id for batch in batches for claim in batch]
        assert sorted(claimed) == sorted(ids)

    def test_no_signal_is_lost_and_none_shares_a_position(
        self, store: InMemoryCheckpointStore
    ) -> None:
        held = begin(store)
        store.suspend(held, FOR_PACKED)

        at_once(100, lambda number: store.add_signal(held.execution_id, "packed", str(number)))

        signals = store.list_signals(held.execution_id)
        assert [signal.position for signal in signals] == list(range(1, 101))
        assert len({signal.payload for signal in signals}) == len(signals)

    def test_one_of_many_completes(self, store: InMemoryCheckpointStore) -> None:
        held = begin(store)

        def complete(number: int) -> bool:
            try:
                return store.complete(held, str(number)) is None
            except LeaseLost:
                return False

        assert sum(at_once(50, complete)) == 1
        assert store.load_execution(held.execution_id).status is ExecutionStatus.COMPLETED


class TestValues:
    def test_what_was_read_is_not_what_is_written(self, store: InMemoryCheckpointStore) -> None:
        held = begin(store)
        before = look(store, held.execution_id)

        store.add_signal(held.execution_id, "packed", "null")
        store.record_outcome(held, make_outcome(held.execution_id))
        store.suspend(held, FOR_PACKED)

        assert not any(before[1:])
        assert before[0].wake_at == store.now() + LEASE
        assert held.execution.status is ExecutionStatus.RUNNING
