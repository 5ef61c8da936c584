"""Promises about acts from outside that are more than one write: together with their event."""

from __future__ import annotations

import pytest

from durable_django.domain.event import CODE, Actor, ActorKind, EventType, NewEvent
from durable_django.domain.identifiers import new_id
from durable_django.exceptions import InvalidTransitionError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.store_contract.arrange import begin, start

ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


class ActingContract:
    """`transact`, `add_event`, `list_events`."""

    def test_an_event_is_read_back_as_it_was_written(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = start(store)
        event = NewEvent(
            execution_id=execution_id,
            type=EventType.CANCEL_REQUESTED,
            actor=ALICE,
            reason="café ✗",
            details={"compensate": True, "key": None},
        )

        store.add_event(event)

        [read] = store.list_events(execution_id, after=0, limit=10)
        assert (read.execution_id, read.type, read.actor) == (execution_id, event.type, ALICE)
        assert (read.reason, dict(read.details)) == (event.reason, dict(event.details))
        assert read.created_at == clock.now()

    def test_events_come_in_order_and_from_where_one_stopped(self, store: CheckpointStore) -> None:
        execution_id, other = start(store), start(store)
        types = [EventType.PAUSE_REQUESTED, EventType.RESUMED, EventType.CANCEL_REQUESTED]
        for one in types:
            store.add_event(NewEvent(execution_id=execution_id, type=one))
            store.add_event(NewEvent(execution_id=other, type=EventType.STARTED))

        first = store.list_events(execution_id, after=0, limit=2)
        rest = store.list_events(execution_id, after=first[-1].id, limit=2)

        assert [one.type for one in (*first, *rest)] == types
        assert store.list_events(execution_id, after=rest[-1].id, limit=2) == []
        assert {one.actor for one in first} == {CODE}

    def test_what_is_unknown_has_no_events(self, store: CheckpointStore) -> None:
        assert store.list_events(new_id(), after=0, limit=1) == []

    def test_a_transaction_returns_what_its_work_returns(self, store: CheckpointStore) -> None:
        execution_id = start(store)

        assert store.transact(lambda: store.request_pause(execution_id)) is True

        assert store.load_execution(execution_id).status == "paused"

    def test_a_refused_act_leaves_no_event(self, store: CheckpointStore) -> None:
        held = begin(store)
        assert store.complete(held, "1") is None

        def act() -> None:
            store.request_cancel(held.execution_id, "late", compensates=True)
            event = NewEvent(execution_id=held.execution_id, type=EventType.CANCEL_REQUESTED)
            store.add_event(event)

        with pytest.raises(InvalidTransitionError):
            store.transact(act)

        assert store.list_events(held.execution_id, after=0, limit=1) == []
