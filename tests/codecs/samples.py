"""Values, and classes of the kinds that users write, for the tests of the codecs."""

from __future__ import annotations

import json
from collections import namedtuple
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, Flag, IntEnum, StrEnum, auto
from typing import Any
from uuid import UUID

import pytest

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.exceptions import PayloadError


class Colour(Enum):
    RED = (255, 0, 0)
    BLUE = "blue"


class Priority(IntEnum):
    LOW = 1
    HIGH = 2


class Status(StrEnum):
    PAID = "paid"


class Permission(Flag):
    READ = auto()
    WRITE = auto()


class Loud(str):  # noqa: SLOT000 -- as users write them
    def __str__(self) -> str:
        return self.upper()


@dataclass
class Line:
    sku: str
    price: Decimal
    tags: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    id: UUID
    lines: tuple[Line, ...]
    status: Status = Status.PAID
    total: Decimal = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", sum((line.price for line in self.lines), Decimal(0)))

    @dataclass(frozen=True)
    class Note:
        text: str


@dataclass
class Doubled:
    amount: int

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise RuntimeError("an amount SECRET is never negative")
        self.amount *= 2


@dataclass
class Unset:
    name: str
    later: int = field(init=False)


@dataclass
class Node:
    children: list[Any]


Point = namedtuple("Point", "x y")  # noqa: PYI024 -- what is refused is this very kind

codec = TaggedJsonCodec()


def encode_problem(value: object) -> str:
    with pytest.raises(PayloadError) as caught:
        codec.encode(value)
    return caught.value.problem


def decode_problem(data: object) -> str:
    with pytest.raises(PayloadError) as caught:
        codec.decode(data if isinstance(data, str) else json.dumps(data))
    return caught.value.problem


def is_accepted(value: object) -> bool:
    try:
        codec.encode(value)
    except PayloadError:
        return False
    return True


THIS = __name__
NAIVE = datetime(2026, 1, 1, 0, 0, 0, 5)  # noqa: DTZ001 -- naive on purpose
SAMPLES = {
    "null": None,
    "true": True,
    "int": 2**100,
    "float": -0.5,
    "text": 'é\x00\ud800"$',
    "naive datetime": NAIVE,
    "aware datetime": datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=9))),
    "utc datetime": datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
    "date": date(2026, 11, 20),
    "time": time(9, 30, 1, 7),
    "aware time": time(9, 30, tzinfo=UTC),
    "timedelta": timedelta(days=-1, microseconds=3),
    "decimal": Decimal("9.90"),
    "uuid": UUID(int=7),
    "bytes": b"\x00\xff",
    "tuple": (1, (2, [3])),
    "empty tuple": (),
    "set": {1, "a", (2, 3)},
    "frozenset": frozenset({frozenset({1}), 2}),
    "enum": Colour.RED,
    "int enum": Priority.HIGH,
    "str enum": Status.PAID,
    "flag": Permission.READ,
    "flags": Permission.READ | Permission.WRITE,
    "no flags": Permission(0),
    "int keys": {1: "a", 2: "b"},
    "mixed keys": {1: 1, "1": 2, None: 3, (1, 2): 4, Status.PAID: 5, date(2026, 1, 1): 6},
    "tag-like key": {"$decimal": "1"},
    "tag-like key beside others": {"$": 1, "a": Decimal(1)},
    "dict tag-like key": {"$dict": [[1, 2]]},
    "dataclass": Line("a", Decimal("1.5"), ["x"]),
    "frozen slots dataclass": Order(id=UUID(int=1), lines=(Line("a", Decimal(2)),)),
    "nested class": Order.Note("hi"),
    "mutating constructor": Doubled(4),
}
