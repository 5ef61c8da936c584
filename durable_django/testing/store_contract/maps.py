"""Promises about the items of maps: steps of their own, or children whose outcomes become items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import NewExecution
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    WaitKind,
)
from durable_django.domain.wait import Suspension, Wait
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.testing.factories import make_checkpoint, make_error, make_outcome
from durable_django.testing.store_contract.arrange import begin, claim, is_due, look, suspend
from durable_django.testing.store_contract.children import new_child

FOR_ITEMS = Wait(kind=WaitKind.MAP, name="load", key="load")


def open_map(store: CheckpointStore, call: str = "load", *, attempt: int = 1) -> Claim:
    """Begin an execution with an open map."""
    held = begin(store)
    return reopen(store, held, call, attempt)


def reopen(store: CheckpointStore, held: Claim, call: str = "load", attempt: int = 1) -> Claim:
    """Begin an attempt of a map."""
    opened = make_checkpoint(held.execution_id, call, kind=CheckpointKind.MAP, attempt=attempt)
    assert store.record_intent(held, opened) is None
    return held


def new_items(held: Claim, *items: str, call: str = "load") -> list[NewExecution]:
    """Return the children of a map, one for each item."""
    return [new_child(held.execution_id, f"{call}/{item}", WaitKind.MAP) for item in items]


def start_items(store: CheckpointStore, held: Claim, *items: str) -> dict[str, NewExecution]:
    """Start children and return them by item."""
    children = new_items(held, *items)
    assert store.start_map_children(held, "load", children) is None
    return dict(zip(items, children, strict=True))


def fail(store: CheckpointStore, child: NewExecution) -> None:
    """Bring a child to a bad end."""
    store.finish(claim(store, child.id), ExecutionStatus.FAILED, make_error())


def complete(store: CheckpointStore, child: NewExecution, output: str = "null") -> None:
    """Bring a child to a good end."""
    assert store.complete(claim(store, child.id), output) is None


def ended_map(held: Claim, **fields: Any) -> Any:
    """Return the outcome of the map."""
    return make_outcome(held.execution_id, "load", kind=CheckpointKind.MAP, **fields)


class MapsContract:
    """`start_map_children`, `settle_map`, `count_children`, `list_items`, and their news."""

    # --- items that are steps ---

    def test_a_claim_does_not_load_items(self, store: CheckpointStore) -> None:
        held = open_map(store)
        for item in "ab":
            row = make_outcome(held.execution_id, f"load/{item}", kind=CheckpointKind.ITEM)
            store.record_outcome(held, row)
        store.request_pause(held.execution_id)
        store.pause(held)
        store.resume(held.execution_id)

        again = claim(store, held.execution_id)

        assert [row.key for row in again.checkpoints] == ["load"]
        assert len(store.list_checkpoints(held.execution_id)) == 1 + 2

    def test_items_are_looked_up_by_key(self, store: CheckpointStore) -> None:
        held, other = open_map(store), open_map(store)
        item: dict[str, Any] = {"kind": CheckpointKind.ITEM}
        failed = {**item, "status": CheckpointStatus.FAILED, "output": None}
        for owner, key, fields in (
            (held, "load/b", {**item, "attempt": 2}),
            (held, "load/b", failed),
            (held, "load/a", item),
            (held, "load/A", item),
            (held, "load/c", item),
            (other, "load/a", item),
        ):
            store.record_outcome(owner, make_outcome(owner.execution_id, key, **fields))

        found = store.list_items(held.execution_id, ["load/b", "load/a", "load/none", "load"])

        assert [(row.key, row.attempt, str(row.status)) for row in found] == [
            ("load/a", 1, "completed"),
            ("load/b", 1, "failed"),
            ("load/b", 2, "completed"),
        ]
        assert store.list_items(held.execution_id, []) == []

    # --- items that are children ---

    def test_children_are_started_once(self, store: CheckpointStore) -> None:
        held = open_map(store)
        first = start_items(store, held, "a", "b")

        assert store.start_map_children(held, "load", new_items(held, "a", "b", "c")) is None

        listed = store.list_children(held.execution_id)
        assert {one.parent_key for one in listed} == {"load/a", "load/b", "load/c"}
        assert {one.id for one in first.values()} <= {one.id for one in listed}

    def test_what_completed_or_is_under_way_is_kept(self, store: CheckpointStore) -> None:
        held = open_map(store)
        first = start_items(store, held, "a", "b", "c")
        complete(store, first["a"])
        claim(store, first["b"].id)

        store.start_map_children(held, "load", new_items(held, "a", "b", "c"))

        assert {one.id for one in store.list_children(held.execution_id)} == {
            one.id for one in first.values()
        }

    @pytest.mark.parametrize("end", [ExecutionStatus.FAILED, ExecutionStatus.CANCELLED])
    def test_what_ended_in_vain_is_replaced(
        self, store: CheckpointStore, end: ExecutionStatus
    ) -> None:
        held = open_map(store)
        first = start_items(store, held, "a", "b")
        error = make_error() if end is ExecutionStatus.FAILED else None
        store.finish(claim(store, first["a"].id), end, error)
        [second] = new_items(held, "a")

        store.start_map_children(held, "load", [second])

        assert store.load_execution(first["a"].id).parent_wait == ""
        assert store.count_children(held.execution_id, "load") == {ExecutionStatus.PENDING: 2}
        assert store.load_execution(second.id).parent_wait == "map"

    def test_a_child_of_this_very_attempt_is_never_replaced(self, store: CheckpointStore) -> None:
        held = open_map(store)
        first = start_items(store, held, "a")
        fail(store, first["a"])

        store.start_map_children(held, "load", list(first.values()))

        assert store.count_children(held.execution_id, "load") == {ExecutionStatus.FAILED: 1}

    def test_children_of_other_parents_are_left_alone(self, store: CheckpointStore) -> None:
        held, other = open_map(store), open_map(store)
        first, foreign = start_items(store, held, "a"), start_items(store, other, "a")
        fail(store, first["a"])
        fail(store, foreign["a"])

        store.start_map_children(held, "load", new_items(held, "a"))

        assert store.count_children(other.execution_id, "load") == {ExecutionStatus.FAILED: 1}
        assert store.load_execution(foreign["a"].id).parent_wait == "map"

    def test_what_was_undone_is_replaced(self, store: CheckpointStore) -> None:
        held = open_map(store)
        first = start_items(store, held, "a", "b")
        for child in first.values():
            complete(store, child)
        assert store.settle_map(held, ended_map(held), "shop.undo") is None
        store.begin_compensation(held, ExecutionStatus.FAILED, make_error())
        [undone] = store.list_items(held.execution_id, ["load/a"])
        undo = make_outcome(held.execution_id, "~undo/load/a", kind=CheckpointKind.UNDO)
        store.record_undo(held, undo, undone)
        store.finish(held, ExecutionStatus.FAILED, make_error())
        store.retry(held.execution_id)
        again = reopen(store, claim(store, held.execution_id), attempt=2)
        second = new_items(again, "a", "b")

        store.start_map_children(again, "load", second)

        kept = {one.id for one in store.list_children(held.execution_id) if one.parent_wait}
        assert kept == {second[0].id, first["b"].id}

    def test_they_are_counted_by_status(self, store: CheckpointStore) -> None:
        held = open_map(store)
        items = start_items(store, held, "a", "b", "c", "d")
        reopen(store, held, "LOAD")
        reopen(store, held, "load2")
        for call in ("LOAD", "load2"):
            store.start_map_children(held, call, new_items(held, "a", call=call))
        complete(store, items["a"])
        fail(store, items["b"])
        claim(store, items["c"].id)

        assert store.count_children(held.execution_id, "load") == {
            ExecutionStatus.COMPLETED: 1,
            ExecutionStatus.FAILED: 1,
            ExecutionStatus.RUNNING: 1,
            ExecutionStatus.PENDING: 1,
        }
        assert store.count_children(held.execution_id, "LOAD") == {ExecutionStatus.PENDING: 1}
        assert store.count_children(held.execution_id, "none") == {}

    # --- news of items ---

    def test_the_parent_is_woken_for_the_last_of_them(self, store: CheckpointStore) -> None:
        held = open_map(store)
        items = start_items(store, held, "a", "b", "c")
        suspend(store, held, FOR_ITEMS)
        woken = []
        for child in items.values():
            complete(store, child)
            woken.append(is_due(store, held.execution_id))

        assert woken == [False, False, True]

    def test_the_parent_is_woken_for_one_that_failed(self, store: CheckpointStore) -> None:
        held = open_map(store)
        items = start_items(store, held, "a", "b", "c")
        suspend(store, held, FOR_ITEMS)

        fail(store, items["b"])

        assert is_due(store, held.execution_id)

    @pytest.mark.parametrize("end", [complete, fail])
    def test_the_last_end_is_news_for_who_has_not_looked(
        self, store: CheckpointStore, end: Callable[[CheckpointStore, NewExecution], None]
    ) -> None:
        held = open_map(store)
        end(store, start_items(store, held, "a")["a"])

        assert store.suspend(held, FOR_ITEMS) is Suspension.SIGNALLED

    def test_an_end_before_the_last_is_news_if_it_is_a_failure(
        self, store: CheckpointStore
    ) -> None:
        held = open_map(store)
        items = start_items(store, held, "a", "b")
        fail(store, items["a"])

        assert store.suspend(held, FOR_ITEMS) is Suspension.SIGNALLED
        assert store.suspend(held, FOR_ITEMS) is Suspension.SUSPENDED

    def test_items_of_another_map_do_not_count(self, store: CheckpointStore) -> None:
        held = open_map(store)
        items = start_items(store, held, "a")
        for call in ("LOAD", "load2", "loa"):
            store.start_map_children(held, call, new_items(held, "a", call=call))
        suspend(store, held, FOR_ITEMS)

        complete(store, items["a"])

        assert is_due(store, held.execution_id)

    def test_the_end_of_another_map_does_not_wake(self, store: CheckpointStore) -> None:
        held = open_map(store)
        start_items(store, held, "a")
        [other] = new_items(held, "a", call="LOAD")
        store.start_map_children(held, "LOAD", [other])
        suspend(store, held, FOR_ITEMS)

        fail(store, other)

        assert not is_due(store, held.execution_id)

    def test_one_of_several_waits_may_be_for_items(self, store: CheckpointStore) -> None:
        held = open_map(store)
        items = start_items(store, held, "a")
        wait = Wait(kind=WaitKind.SEVERAL, name="|signal:go||map:load|", parts=(FOR_ITEMS,))
        suspend(store, held, wait)

        complete(store, items["a"])

        assert is_due(store, held.execution_id)

    # --- the end ---

    def test_outcomes_of_children_become_items(self, store: CheckpointStore) -> None:
        held = open_map(store)
        items = start_items(store, held, "a", "b", "c")
        complete(store, items["a"], '"done"')
        fail(store, items["b"])
        store.finish(claim(store, items["c"].id), ExecutionStatus.CANCELLED, None)
        outcome = ended_map(held, output='{"failed":2}')

        assert store.settle_map(held, outcome, "shop.undo") is None

        whole, *rows = store.list_checkpoints(held.execution_id)
        assert (whole.key, whole.status, whole.output) == ("load", "completed", '{"failed":2}')
        told = [(r.key, str(r.status), r.is_final, r.output, r.compensation) for r in rows]
        assert told == [
            ("load/a", "completed", False, '"done"', "shop.undo"),
            ("load/b", "failed", True, None, ""),
            ("load/c", "failed", True, None, ""),
        ]
        assert {row.kind for row in rows} == {CheckpointKind.ITEM}
        assert ErrorRecord.from_text(rows[1].error or "").type == make_error().type
        assert ErrorRecord.from_text(rows[2].error or "").type == "WorkflowCancelledError"
        assert all(row.started_at and row.completed_at for row in rows)

    def test_a_map_that_failed_keeps_what_completed(self, store: CheckpointStore) -> None:
        held = open_map(store)
        items = start_items(store, held, "a", "b", "c")
        complete(store, items["a"], "1")
        fail(store, items["b"])
        outcome = ended_map(held, status=CheckpointStatus.FAILED, output=None, is_final=True)

        assert store.settle_map(held, outcome, "shop.undo") is None

        whole, *rows = store.list_checkpoints(held.execution_id)
        assert (whole.status, whole.is_final) == ("failed", True)
        assert [str(row.status) for row in rows] == ["completed", "failed", "failed"]

    def test_an_item_can_be_undone(self, store: CheckpointStore) -> None:
        held = open_map(store)
        complete(store, start_items(store, held, "a")["a"])
        assert store.settle_map(held, ended_map(held), "shop.undo") is None
        store.begin_compensation(held, ExecutionStatus.CANCELLED, None)
        [item] = store.list_items(held.execution_id, ["load/a"])
        undo = make_outcome(held.execution_id, "~undo/load/a", kind=CheckpointKind.UNDO)

        store.record_undo(held, undo, item)

        [item] = store.list_items(held.execution_id, ["load/a"])
        assert item.status == "compensated"

    def test_a_map_that_has_ended_does_not_end_again(self, store: CheckpointStore) -> None:
        held = open_map(store)
        complete(store, start_items(store, held, "a")["a"])
        assert store.settle_map(held, ended_map(held), "") is None
        before = look(store, held.execution_id)

        with pytest.raises(LeaseLost):
            store.settle_map(held, ended_map(held), "")

        assert look(store, held.execution_id) == before

    def test_odd_keys_are_kept_apart(self, store: CheckpointStore) -> None:
        held = open_map(store)
        odd = ("%", "_", "a", "A", "é", "e", "名", "'", '"', "\\", "#2", "a b")
        items = start_items(store, held, *odd)
        for name, child in items.items():
            complete(store, child, f'"{ord(name[0])}"')

        assert store.settle_map(held, ended_map(held), "") is None

        for name in odd:
            [item] = store.list_items(held.execution_id, [f"load/{name}"])
            assert item.output == f'"{ord(name[0])}"'
