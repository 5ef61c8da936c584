"""The tagged forms of single values: instants, numbers, identifiers, bytes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class ScalarForm:
    """How one type is written and read; a subclass is written as, and so becomes, the type."""

    tag: str
    type: type
    #: Raises ValueError if this value of the type cannot be stored.
    to_json: Callable[[Any], Any]
    #: Raises ValueError, TypeError or ArithmeticError for what `to_json` cannot have written.
    from_json: Callable[[Any], Any]


def _time_to_json(value: time) -> str:
    if value.tzinfo is not None and value.utcoffset() is None:
        raise ValueError("is a time in a zone without a fixed offset; store a datetime instead.")
    return time.isoformat(value)


def _decimal_from_json(data: Any) -> Decimal:
    return Decimal(_text(data))


def _uuid_from_json(data: Any) -> UUID:
    return UUID(_text(data))


def _bytes_to_json(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode("ascii")


def _bytes_from_json(data: Any) -> bytes:
    return base64.b64decode(_text(data), validate=True)


def _timedelta_to_json(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _timedelta_from_json(data: Any) -> timedelta:
    days, seconds, microseconds = data
    return timedelta(days, seconds, microseconds)


def _text(data: Any) -> str:
    if type(data) is not str:
        raise TypeError("not a string")
    return data


#: A class before the classes it inherits from.
SCALAR_FORMS = (
    ScalarForm("datetime", datetime, datetime.isoformat, datetime.fromisoformat),
    ScalarForm("date", date, date.isoformat, date.fromisoformat),
    ScalarForm("time", time, _time_to_json, time.fromisoformat),
    ScalarForm("timedelta", timedelta, _timedelta_to_json, _timedelta_from_json),
    ScalarForm("decimal", Decimal, Decimal.__str__, _decimal_from_json),
    ScalarForm("uuid", UUID, UUID.__str__, _uuid_from_json),
    ScalarForm("bytes", bytes, _bytes_to_json, _bytes_from_json),
    ScalarForm("bytes", bytearray, _bytes_to_json, _bytes_from_json),
    ScalarForm("bytes", memoryview, _bytes_to_json, _bytes_from_json),
)
