"""Promises about executions that executions start, and about who hears of their ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from durable_django.domain.claim import Claim
from durable_django.domain.execution import NewExecution
from durable_django.domain.identifiers import new_id
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    OnConflict,
    ParentClosePolicy,
    ParkReason,
    WaitKind,
)
from durable_django.domain.wait import Suspension, Wait
from durable_django.exceptions import ExecutionKeyConflictError
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import (
    make_checkpoint,
    make_error,
    make_new_execution,
    make_outcome,
)
from durable_django.testing.store_contract.arrange import (
    FOR_PACKED,
    HOUR,
    RETRY_LATER,
    begin,
    claim,
    compensate,
    is_due,
    start,
    suspend,
)

_ENDED = (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED)


def new_child(
    parent_id: UUID, call: str = "invoice", kind: WaitKind = WaitKind.CHILD, **fields: Any
) -> NewExecution:
    """Return what a call of the parent starts."""
    return make_new_execution(
        parent_id=parent_id, parent_key=call, parent_wait=kind, depth=1, **fields
    )


def wait_for(held: Claim, *children: NewExecution, **fields: Any) -> Wait:
    """Return the wait for children that are started with it; several are several parts."""
    parts = [
        Wait(
            kind=WaitKind.CHILD,
            name=child.parent_key,
            key=child.parent_key,
            starting=(
                (
                    make_checkpoint(
                        held.execution_id,
                        child.parent_key,
                        kind=CheckpointKind.CHILD,
                        idempotency_key=str(child.id),
                    ),
                    child,
                ),
            ),
            **fields,
        )
        for child in children
    ]
    if len(parts) == 1:
        return parts[0]
    names = "".join(f"|{part.kind}:{part.name}|" for part in parts)
    return Wait(kind=WaitKind.SEVERAL, name=names, parts=tuple(parts))


def start_awaited(
    store: CheckpointStore, call: str = "invoice", **fields: Any
) -> tuple[UUID, UUID]:
    """Suspend a parent for a child that is started with the wait; return the ids of both."""
    held = begin(store)
    child = new_child(held.execution_id, call, **fields)
    suspend(store, held, wait_for(held, child))
    return held.execution_id, child.id


def _complete(store: CheckpointStore, held: Claim) -> None:
    assert store.complete(held, '"ok"') is None


def _undo_and_fail(store: CheckpointStore, held: Claim) -> None:
    store.finish(compensate(store, held), ExecutionStatus.FAILED, make_error())


#: How a child may end.
_ENDS: dict[str, Callable[[CheckpointStore, Claim], None]] = {
    "completed": _complete,
    "failed": lambda store, held: store.finish(held, ExecutionStatus.FAILED, make_error()),
    "cancelled": lambda store, held: store.finish(held, ExecutionStatus.CANCELLED, None),
    "failed after an undo": _undo_and_fail,
}


class ChildrenContract:
    """`start_child`, what `suspend` and `open_waits` start, and the ends of children."""

    # --- starting ---

    def test_a_child_and_its_parent_s_wait_are_one(self, store: CheckpointStore) -> None:
        parent_id, child_id = start_awaited(
            store, queue="slow", priority=3, on_parent_close=ParentClosePolicy.CANCEL
        )

        parent, child = store.load_execution(parent_id), store.load_execution(child_id)
        assert (parent.status, parent.waiting_kind, parent.waiting_for) == (
            "suspended",
            "child",
            "invoice",
        )
        assert parent.wake_at is None
        assert (child.status, child.queue, child.priority) == ("pending", "slow", 3)
        assert (child.parent_id, child.parent_key, child.parent_wait) == (
            parent_id,
            "invoice",
            "child",
        )
        assert (child.depth, child.on_parent_close) == (1, "cancel")
        [attempt] = store.list_checkpoints(parent_id)
        assert (attempt.status, attempt.idempotency_key) == ("intent", str(child_id))

    def test_news_the_slice_has_not_seen_starts_nothing(self, store: CheckpointStore) -> None:
        held = begin(store)
        store.add_signal(held.execution_id, "packed", "null")

        answer = store.suspend(held, wait_for(held, new_child(held.execution_id)))

        assert answer is Suspension.SIGNALLED
        assert store.list_children(held.execution_id) == []
        assert store.list_checkpoints(held.execution_id) == []

    def test_an_attempt_that_is_there_already_starts_nothing(self, store: CheckpointStore) -> None:
        held = begin(store)
        first, second = (new_child(held.execution_id) for _ in range(2))
        assert store.open_waits(held, wait_for(held, first)) is None

        with pytest.raises(LeaseLost):
            store.open_waits(held, wait_for(held, second))

        assert [one.id for one in store.list_children(held.execution_id)] == [first.id]

    def test_several_are_started_or_none(self, store: CheckpointStore) -> None:
        held = begin(store)
        first = new_child(held.execution_id, "a")
        assert store.open_waits(held, wait_for(held, first)) is None
        again = wait_for(held, new_child(held.execution_id, "b"), new_child(held.execution_id, "a"))

        with pytest.raises(LeaseLost):
            store.suspend(held, again)

        assert [one.id for one in store.list_children(held.execution_id)] == [first.id]
        assert store.load_execution(held.execution_id).status == "running"

    def test_waits_may_be_opened_without_suspending(self, store: CheckpointStore) -> None:
        held = begin(store)
        child = new_child(held.execution_id)

        assert store.open_waits(held, wait_for(held, child)) is None

        assert store.load_execution(held.execution_id).status == "running"
        assert is_due(store, child.id)
        assert store.record_intent(held, make_checkpoint(held.execution_id, position=2)) is None

    @pytest.mark.parametrize("how", ["suspend", "open_waits", "start_child"])
    def test_a_key_that_was_taken_meanwhile_starts_nothing(
        self, store: CheckpointStore, how: str
    ) -> None:
        """The engine looked before; the next slice looks again."""
        taken = start(store, key="order-5")
        held = begin(store)
        child = new_child(held.execution_id, key="order-5")
        outcome = make_outcome(held.execution_id, "invoice", kind=CheckpointKind.CHILD)
        acts: dict[str, Callable[[], object]] = {
            "suspend": lambda: store.suspend(held, wait_for(held, child)),
            "open_waits": lambda: store.open_waits(held, wait_for(held, child)),
            "start_child": lambda: store.start_child(held, outcome, child),
        }

        with pytest.raises(ExecutionKeyConflictError):
            acts[how]()

        assert store.list_children(held.execution_id) == []
        assert store.list_checkpoints(held.execution_id) == []
        assert store.load_execution(held.execution_id).status == "running"
        assert store.find_execution_by_key("shop.order", "order-5") == store.load_execution(taken)

    @pytest.mark.parametrize("how", ["suspend", "open_waits"])
    def test_of_two_children_of_one_key_none_is_started(
        self, store: CheckpointStore, how: str
    ) -> None:
        held = begin(store)
        children = [new_child(held.execution_id, call, key="order-5") for call in "ab"]

        with pytest.raises(ExecutionKeyConflictError):
            getattr(store, how)(held, wait_for(held, *children))

        assert store.list_children(held.execution_id) == []
        assert store.list_checkpoints(held.execution_id) == []

    def test_a_key_may_be_taken_over(self, store: CheckpointStore) -> None:
        former = start(store, key="order-5")
        held = begin(store)
        child = new_child(held.execution_id, key="order-5", on_conflict=OnConflict.REPLACE)

        suspend(store, held, wait_for(held, child))

        holder = store.find_execution_by_key("shop.order", "order-5")
        assert holder is not None
        assert holder.id == child.id
        assert store.load_execution(former).cancel_requested_at is not None

    def test_a_detached_child_and_the_call_s_outcome_are_one(self, store: CheckpointStore) -> None:
        held = begin(store)
        child = new_child(held.execution_id, kind=WaitKind.NOTHING)
        outcome = make_outcome(held.execution_id, "invoice", kind=CheckpointKind.CHILD)

        assert store.start_child(held, outcome, child) is None

        [row] = store.list_checkpoints(held.execution_id)
        assert (row.key, row.status) == ("invoice", "completed")
        assert [one.id for one in store.list_children(held.execution_id)] == [child.id]

    def test_a_detached_start_that_is_recorded_already_starts_nothing(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        outcome = make_outcome(held.execution_id, "invoice", kind=CheckpointKind.CHILD)
        first, second = (new_child(held.execution_id, kind=WaitKind.NOTHING) for _ in range(2))
        assert store.start_child(held, outcome, first) is None

        with pytest.raises(LeaseLost):
            store.start_child(held, outcome, second)

        assert [one.id for one in store.list_children(held.execution_id)] == [first.id]

    # --- the end of a child ---

    @pytest.mark.parametrize("end", _ENDS)
    def test_every_end_wakes_the_parent_that_waits(self, store: CheckpointStore, end: str) -> None:
        parent_id, child_id = start_awaited(store)
        before = store.load_execution(parent_id).signal_count

        _ENDS[end](store, claim(store, child_id))

        assert is_due(store, parent_id)
        assert store.load_execution(parent_id).signal_count == before + 1

    @pytest.mark.parametrize("end", _ENDS)
    def test_an_end_the_slice_has_not_seen_is_found_by_the_suspension(
        self, store: CheckpointStore, end: str
    ) -> None:
        """W14: a child that ends before its parent waits."""
        held = begin(store)
        child = new_child(held.execution_id)
        wait = wait_for(held, child)
        assert store.open_waits(held, wait) is None
        _ENDS[end](store, claim(store, child.id))

        answer = store.suspend(held, replace(wait, starting=()))

        assert answer is Suspension.SIGNALLED
        assert store.suspend(held, replace(wait, starting=())) is Suspension.SUSPENDED
        store.request_cancel(held.execution_id, "", compensates=False)

    @pytest.mark.parametrize("stop", ["parked", "suspended", "paused", "waiting to undo"])
    def test_what_has_not_ended_wakes_nobody(self, store: CheckpointStore, stop: str) -> None:
        parent_id, child_id = start_awaited(store)
        held = claim(store, child_id)
        if stop == "parked":
            store.park(held, ParkReason.FAILURE, make_error())
        elif stop == "suspended":
            suspend(store, held, FOR_PACKED)
        elif stop == "paused":
            store.request_pause(child_id)
            store.pause(held)
        else:
            suspend(store, compensate(store, held), RETRY_LATER)

        assert not is_due(store, parent_id)
        assert store.load_execution(parent_id).signal_count == 0

    def test_a_parent_that_waits_for_another_child_is_not_woken(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        other = new_child(held.execution_id, "other")
        assert store.open_waits(held, wait_for(held, other)) is None
        suspend(store, held, wait_for(held, new_child(held.execution_id)))

        _complete(store, claim(store, other.id))

        parent = store.load_execution(held.execution_id)
        assert (parent.wake_at, parent.signal_count) == (None, 1)

    def test_a_parent_that_waits_for_several_is_woken_by_each(self, store: CheckpointStore) -> None:
        held = begin(store)
        children = [new_child(held.execution_id, key) for key in "ab"]
        suspend(store, held, wait_for(held, *children))

        _complete(store, claim(store, children[1].id))

        assert is_due(store, held.execution_id)

    def test_a_parent_that_waits_for_a_signal_of_the_name_is_not_woken(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        child = new_child(held.execution_id, "packed")
        assert store.open_waits(held, wait_for(held, child)) is None
        suspend(store, held, FOR_PACKED)

        _complete(store, claim(store, child.id))

        assert store.load_execution(held.execution_id).wake_at is None

    def test_a_signal_of_the_call_s_name_does_not_wake_it(self, store: CheckpointStore) -> None:
        parent_id, _ = start_awaited(store)

        store.add_signal(parent_id, "invoice", "null")

        assert store.load_execution(parent_id).wake_at is None

    @pytest.mark.parametrize("end", _ENDS)
    def test_a_detached_child_tells_nobody(self, store: CheckpointStore, end: str) -> None:
        held = begin(store)
        child = new_child(held.execution_id, kind=WaitKind.NOTHING)
        outcome = make_outcome(held.execution_id, "invoice", kind=CheckpointKind.CHILD)
        assert store.start_child(held, outcome, child) is None

        _ENDS[end](store, claim(store, child.id))

        assert store.load_execution(held.execution_id).signal_count == 0

    @pytest.mark.parametrize("parent_end", _ENDS)
    def test_a_parent_that_has_ended_is_left_alone(
        self, store: CheckpointStore, parent_end: str
    ) -> None:
        held = begin(store)
        child = new_child(held.execution_id)
        assert store.open_waits(held, wait_for(held, child)) is None
        _ENDS[parent_end](store, held)
        before = store.load_execution(held.execution_id)

        _complete(store, claim(store, child.id))

        assert store.load_execution(held.execution_id) == before

    def test_a_parent_that_is_gone_keeps_nobody_from_ending(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        child = new_child(held.execution_id)
        assert store.open_waits(held, wait_for(held, child)) is None
        _complete(store, held)
        clock.advance(HOUR)
        store.delete_finished(before=clock.now(), statuses=_ENDED, limit=10)

        _complete(store, claim(store, child.id))

        assert store.load_execution(child.id).status == "completed"

    def test_news_for_a_parent_that_is_paused_is_there_afterwards(
        self, store: CheckpointStore
    ) -> None:
        parent_id, child_id = start_awaited(store)
        store.request_pause(parent_id)

        _complete(store, claim(store, child_id))

        assert store.load_execution(parent_id).status == "paused"
        store.resume(parent_id)
        assert is_due(store, parent_id)

    # --- reading ---

    def test_executions_are_found_by_their_ids(self, store: CheckpointStore) -> None:
        ids = [start(store) for _ in range(3)]

        found = store.find_executions([ids[0], ids[2], new_id()])

        assert found == {one: store.load_execution(one) for one in (ids[0], ids[2])}
        assert store.find_executions([]) == {}

    def test_children_are_listed_by_id_and_in_pages(self, store: CheckpointStore) -> None:
        held = begin(store)
        other = begin(store)
        children = [new_child(held.execution_id, key) for key in ("b", "a", "c")]
        for parent, several in ((held, children), (other, [new_child(other.execution_id, "a")])):
            for child in several:
                assert store.open_waits(parent, wait_for(parent, child)) is None

        first = store.list_children(held.execution_id, limit=2)
        rest = store.list_children(held.execution_id, after=first[-1].id)

        assert [one.id for one in (*first, *rest)] == sorted(child.id for child in children)
        assert store.list_children(new_id()) == []

    def test_children_are_listed_by_call_and_by_whether_they_are_open(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        children = {key: new_child(held.execution_id, key) for key in ("a", "A", "b")}
        assert store.open_waits(held, wait_for(held, *children.values())) is None
        _complete(store, claim(store, children["a"].id))

        def listed(**options: Any) -> set[str]:
            return {one.parent_key for one in store.list_children(held.execution_id, **options)}

        assert listed(keys=["a"]) == {"a"}
        assert listed(keys=["a", "b"], open_only=True) == {"b"}
        assert listed(open_only=True) == {"A", "b"}
        assert listed(keys=[]) == set()

    # --- housekeeping ---

    @pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
    def test_what_an_open_parent_may_still_read_is_not_deleted(
        self, store: CheckpointStore, clock: ManualClock, end: str
    ) -> None:
        parent_id, child_id = start_awaited(store)
        _ENDS[end](store, claim(store, child_id))
        clock.advance(days=400)

        counted = store.count_finished(before=clock.now(), statuses=_ENDED)
        deleted = store.delete_finished(before=clock.now(), statuses=_ENDED, limit=10)

        assert (counted, deleted) == (0, 0)
        assert store.find_executions([child_id]) != {}
        assert is_due(store, parent_id)

    def test_with_the_parent_s_end_it_may_go(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        parent_id, child_id = start_awaited(store)
        _complete(store, claim(store, child_id))
        _complete(store, claim(store, parent_id))
        clock.advance(days=400)

        assert store.count_finished(before=clock.now(), statuses=_ENDED) == 2  # noqa: PLR2004
        assert store.delete_finished(before=clock.now(), statuses=_ENDED, limit=10) == 2  # noqa: PLR2004

    def test_a_detached_child_is_deleted_as_others_are(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        held = begin(store)
        child = new_child(held.execution_id, kind=WaitKind.NOTHING)
        outcome = make_outcome(held.execution_id, "invoice", kind=CheckpointKind.CHILD)
        assert store.start_child(held, outcome, child) is None
        _complete(store, claim(store, child.id))
        clock.advance(days=400)

        assert store.delete_finished(before=clock.now(), statuses=_ENDED, limit=10) == 1
        assert store.load_execution(held.execution_id).status == "running"

    def test_those_that_must_stay_do_not_use_up_the_limit(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        for _ in range(3):
            _, child_id = start_awaited(store)
            _complete(store, claim(store, child_id))
        doomed = begin(store)
        _complete(store, doomed)
        clock.advance(days=400)

        assert store.delete_finished(before=clock.now(), statuses=_ENDED, limit=1) == 1
        assert store.find_executions([doomed.execution_id]) == {}

    def test_a_retried_parent_makes_its_failed_child_s_call_again(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        outcome = make_outcome(
            held.execution_id,
            "invoice",
            kind=CheckpointKind.CHILD,
            status=CheckpointStatus.FAILED,
            is_final=True,
        )
        store.record_outcome(held, outcome)
        store.finish(held, ExecutionStatus.FAILED, make_error(call="invoice"))

        store.retry(held.execution_id)

        [row] = store.list_checkpoints(held.execution_id)
        assert (row.status, row.is_final) == ("failed", False)
