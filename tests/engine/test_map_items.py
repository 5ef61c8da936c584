from __future__ import annotations

from uuid import UUID

import pytest

from durable_django.domain.identifiers import MAX_NAME_LENGTH, child_id, groups_of, new_id
from durable_django.domain.status import CheckpointKind
from durable_django.engine.map_items import check_lengths, keys_of
from durable_django.engine.map_manager import MapOptions
from durable_django.engine.records import Call
from durable_django.exceptions import DefinitionError
from durable_django.testing.clock import ManualClock

SOME = UUID("0b3a4a52-7c1e-4d49-9a53-0d5f0a3f5a01")


@pytest.mark.parametrize(
    ("item", "key"),
    [("a", "a"), ("a b", "a b"), (7, "7"), (-7, "-7"), (SOME, str(SOME)), ("é", "é")],
)
def test_plain_keys_are_as_people_wrote_them(item, key):
    assert keys_of("m", [item], None) == [key]


@pytest.mark.parametrize(
    "item",
    ["", " ", " a", "a ", "a/b", "a|b", "~a", "a\n", "\u200b", "x" * 101, "\x00"],
    ids=lambda item: repr(item)[:8],
)
def test_others_are_digests_that_look_like_no_branch(item):
    [key] = keys_of("m", [item], None)

    assert key.startswith("~")
    assert len(key) == 33
    assert key == keys_of("m", [item], None)[0]


def test_different_items_have_different_keys():
    odd = ["", " ", "a ", " a", "a", "A", "a/b", "a|b", "x" * 200, "x" * 201]

    assert len(set(keys_of("m", odd, None))) == len(odd)


def test_a_function_tells_items_apart():
    assert keys_of("m", [{"id": 1}, {"id": 2}], lambda item: item["id"]) == ["1", "2"]


def test_a_key_that_comes_twice_is_named():
    with pytest.raises(DefinitionError, match="'b'"):
        keys_of("m", ["a", "b", "c", "b"], None)


@pytest.mark.parametrize("item", [1.0, True, None, b"a", (1,)], ids=repr)
def test_what_is_no_key_is_refused(item):
    with pytest.raises(DefinitionError, match="Give key="):
        keys_of("m", [item], None)


@pytest.mark.parametrize(("length", "is_legal"), [(379, True), (380, False)])
def test_the_keys_of_items_fit_their_column(length, is_legal):
    call = Call(key="m" * length, name="m", position=1, kind=CheckpointKind.MAP)
    if is_legal:
        check_lengths(call, ["a", "x" * 100])
        return
    with pytest.raises(DefinitionError, match="480 characters"):
        check_lengths(call, ["a", "x" * 100])


@pytest.mark.parametrize(
    ("tolerate", "count", "allowed"),
    [
        (0, 5, 0), (3, 5, 3), (9, 5, 9), (0.0, 5, 0), (1.0, 5, 5), (0.5, 5, 2),
        (0.29, 100, 29), (0.07, 100, 7), (0.1, 9, 0), (0.1, 10, 1), (1 / 3, 3, 1),
    ],
)  # fmt: skip
def test_so_many_may_fail(tolerate, count, allowed):
    assert MapOptions(tolerate=tolerate).allowed(count) == allowed


class TestIdentifiers:
    def test_a_child_s_id_is_the_same_whenever_it_is_asked_for(self):
        parent, now = new_id(), ManualClock().now()

        assert child_id(parent, "pay@1", now) == child_id(parent, "pay@1", now)
        others = {
            child_id(parent, "pay@2", now),
            child_id(parent, "pay#2@1", now),
            child_id(new_id(), "pay@1", now),
        }
        assert len(others | {child_id(parent, "pay@1", now)}) == 4

    def test_it_sorts_by_time_and_is_a_uuid_of_version_7(self):
        clock = ManualClock()
        first = child_id(SOME, "pay@1", clock.now())
        clock.advance(seconds=1)
        second = child_id(SOME, "pay@1", clock.now())

        assert first < second
        assert (first.version, first.variant) == (7, "specified in RFC 4122")

    @pytest.mark.parametrize(
        ("call", "groups"),
        [
            ("pay", ["pay"]),
            ("all/a", ["all", "all/a"]),
            ("all#2/a/in/b#3", ["all#2", "all#2/a", "all#2/a/in", "all#2/a/in/b#3"]),
        ],
    )
    def test_a_call_stands_in_its_groups_and_branches(self, call, groups):
        assert groups_of(call) == groups

    def test_a_name_leaves_room_for_items(self):
        assert MAX_NAME_LENGTH + 1 + 100 < 480
