"""Ends of the items of one map at the same time: the last is told to the parent, and it alone."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from django.db import connection, transaction

from durable_django.domain.claim import Claim
from durable_django.models import WorkflowExecution
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.stores.orm.telling import tell_parent
from durable_django.testing.store_contract.arrange import claim, is_due, suspend
from durable_django.testing.store_contract.maps import FOR_ITEMS, open_map, start_items
from tests.stores.orm.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
on_postgres = pytest.mark.skipif(
    connection.vendor != "postgresql",
    reason="SQLite has one writer at a time, and MariaDB's ends all take their parent's row.",
)
ROUNDS = 12


def begin_items(store: OrmCheckpointStore, *items: str) -> tuple[Claim, list[Claim]]:
    """Have a parent wait for items that are all under way; return both."""
    held = open_map(store)
    started = start_items(store, held, *items)
    suspend(store, held, FOR_ITEMS)
    return held, [claim(store, child.id) for child in started.values()]


def completing(store: OrmCheckpointStore, item: Claim) -> Callable[[], Any]:
    return lambda: store.complete(item, "null")


@pytest.mark.parametrize("count", [2, 3, 8])
def test_of_items_that_end_at_once_one_is_the_last(store: OrmCheckpointStore, count: int) -> None:
    """W14: also when each finds the other's end under way."""
    for _ in range(ROUNDS):
        held, items = begin_items(store, *"abcdefgh"[:count])

        assert at_once(*[completing(store, item) for item in items]) == [None] * count

        assert is_due(store, held.execution_id)


@on_postgres
def test_only_the_last_needs_its_parents_row(store: OrmCheckpointStore) -> None:
    held, [first, last] = begin_items(store, "a", "b")
    has_ended = Event()

    def hold_the_parent() -> None:
        with transaction.atomic():
            list(WorkflowExecution.objects.select_for_update().filter(pk=held.execution_id))
            assert has_ended.wait(timeout=20)

    def end_first() -> None:
        store.complete(first, "null")
        has_ended.set()

    assert at_once(hold_the_parent, end_first) == [None, None]
    assert not is_due(store, held.execution_id)
    store.complete(last, "null")
    assert is_due(store, held.execution_id)


def test_an_end_that_is_undone_leaves_it_to_none(
    store: OrmCheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The item that it was left to ends while the transaction that left it is rolled back."""
    held, [first, last] = begin_items(store, "a", "b")

    class PowerCut(Exception):  # noqa: N818 -- no error of ours
        pass

    def leave_and_die() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(
                "durable_django.stores.orm.slice_endings.tell_parent", raising(PowerCut())
            )
            store.complete(first, "null")

    [died] = at_once(leave_and_die)
    assert isinstance(died, PowerCut)
    store.complete(last, "null")
    assert not is_due(store, held.execution_id)
    store.complete(first, "null")
    assert is_due(store, held.execution_id)


def raising(error: Exception) -> Callable[..., None]:
    """Return a stand-in that does what it stands for, and then raises."""

    def act(*args: Any) -> None:
        tell_parent(*args)
        raise error

    return act
