from __future__ import annotations

import json
import time as clock
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.utils.functional import SimpleLazyObject

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.control.payloads.plain_json import (
    ELLIPSIS,
    MAX_SHOWN_DEPTH,
    read_tagged,
    to_plain,
)
from durable_django.stores.orm.model_references import ModelReferences

codec = TaggedJsonCodec(adapters=(ModelReferences(),))


class Colour(Enum):
    RED = (255, 0, 0)


class Permission(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Item:
    sku: str
    price: Decimal
    parts: list[Any] = field(default_factory=list)

    @property
    def trap(self) -> str:
        raise AssertionError("a property was read")


class Rude:
    def __repr__(self) -> str:
        raise AssertionError("a repr was asked for")

    __str__ = __repr__


SAMPLES = [
    pytest.param({"a": [1, 2.5, "x", True, None]}, {"a": [1, 2.5, "x", True, None]}, id="plain"),
    pytest.param(datetime(2026, 11, 20, 8, 30, tzinfo=UTC), "2026-11-20T08:30:00Z", id="utc"),
    pytest.param(
        datetime(2026, 11, 20, 8, 30, tzinfo=timezone(timedelta(hours=2))),
        "2026-11-20T08:30:00+02:00",
        id="offset",
    ),
    pytest.param(date(2026, 11, 20), "2026-11-20", id="date"),
    pytest.param(time(8, 30), "08:30:00", id="time"),
    pytest.param(timedelta(days=3, hours=4), "P3DT04H00M00S", id="timedelta"),
    pytest.param(Decimal("12.30"), "12.30", id="decimal"),
    pytest.param(UUID(int=1), "00000000-0000-0000-0000-000000000001", id="uuid"),
    pytest.param(b"\x00\xff", "AP8=", id="bytes"),
    pytest.param((1, (2,)), [1, [2]], id="tuple"),
    pytest.param({5}, [5], id="set"),
    pytest.param(frozenset({"a"}), ["a"], id="frozenset"),
    pytest.param(Colour.RED, "RED", id="enum"),
    pytest.param(
        Item("a", Decimal("1.50"), [date(2026, 1, 1)]),
        {"sku": "a", "price": "1.50", "parts": ["2026-01-01"]},
        id="dataclass",
    ),
    pytest.param({1: "a", "$b": "c", (1, 2): "d"}, {"1": "a", "$b": "c", "[1, 2]": "d"}, id="keys"),
    pytest.param({"1": "a", 1: "b"}, {"1": "a", "1 (2)": "b"}, id="keys that become alike"),
    pytest.param("\ud800a\udfff", "\ufffda\ufffd", id="surrogates"),
    pytest.param({"\ud800": "\0"}, {"\ufffd": "\0"}, id="surrogate in a key"),
    pytest.param(2**80, 2**80, id="large integer"),
    pytest.param(User(pk=7), "auth.user:7", id="model"),
]


@pytest.mark.parametrize(("value", "plain"), SAMPLES)
def test_decoded_value_becomes_plain(value: Any, plain: Any):
    shown = to_plain(value)

    assert shown == plain
    json.dumps(shown, allow_nan=False, ensure_ascii=False).encode("utf-8")


@pytest.mark.parametrize(("value", "plain"), SAMPLES)
def test_stored_text_is_read_as_people_write_it(value: Any, plain: Any):
    if isinstance(value, User):
        value._state.adding = False

    assert read_tagged(json.loads(codec.encode(value))) == plain


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        pytest.param(float("nan"), "nan", id="nan"),
        pytest.param(float("-inf"), "-inf", id="infinity"),
        pytest.param(Rude(), "<Rude>", id="object"),
        pytest.param([Rude], ["<type>"], id="class"),
        pytest.param(SimpleLazyObject(lambda: 1 / 0), "<SimpleLazyObject>", id="lazy object"),
        pytest.param(OrderedDict(a=(1,)), {"a": [1]}, id="derived dict"),
        pytest.param(Permission.READ | Permission.WRITE, "READ|WRITE", id="flags"),
    ],
)
def test_what_json_cannot_say_is_said_without_running_anything(value: Any, plain: Any):
    assert to_plain(value) == plain


def test_value_inside_itself_ends_in_an_ellipsis():
    value: list[Any] = []
    value.append(value)

    text = json.dumps(to_plain(value), ensure_ascii=False)

    assert text == "[" * MAX_SHOWN_DEPTH + f'"{ELLIPSIS}"' + "]" * MAX_SHOWN_DEPTH


@pytest.mark.parametrize(
    "data",
    [
        {"$datetime": "yesterday"},
        {"$datetime": 5},
        {"$timedelta": [1, "a", 2]},
        {"$timedelta": [10**30, 0, 0]},
        {"$decimal": ["1"]},
        {"$dict": [[1]]},
        {"$dict": {"a": 1}},
        {"$tuple": 5},
        {"$model": "auth.user"},
        {"$model": {"model": "auth.user"}},
        {"$nobody": 1},
        {"$fernet": "x"},
    ],
    ids=json.dumps,
)
def test_tag_that_nobody_wrote_stays_as_it_is(data: Any):
    assert read_tagged(data) == data


def test_names_in_the_text_are_not_looked_up():
    data = {"$dataclass": "os:system", "command": {"$enum": "no.such:Class", "name": "A"}}

    assert read_tagged(data) == {"command": "A"}


def test_reference_is_shown_and_not_fetched():
    data = [{"$model": {"model": "auth.user", "pk": 7}}, {"$model": {"model": "x.y", "pk": {"$uuid": "u"}, "db": "other"}}]  # fmt: skip

    # Without the mark `django_db` a query would be an error.
    assert read_tagged(data) == ["auth.user:7", "x.y:u@other"]


@pytest.mark.parametrize("tag", ["$date", "$dict", "$tuple", "$model", "$nobody", "$timedelta"])
def test_forged_nesting_is_read_in_linear_time(tag: str):
    data: Any = 1
    for _ in range(MAX_SHOWN_DEPTH - 2):
        data = {tag: data}
    begun = clock.process_time()

    assert read_tagged(data) == data

    assert clock.process_time() - begun < 0.5


def test_many_keys_that_become_alike_are_numbered_in_linear_time():
    begun = clock.process_time()

    shown = read_tagged({"$dict": [[1, 0]] * 20_000})

    assert list(shown)[-1] == "1 (20000)"
    assert clock.process_time() - begun < 1
