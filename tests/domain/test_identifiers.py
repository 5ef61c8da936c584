from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.domain.identifiers import (
    MAX_KEY_LENGTH,
    MAX_NAME_LENGTH,
    MAX_QUEUE_LENGTH,
    check_key,
    check_name,
    check_queue,
    idempotency_key,
    new_id,
    workflow_id,
)
from durable_django.exceptions import DefinitionError
from durable_django.ports.doorbell import queue_of, slot_of

EXECUTION_ID = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")


class TestNewId:
    def test_ids_are_uuid_version_7(self) -> None:
        assert (type(new_id()), new_id().version) == (uuid.UUID, 7)

    def test_later_ids_are_greater(self) -> None:
        ids = [new_id() for _ in range(2000)]

        assert ids == sorted(set(ids))


class TestIdempotencyKey:
    def test_it_is_the_same_in_every_process_and_release(self) -> None:
        assert idempotency_key(EXECUTION_ID, "charge") == "4ce72e36-7680-5297-9bb7-2c7085056e85"

    def test_it_differs_by_execution_step_and_number_of_undos(self) -> None:
        keys = [
            idempotency_key(EXECUTION_ID, "charge"),
            idempotency_key(EXECUTION_ID, "charge#2"),
            idempotency_key(EXECUTION_ID, "charge", redone=1),
            idempotency_key(EXECUTION_ID, "charge", redone=2),
            idempotency_key(EXECUTION_ID, "~undo/charge"),
            idempotency_key(uuid.UUID(int=7), "charge"),
        ]

        assert len(set(keys)) == len(keys)


class TestWorkflowId:
    def test_it_is_the_same_in_every_process_and_release(self) -> None:
        assert workflow_id("shop.order", 1) == uuid.UUID("11a82908-8d66-522d-8d64-87a243294191")

    def test_it_differs_by_name_and_version(self) -> None:
        ids = {workflow_id("a", 1), workflow_id("a", 2), workflow_id("a1", 1), workflow_id("a", 11)}

        assert len(ids) == 4


class TestCheckName:
    @pytest.mark.parametrize(
        "name",
        [
            "charge",
            "shop.order",
            "send e-mail",
            "a",
            "7 days",
            "step:2",
            "under_score",
            "Prüfung",
            "支払い",
            "x" * MAX_NAME_LENGTH,
        ],
    )
    def test_a_legal_name_is_returned(self, name: str) -> None:
        assert check_name("step", name) == name

    @pytest.mark.parametrize(
        "name",
        [
            pytest.param("", id="empty"),
            pytest.param(" ", id="space"),
            pytest.param(" charge", id="space_first"),
            pytest.param("charge ", id="space_last"),
            pytest.param("two  spaces", id="two_spaces"),
            pytest.param("charge\n", id="newline_last"),
            pytest.param("a\tb", id="tab"),
            pytest.param("a\x00b", id="nul"),
            pytest.param("a\u202eb", id="right_to_left"),
            pytest.param("\u200bcharge", id="zero_width"),
            pytest.param("charge#2", id="occurrence"),
            pytest.param("prepare/stock", id="scope"),
            pytest.param("~undo", id="undo"),
            pytest.param("_private", id="underscore_first"),
            pytest.param(".hidden", id="dot_first"),
            pytest.param("-v", id="dash_first"),
            pytest.param("quo'te", id="quote"),
            pytest.param("x" * (MAX_NAME_LENGTH + 1), id="long"),
            pytest.param(None, id="none"),
            pytest.param(5, id="number"),
            pytest.param(b"charge", id="bytes"),
        ],
    )
    def test_an_illegal_name_is_refused(self, name: object) -> None:
        with pytest.raises(DefinitionError, match="step name"):
            check_name("step", name)

    @given(st.text(max_size=20))
    def test_what_is_accepted_has_none_of_the_engine_s_own_characters(self, name: str) -> None:
        try:
            check_name("step", name)
        except DefinitionError:
            return

        assert not set("#/~\n\r\t\x00'\"<>&%") & set(name)
        assert name == name.strip()
        assert name.isprintable()

    def test_a_long_name_is_not_repeated_in_full(self) -> None:
        with pytest.raises(DefinitionError) as refusal:
            check_name("step", "x" * 10_000)

        assert len(str(refusal.value)) < 300


class TestCheckKey:
    @pytest.mark.parametrize(
        "key", ["order-5", "a", "~/#", "with space", "ключ", "x" * MAX_KEY_LENGTH]
    )
    def test_a_legal_key_is_returned(self, key: str) -> None:
        assert check_key("key", key) == key

    @pytest.mark.parametrize(
        "key",
        [
            pytest.param("", id="empty"),
            pytest.param(" a", id="space_first"),
            pytest.param("a ", id="space_last"),
            pytest.param("a\nb", id="newline"),
            pytest.param("a\x00", id="nul"),
            pytest.param("a\u202eb", id="right_to_left"),
            pytest.param("\ud800", id="surrogate"),
            pytest.param("x" * (MAX_KEY_LENGTH + 1), id="long"),
            pytest.param(None, id="none"),
            pytest.param(5, id="number"),
        ],
    )
    def test_an_illegal_key_is_refused(self, key: object) -> None:
        with pytest.raises(DefinitionError, match="legal dedupe key"):
            check_key("dedupe key", key)


class TestCheckQueue:
    @pytest.mark.parametrize("queue", ["default", "a b", "очередь", "x" * MAX_QUEUE_LENGTH])
    def test_a_legal_one_is_returned_and_its_slots_are_keys(self, queue: str) -> None:
        assert check_queue(queue) == queue
        assert queue_of(check_key("slot", slot_of(queue, 10**9))) == queue

    @pytest.mark.parametrize("queue", ["", " a", "a\n", "x" * (MAX_QUEUE_LENGTH + 1), None, 5])
    def test_an_illegal_one_is_refused(self, queue: object) -> None:
        with pytest.raises(DefinitionError, match=r"legal queue: 1 to 200"):
            check_queue(queue)
