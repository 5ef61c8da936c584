"""Values of every kind as plain JSON, for people and for API clients to read.

Nothing is executed for it: a model reference is not fetched, a class that a text names is not
looked up, and an object of a class that is not known here is shown by its class alone, because its
`repr` may run anything and say anything.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.utils.duration import duration_iso_string

#: Containers inside containers that are shown; deeper ones are an ellipsis.
MAX_SHOWN_DEPTH = 64
ELLIPSIS = "…"

#: Python prints no integer of more digits.
_INTEGER_LIMIT = 10**4300
_SURROGATE = re.compile("[\ud800-\udfff]")
_SEQUENCES = (list, tuple, set, frozenset)


def to_plain(value: Any) -> Any:
    """Return any Python value as JSON knows it: dict, list, str, int, finite float, bool, None.

    Text has no lone surrogates left, so it can be sent; an integer may have any size.
    """
    return _to_plain(value, 0)


def read_tagged(data: Any) -> Any:
    """Return the parsed text of the tagged JSON codec with its tags as people write such values.

    `{"$decimal": "9.90"}` becomes `"9.90"`, a datetime its ISO form (UTC as `Z`), a model
    reference `"shop.order:7"`, an Enum its member's name, a dataclass the dict of its fields.
    A tag that is not known, or not well-formed, stays as it is.
    """
    return _read_tagged(data, 0)


def _to_plain(value: Any, depth: int) -> Any:
    # By type, not isinstance: a lazy object shows another class than it has, and fetches it.
    kind = type(value)
    if value is None or kind is bool:
        return value
    for known, convert in _LEAVES:
        if issubclass(kind, known):
            return convert(value)
    return ELLIPSIS if depth >= MAX_SHOWN_DEPTH else _container_to_plain(value, kind, depth)


def _container_to_plain(value: Any, kind: type, depth: int) -> Any:
    if issubclass(kind, dict):
        return _with_text_keys(
            (_key_of(_to_plain(key, depth + 1)), _to_plain(item, depth + 1))
            for key, item in dict.items(value)
        )
    if issubclass(kind, _SEQUENCES):
        return [_to_plain(item, depth + 1) for item in value]
    if is_dataclass(kind):
        held = [(field.name, _held(value, field.name)) for field in fields(kind)]
        return {name: _to_plain(item, depth + 1) for name, item in held}
    return f"<{kind.__qualname__}>"


def _held(value: Any, name: str) -> Any:
    try:
        return object.__getattribute__(value, name)
    except AttributeError:
        return None


def _model_text(value: Model) -> str:
    return f"{value._meta.label_lower}:{value.pk}"  # noqa: SLF001 -- documented by Django


def _number(value: float) -> float | str:
    return float.__float__(value) if math.isfinite(value) else repr(float(value))


def _integer(value: int) -> int | str:
    if -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
        return int.__int__(value)
    return f"<int of {value.bit_length()} bits>"


def _instant(value: datetime) -> str:
    text = datetime.isoformat(value)
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


def _text(value: str) -> str:
    """Return it without lone surrogates: no encoding can send them."""
    text = str.__str__(value)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _base64(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode("ascii")


#: A class before the classes it inherits from.
_LEAVES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Enum, lambda value: _text(value.name or str(value.value))),
    (str, _text),
    (int, _integer),
    (float, _number),
    (datetime, _instant),
    (date, date.isoformat),
    (time, time.isoformat),
    (timedelta, duration_iso_string),
    (Decimal, Decimal.__str__),
    (UUID, UUID.__str__),
    (bytes, _base64),
    (bytearray, _base64),
    (memoryview, _base64),
    (Model, _model_text),
)


def _key_of(plain: Any) -> str:
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _with_text_keys(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dict of them; keys that have become alike (`1` and `"1"`) are numbered."""
    plain: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for key, item in pairs:
        seen[key] += 1
        plain[key if seen[key] == 1 else f"{key} ({seen[key]})"] = item
    return plain


def _read_tagged(data: Any, depth: int) -> Any:
    if not isinstance(data, (dict, list)):
        return _to_plain(data, depth)
    if depth >= MAX_SHOWN_DEPTH:
        return ELLIPSIS
    if isinstance(data, list):
        return [_read_tagged(item, depth + 1) for item in data]
    tag = next((key for key in data if key[:1] == "$"), None)
    return _read_dict(data, depth) if tag is None else _read_tag(tag, data, depth)


def _read_dict(data: dict[str, Any], depth: int) -> dict[str, Any]:
    return {_text(key): _read_tagged(item, depth + 1) for key, item in data.items()}


def _read_tag(tag: str, data: dict[str, Any], depth: int) -> Any:
    content = data[tag]
    if tag == "$dataclass":
        return _read_dict({key: item for key, item in data.items() if key != tag}, depth)
    if tag == "$enum":
        return _to_plain(data.get("name", data.get("value")), depth)
    if tag in _SCALAR_TAGS:
        try:
            return _SCALAR_TAGS[tag](content)
        except (ValueError, TypeError, ArithmeticError):
            return _read_dict(data, depth)
    return _read_container_tag(tag, data, depth)


def _read_container_tag(tag: str, data: dict[str, Any], depth: int) -> Any:
    content = data[tag]
    # Whether it is well-formed is known before anything inside is read: reading twice at each
    # level would double the work per level.
    if tag == "$dict" and _is_pairs(content):
        return _with_text_keys(
            (_key_of(_read_tagged(key, depth + 1)), _read_tagged(item, depth + 1))
            for key, item in content
        )
    if tag == "$model" and isinstance(content, dict) and content.keys() >= {"model", "pk"}:
        return _read_reference(content, depth)
    is_sequence = tag in _SEQUENCE_TAGS and isinstance(content, list)
    return _read_tagged(content, depth) if is_sequence else _read_dict(data, depth)


def _is_pairs(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(pair, list) and len(pair) == _PAIR for pair in content
    )


def _read_reference(content: dict[str, Any], depth: int) -> str:
    parts = {name: _key_of(_read_tagged(part, depth + 1)) for name, part in content.items()}
    database = f"@{parts['db']}" if "db" in parts else ""
    return f"{parts['model']}:{parts['pk']}{database}"


def _written_text(content: Any) -> str:
    if not isinstance(content, str):
        raise TypeError("not text")
    return _text(content)


_PAIR = 2
_SEQUENCE_TAGS = frozenset({"$tuple", "$set", "$frozenset"})
#: How the content is shown; raises ValueError, TypeError or ArithmeticError if nobody wrote it so.
_SCALAR_TAGS: dict[str, Callable[[Any], str]] = {
    "$datetime": lambda content: _instant(datetime.fromisoformat(content)),
    "$date": _written_text,
    "$time": _written_text,
    "$timedelta": lambda content: duration_iso_string(timedelta(*content)),
    "$decimal": _written_text,
    "$uuid": _written_text,
    "$bytes": _written_text,
}
