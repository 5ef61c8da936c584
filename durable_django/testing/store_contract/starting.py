"""Promises about starting executions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.domain.execution import NewExecution
from durable_django.domain.identifiers import new_id
from durable_django.domain.status import ExecutionStatus, Guarantee, WaitKind
from durable_django.exceptions import ExecutionNotFoundError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_new_execution
from durable_django.testing.store_contract.arrange import HOUR, begin, look, start


class StartingContract:
    """`insert_executions` and finding what it inserted."""

    def test_the_clock_of_the_store_is_the_one_it_was_given(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        clock.advance(minutes=7)

        assert store.now() == clock.now()
        assert store.now().utcoffset() == timedelta(0)

    def test_a_start_is_pending_due_now_and_otherwise_untouched(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        new = make_new_execution()

        [(execution, is_new)] = store.insert_executions([new])

        assert is_new
        assert execution.status is ExecutionStatus.PENDING
        assert execution.wake_at == execution.created_at == execution.updated_at == clock.now()
        assert (execution.fence, execution.recoveries, execution.epoch) == (0, 0, 0)
        assert (execution.signal_count, execution.waiting_kind) == (0, WaitKind.NOTHING)
        assert (execution.output, execution.error, execution.ending) == (None, None, None)
        assert (execution.started_at, execution.finished_at) == (None, None)
        assert (execution.cancel_requested_at, execution.pause_requested_at) == (None, None)

    def test_a_start_keeps_everything_it_was_given(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        new = NewExecution(
            id=new_id(),
            workflow_name="shop.order",
            workflow_version=3,
            input='{"order": 5}',
            queue="slow",
            priority=2,
            key="order-5",
            guarantee=Guarantee.FOREGROUND,
            correlation_id="request-9",
            tags=("vip", "gift"),
            start_at=clock.now() + timedelta(minutes=1, microseconds=1),
            expires_at=clock.now() + timedelta(days=30, microseconds=999_999),
        )

        store.insert_executions([new])

        execution = store.load_execution(new.id)
        assert execution.wake_at == new.start_at
        for name in NewExecution.__dataclass_fields__:
            if name not in {"start_at", "on_conflict"}:
                assert getattr(execution, name) == getattr(new, name), name

    def test_what_insert_returns_is_what_is_stored(self, store: CheckpointStore) -> None:
        [(execution, _)] = store.insert_executions([make_new_execution(key="order-5")])

        assert store.load_execution(execution.id) == execution

    def test_many_are_returned_in_the_order_given(self, store: CheckpointStore) -> None:
        new = [make_new_execution(key=f"order-{number}") for number in range(5)]
        new.reverse()

        inserted = store.insert_executions(new)

        assert [execution.id for execution, _ in inserted] == [one.id for one in new]
        assert all(is_new for _, is_new in inserted)

    def test_none_at_all_is_nothing(self, store: CheckpointStore) -> None:
        assert store.insert_executions([]) == []

    def test_a_taken_key_returns_the_first_start_unchanged(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        first = begin(store, key="order-5", input="1").execution
        before = look(store, first.id)
        clock.advance(HOUR)

        again = make_new_execution(key="order-5", input="2", workflow_version=2, queue="slow")
        [(execution, is_new)] = store.insert_executions([again])

        assert not is_new
        assert execution == before[0]
        assert look(store, first.id) == before
        with pytest.raises(ExecutionNotFoundError):
            store.load_execution(again.id)

    def test_a_taken_key_among_many_spoils_none_of_the_others(self, store: CheckpointStore) -> None:
        taken = start(store, key="b")
        new = [make_new_execution(key=key) for key in ("a", "b", "c")]

        inserted = store.insert_executions(new)

        assert [is_new for _, is_new in inserted] == [True, False, True]
        assert [execution.id for execution, _ in inserted] == [new[0].id, taken, new[2].id]

    def test_one_key_twice_in_one_call_is_one_execution(self, store: CheckpointStore) -> None:
        new = [make_new_execution(key="order-5") for _ in range(2)]

        inserted = store.insert_executions(new)

        assert [is_new for _, is_new in inserted] == [True, False]
        assert [execution.id for execution, _ in inserted] == [new[0].id] * 2

    def test_a_key_belongs_to_its_workflow(self, store: CheckpointStore) -> None:
        orders = start(store, workflow_name="shop.order", key="5")
        refunds = start(store, workflow_name="shop.refund", key="5")

        assert orders != refunds
        assert len(store.list_executions()) == 2  # noqa: PLR2004 -- orders and refunds

    def test_keys_differ_by_case_and_accent(self, store: CheckpointStore) -> None:
        keys = ["order", "Order", "ordér", "ORDER", "órder"]

        ids = [start(store, key=key) for key in keys]

        assert len(set(ids)) == len(keys)

    def test_any_number_may_have_no_key(self, store: CheckpointStore) -> None:
        ids = {start(store), start(store), start(store)}

        assert {execution.id for execution in store.list_executions()} == ids

    def test_an_execution_is_found_by_its_key(self, store: CheckpointStore) -> None:
        execution_id = start(store, key="order-5")

        found = store.find_execution_by_key("shop.order", "order-5")

        assert found == store.load_execution(execution_id)
        assert store.find_execution_by_key("shop.order", "order-6") is None
        assert store.find_execution_by_key("shop.refund", "order-5") is None

    def test_loading_what_is_not_there_is_an_error(self, store: CheckpointStore) -> None:
        with pytest.raises(ExecutionNotFoundError):
            store.load_execution(new_id())
