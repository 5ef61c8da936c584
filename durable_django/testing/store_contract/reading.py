"""Promises about what is read back: everything, as it was given, in order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.domain.identifiers import new_id
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    Guarantee,
    WaitKind,
)
from durable_django.domain.wait import Wait
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.factories import make_checkpoint, make_error, make_outcome
from durable_django.testing.store_contract.arrange import (
    AN_HOUR,
    HOUR,
    MINUTE,
    SITUATIONS,
    begin,
    claim,
    look,
    start,
    suspend,
)

_TEXTS = [
    pytest.param("", id="empty"),
    pytest.param('"grüße 日本語 🎉 \u202eright to left"', id="unicode"),
    pytest.param("""'"; DROP TABLE x; -- \\' %s %(a)s {0} \\\\ "'""", id="quotes"),
    pytest.param(r'"\u0000 \ud800 \n \t"', id="escaped_controls"),
    pytest.param("  \n\t line\r\nbreaks  ", id="white_space"),
    pytest.param('"' + "x" * 100_000 + '"', id="large"),
    pytest.param("[" * 500 + "]" * 500, id="deep"),
    pytest.param("1e999999", id="number_beyond_floats"),
    pytest.param("null", id="null"),
]


class ReadingContract:
    """The lists, their order, and the way there and back of every value."""

    def test_executions_are_listed_newest_first(self, store: CheckpointStore) -> None:
        ids = [start(store) for _ in range(4)]

        listed = store.list_executions()

        assert [execution.id for execution in listed] == sorted(ids, reverse=True)
        assert [one.id for one in store.list_executions(limit=2)] == sorted(ids, reverse=True)[:2]

    def test_executions_are_listed_as_they_are_loaded(self, store: CheckpointStore) -> None:
        for situation in SITUATIONS.values():
            situation(store)

        for execution in store.list_executions():
            assert execution == store.load_execution(execution.id)

    def test_executions_are_listed_by_status_workflow_and_queue(
        self, store: CheckpointStore
    ) -> None:
        running = begin(store, workflow_name="shop.refund").execution_id
        pending = start(store, queue="slow")
        failed = SITUATIONS["failed"](store)

        def ids(**filters: object) -> set[object]:
            return {one.id for one in store.list_executions(**filters)}  # type: ignore[arg-type]  # the filters vary

        assert ids(status=[ExecutionStatus.RUNNING, ExecutionStatus.FAILED]) == {running, failed}
        assert ids(workflow_name="shop.order") == {pending, failed}
        assert ids(queue="slow") == {pending}
        assert ids(queue="slow", status=[ExecutionStatus.RUNNING]) == set()
        assert ids() == {running, pending, failed}

    def test_checkpoints_are_listed_by_position_key_and_attempt(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        places = [(2, "b", 1), (1, "z", 2), (2, "a", 2), (1, "z", 1), (2, "a", 1), (10, "c", 1)]
        for position, key, attempt in places:
            outcome = make_outcome(held.execution_id, key, position=position, attempt=attempt)
            store.record_outcome(held, outcome)

        listed = store.list_checkpoints(held.execution_id)

        assert [(one.position, one.key, one.attempt) for one in listed] == sorted(places)

    def test_calls_are_listed_without_the_items_of_maps_and_their_undos(
        self, store: CheckpointStore
    ) -> None:
        held = begin(store)
        for position, key, kind in [
            (2, "charge", CheckpointKind.STEP),
            (1, "load", CheckpointKind.MAP),
            (1, "load/7", CheckpointKind.ITEM),
            (1, "load/8", CheckpointKind.ITEM),
            (3, "~undo/charge", CheckpointKind.UNDO),
            (3, "~undo/load/8", CheckpointKind.UNDO),
        ]:
            row = make_outcome(held.execution_id, key, position=position, kind=kind)
            store.record_outcome(held, row)

        listed = store.list_calls(held.execution_id)

        assert [row.key for row in listed] == ["load", "charge", "~undo/charge"]
        assert set(listed) <= set(store.list_checkpoints(held.execution_id))

    def test_timers_are_listed_by_instant_then_key(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        execution_id = start(store)
        fire_at = clock.now() + HOUR
        for key, alarm in [("b", fire_at), ("c", fire_at - MINUTE), ("a", fire_at)]:
            held = claim(store, execution_id)
            wait = Wait(kind=WaitKind.TIMER, name=key, key=key, alarm=alarm, registers_timer=True)
            suspend(store, held, wait)
            store.request_pause(execution_id)
            store.resume(execution_id)

        assert [timer.key for timer in store.list_timers(execution_id)] == ["c", "a", "b"]

    def test_what_is_not_there_has_no_rows(self, store: CheckpointStore) -> None:
        nobody = new_id()

        assert store.list_checkpoints(nobody) == []
        assert store.list_calls(nobody) == []
        assert store.list_timers(nobody) == []
        assert store.list_signals(nobody) == []
        assert store.list_executions() == []

    def test_one_execution_s_rows_are_not_another_s(self, store: CheckpointStore) -> None:
        held, other = begin(store), begin(store)
        store.record_outcome(held, make_outcome(held.execution_id))
        store.add_signal(held.execution_id, "packed", "1")
        suspend(store, held, AN_HOUR)

        _, checkpoints, timers, signals = look(store, other.execution_id)[:4]

        assert (checkpoints, timers, signals) == ([], [], [])

    @pytest.mark.parametrize("text", _TEXTS)
    def test_text_comes_back_as_it_was_given(self, store: CheckpointStore, text: str) -> None:
        execution_id = start(store, input=text)
        store.add_signal(execution_id, "packed", text)
        held = claim(store, execution_id)
        store.record_outcome(held, make_outcome(execution_id, input=text, output=text))
        store.record_outcome(
            held,
            make_outcome(
                execution_id, "ship", position=2, status=CheckpointStatus.FAILED, error=text
            ),
        )
        store.complete(held, text)

        execution, [charge, ship], _, [signal] = look(store, execution_id)[:4]
        assert (execution.input, execution.output) == (text, text)
        assert (charge.input, charge.output, ship.error) == (text, text, text)
        assert signal.payload == text

    def test_errors_come_back_as_they_were_given(self, store: CheckpointStore) -> None:
        error = make_error(
            message="\x00 'quotes' \ud800 日本語 " + "x" * 1000,
            traceback="line\n" * 2000,
            attempts=3,
        )
        held = begin(store)

        store.finish(held, ExecutionStatus.FAILED, error)

        assert store.load_execution(held.execution_id).error == error.to_text()

    @pytest.mark.parametrize("kind", CheckpointKind)
    @pytest.mark.parametrize("status", CheckpointStatus)
    def test_every_kind_and_status_of_checkpoint_comes_back(
        self, store: CheckpointStore, kind: CheckpointKind, status: CheckpointStatus
    ) -> None:
        held = begin(store)

        store.record_intent(held, make_checkpoint(held.execution_id, kind=kind, status=status))

        [stored] = store.list_checkpoints(held.execution_id)
        assert (stored.kind, stored.status) == (kind, status)
        assert (type(stored.kind), type(stored.status)) == (CheckpointKind, CheckpointStatus)

    @pytest.mark.parametrize("situation", SITUATIONS)
    def test_every_enum_comes_back_as_its_own_type(
        self, store: CheckpointStore, situation: str
    ) -> None:
        execution = store.load_execution(SITUATIONS[situation](store))

        assert type(execution.status) is ExecutionStatus
        assert type(execution.waiting_kind) is WaitKind
        assert type(execution.guarantee) is Guarantee
        assert type(execution.ending) in (ExecutionStatus, type(None))

    @pytest.mark.parametrize("tags", [(), ("a",), ("b", "a", "b"), ("ü", 'quo"te', "sp ace")])
    def test_tags_come_back_in_order(self, store: CheckpointStore, tags: tuple[str, ...]) -> None:
        execution_id = start(store, tags=tags)

        assert store.load_execution(execution_id).tags == tags

    def test_instants_come_back_to_the_microsecond_in_utc(
        self, store: CheckpointStore, clock: ManualClock
    ) -> None:
        clock.advance(microseconds=123_457)
        instant = clock.now() + timedelta(days=40, microseconds=1)
        held = begin(store, expires_at=instant)
        failed = make_outcome(held.execution_id, status=CheckpointStatus.FAILED, retry_at=instant)
        store.record_outcome(held, failed)
        suspend(
            store,
            held,
            Wait(
                kind=WaitKind.TIMER,
                name="nap",
                key="nap",
                alarm=instant - timedelta(microseconds=2),
                registers_timer=True,
            ),
        )

        execution, [checkpoint], [timer], _ = look(store, held.execution_id)[:4]

        assert execution.created_at == clock.now()
        assert (execution.expires_at, checkpoint.retry_at) == (instant, instant)
        assert execution.wake_at == timer.fire_at == instant - timedelta(microseconds=2)
        assert execution.expires_at is not None
        assert execution.expires_at.utcoffset() == timer.fire_at.utcoffset() == timedelta(0)

    def test_what_was_read_does_not_change_afterwards(self, store: CheckpointStore) -> None:
        held = begin(store)
        progress: dict[str, object] = {"done": 1}
        store.record_progress(held, progress)
        before = look(store, held.execution_id)
        kept = (before[0].status, dict(before[0].progress), list(before[1]))

        progress["done"] = 2
        held.checkpoints.append(make_outcome(held.execution_id))
        store.complete(held, "null")

        assert (before[0].status, dict(before[0].progress), list(before[1])) == kept
        assert store.load_execution(held.execution_id).progress == {"done": 1}
        assert store.list_checkpoints(held.execution_id) == []
