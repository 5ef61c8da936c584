"""Promises about starts that stand in line behind those that have their key."""

from __future__ import annotations

import pytest

from durable_django.domain.limit import line_key
from durable_django.domain.status import ExecutionStatus, OnConflict, WaitKind
from durable_django.exceptions import DefinitionError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_new_execution
from durable_django.testing.store_contract.arrange import (
    HOUR,
    begin,
    claim,
    is_due,
    start,
    status_of,
)
from durable_django.testing.store_contract.key_conflicts import (
    LINE,
    complete,
    holder_of,
    insert,
    queueing,
    replacing,
)
from durable_django.testing.store_contract.limits import KEY, due_of, end, new_under


class QueueingContract:
    """`on_conflict="queue"`."""

    def test_each_begins_when_all_before_it_have_ended(self, store: CheckpointStore) -> None:
        ids = [insert(store, queueing(priority=number))[0] for number in range(3)]

        for number, one in enumerate(ids):
            assert due_of(store, ids[number:]) == [True] + [False] * (2 - number)
            assert holder_of(store) == ids[-1]
            complete(store, one)

        assert store.find_limit(LINE) is None

    def test_one_that_waits_says_for_what(self, store: CheckpointStore) -> None:
        insert(store, queueing())
        [second] = insert(store, queueing())

        execution = store.load_execution(second)

        assert (execution.waiting_kind, execution.waiting_for) == (WaitKind.LIMIT, LINE)

    def test_two_in_one_call_stand_in_their_order(self, store: CheckpointStore) -> None:
        ids = insert(store, queueing(), queueing())

        assert due_of(store, ids) == [True, False]
        assert holder_of(store) == ids[1]

    @pytest.mark.parametrize("status", [ExecutionStatus.COMPLETED, ExecutionStatus.FAILED])
    def test_one_that_was_started_plainly_goes_first(
        self, store: CheckpointStore, status: ExecutionStatus
    ) -> None:
        # Claimed before somebody stands behind it: its slice knows nothing of that.
        held = begin(store, key="k")
        [second] = insert(store, queueing())
        while_it_runs = is_due(store, second)

        end(store, held, status)

        assert (while_it_runs, is_due(store, second)) == (False, True)
        assert store.load_execution(held.execution_id).limit_key == LINE

    def test_one_that_has_ended_is_in_nobody_s_way(self, store: CheckpointStore) -> None:
        complete(store, start(store, key="k"))

        [second] = insert(store, queueing())

        assert is_due(store, second)
        assert holder_of(store) == second

    def test_one_that_was_replaced_goes_first_while_it_undoes(self, store: CheckpointStore) -> None:
        old = begin(store, key="k")
        [new] = insert(store, replacing())
        [third] = insert(store, queueing())

        complete(store, new)
        while_the_old_one_goes_on = is_due(store, third)
        store.finish(old, ExecutionStatus.CANCELLED, None)

        assert (while_the_old_one_goes_on, is_due(store, third)) == (False, True)

    def test_one_that_begins_later_holds_up_those_behind_it(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        [later] = insert(store, queueing(start_at=clock.now() + HOUR))
        [behind] = insert(store, queueing())

        store.admit_waiting(10)
        early = due_of(store, [later, behind])
        clock.advance(HOUR)
        store.admit_waiting(10)

        assert early == [False, False]
        assert due_of(store, [later, behind]) == [True, False]
        complete(store, later)
        assert is_due(store, behind)

    def test_a_paused_one_holds_up_those_behind_it(self, store: CheckpointStore) -> None:
        [first], [paused], [behind] = (insert(store, queueing()) for _ in range(3))
        store.request_pause(paused)
        complete(store, first)

        while_it_is_paused = is_due(store, behind)
        store.resume(paused)

        assert while_it_is_paused is False
        assert due_of(store, [paused, behind]) == [True, False]

    def test_one_that_is_cancelled_leaves_the_line(self, store: CheckpointStore) -> None:
        [first], [second], [third] = (insert(store, queueing()) for _ in range(3))
        store.request_cancel(second, "customer", compensates=True)
        complete(store, first)
        end(store, claim(store, second), ExecutionStatus.CANCELLED)

        assert is_due(store, third)

    def test_lines_of_keys_and_workflows_are_apart(self, store: CheckpointStore) -> None:
        insert(store, queueing())
        other = line_key("shop.refund", "k")

        [refund] = insert(
            store,
            make_new_execution(
                workflow_name="shop.refund",
                key="k",
                on_conflict=OnConflict.QUEUE,
                limit_key=other,
                limit_max=1,
            ),
        )

        assert is_due(store, refund)

    def test_nothing_stands_behind_one_under_another_limit(self, store: CheckpointStore) -> None:
        [(held, _)] = store.insert_executions([new_under(key=KEY)])
        [(other, _)] = store.insert_executions([new_under(key=KEY, most=2)])
        [keyed] = insert(store, replacing(limit_key=KEY, limit_max=3))
        new = queueing()

        with pytest.raises(DefinitionError, match="is under the limit"):
            store.insert_executions([new])

        assert holder_of(store) == keyed
        assert {one.id for one in store.list_executions()} == {held.id, other.id, keyed}
        assert status_of(store, keyed) is ExecutionStatus.PENDING
