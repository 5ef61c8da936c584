"""Single values of a workflow's input: how JSON writes them, and how they are read from it.

A value that is of the Python type already is taken as it is, so that reading twice changes nothing.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_duration

_EXACT_FLOAT = 2**53
_MAX_DURATION_LENGTH = 100
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?")
_DECIMAL = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,100})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

#: What a reader raises for what it cannot read.
UNREADABLE = (ValueError, TypeError, ArithmeticError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarShape:
    """A single value. `read` raises one of UNREADABLE; `rule` continues "must be …"."""

    type: type
    word: str
    rule: str
    read: Callable[[Any], Any]
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceShape:
    """One of several values: a Literal, or the members of an Enum."""

    #: What JSON says, the value it stands for, and what people read.
    options: tuple[tuple[Any, Any, str], ...]
    #: The members of an Enum by name: a stored one is shown, and taken back, by its name.
    names: dict[str, Any] = field(default_factory=dict)

    @property
    def rule(self) -> str:
        """Continues "must be …"."""
        return f"one of {', '.join(json.dumps(plain) for plain, _, _ in self.options)}"

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema."""
        return {"enum": [plain for plain, _, _ in self.options]}

    def read(self, given: Any) -> Any:
        """Return the value that JSON stands for; raises ValueError if there is none."""
        for plain, value, _ in self.options:
            if given is value or (type(given) is type(plain) and given == plain):
                return value
        if isinstance(given, str) and given in self.names:
            return self.names[given]
        raise ValueError("none of them")


def read_enum(cls: type[Enum]) -> ChoiceShape | ScalarShape:
    """Return the shape of an Enum: its values if JSON has them, else its names; a Flag's number."""
    if issubclass(cls, Flag):
        return ScalarShape(
            type=cls,
            word="integer",
            rule=f"the number of a {cls.__name__}",
            read=lambda given: given if isinstance(given, cls) else cls(_integer(given)),
            schema={"type": "integer"},
        )
    members = cls.__members__
    speaks = all(is_plain_scalar(member.value) for member in members.values())
    return ChoiceShape(
        options=tuple(
            (member.value if speaks else name, member, str(getattr(member, "label", name)))
            for name, member in members.items()
        ),
        names=dict(members),
    )


def is_plain_scalar(value: Any) -> bool:
    """Return whether the value is exactly a text, number, bool or None of JSON."""
    if type(value) is float:
        return math.isfinite(value)
    return type(value) in (str, int, bool, type(None))


def _integer(given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return int(given)
    # JSON has one kind of number, and 5.0 is a whole one.
    if isinstance(given, float) and given.is_integer() and abs(given) < _EXACT_FLOAT:
        return int(given)
    raise TypeError("no integer")


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not math.isfinite(given):
        raise TypeError("no number")
    return float(given)


def _exactly(kind: type) -> Callable[[Any], Any]:
    def check(given: Any) -> Any:
        if not isinstance(given, kind):
            raise TypeError("another type")
        return given

    return check


def _text(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError("no text")
    return given


def _instant(given: Any) -> datetime:
    is_instant = isinstance(given, datetime)
    instant: datetime = given if is_instant else datetime.fromisoformat(_text(given).upper())
    if instant.tzinfo is None and not is_instant:
        raise ValueError("no offset")
    instant.astimezone(UTC)  # fails at both ends of the calendar, where no page could show it
    return instant


def _date(given: Any) -> date:
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    return date.fromisoformat(_matching(_DATE, given))


def _time(given: Any) -> time:
    return given if isinstance(given, time) else time.fromisoformat(_matching(_TIME, given))


def _duration(given: Any) -> timedelta:
    if isinstance(given, timedelta):
        return given
    if not isinstance(given, str):
        return timedelta(seconds=_number(given))
    duration = parse_duration(given) if len(given) <= _MAX_DURATION_LENGTH else None
    if duration is None:
        raise ValueError("no duration")
    return duration


def _decimal(given: Any) -> Decimal:
    if isinstance(given, Decimal) and given.is_finite():
        return given
    if isinstance(given, str):
        return Decimal(_matching(_DECIMAL, given))
    _number(given)
    return Decimal(repr(given))


def _uuid(given: Any) -> UUID:
    return given if isinstance(given, UUID) else UUID(_matching(_UUID, given))


def _bytes(given: Any) -> bytes:
    return given if isinstance(given, bytes) else base64.b64decode(_text(given), validate=True)


def _matching(pattern: re.Pattern[str], given: Any) -> str:
    if not isinstance(given, str) or pattern.fullmatch(given) is None:
        raise ValueError("another form")
    return given


SCALAR_SHAPES: dict[type, ScalarShape] = {
    shape.type: shape
    for shape in (
        ScalarShape(
            type=int, word="integer", rule="an integer", read=_integer, schema={"type": "integer"}
        ),
        ScalarShape(
            type=float, word="number", rule="a number", read=_number, schema={"type": "number"}
        ),
        ScalarShape(
            type=str, word="string", rule="a string", read=_text, schema={"type": "string"}
        ),
        ScalarShape(
            type=bool,
            word="true or false",
            rule="true or false",
            read=_exactly(bool),
            schema={"type": "boolean"},
        ),
        ScalarShape(
            type=type(None),
            word="null",
            rule="null",
            read=_exactly(type(None)),
            schema={"type": "null"},
        ),
        ScalarShape(
            type=datetime,
            word="date-time",
            rule="a date and time with an offset, such as 2026-11-20T08:30:00Z",
            read=_instant,
            schema={"type": "string", "format": "date-time"},
        ),
        ScalarShape(
            type=date,
            word="date",
            rule="a date such as 2026-11-20",
            read=_date,
            schema={"type": "string", "format": "date"},
        ),
        ScalarShape(
            type=time,
            word="time",
            rule="a time such as 08:30:00",
            read=_time,
            schema={"type": "string", "pattern": f"^{_TIME.pattern}$"},
        ),
        ScalarShape(
            type=timedelta,
            word="duration",
            rule="a duration: a number of seconds, or text such as P3DT4H",
            read=_duration,
            schema={
                "anyOf": [
                    {"type": "number", "description": "seconds"},
                    {"type": "string", "format": "duration"},
                ]
            },
        ),
        ScalarShape(
            type=Decimal,
            word="decimal",
            rule='a decimal number, best as a string: "12.30"',
            read=_decimal,
            schema={
                "anyOf": [
                    {"type": "string", "pattern": f"^{_DECIMAL.pattern}$"},
                    {"type": "number"},
                ]
            },
        ),
        ScalarShape(
            type=UUID,
            word="uuid",
            rule="a UUID",
            read=_uuid,
            schema={"type": "string", "format": "uuid"},
        ),
        ScalarShape(
            type=bytes,
            word="base64",
            rule="base64 text",
            read=_bytes,
            schema={"type": "string", "contentEncoding": "base64"},
        ),
    )
}
NULL = SCALAR_SHAPES[type(None)]
