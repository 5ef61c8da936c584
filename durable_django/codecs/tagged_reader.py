"""Read tagged JSON: what `TaggedJsonCodec` wrote, or anything at all.

The text may have been forged by whoever can write to the database. What it names is looked up, as
a tag among the tags and as a class among the loaded dataclasses and Enums, and never imported.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, Flag
from typing import Any

from durable_django.codecs.loaded_classes import find_class
from durable_django.codecs.refusal import MAX_NESTING, Refusal, refuse_deep_nesting, segment_of
from durable_django.codecs.scalar_forms import SCALAR_FORMS
from durable_django.exceptions import ConfigurationError, PayloadError

_MISSING = object()
#: A value's level takes up to three in the text: `{"$dict": [[key, value]]}`.
_MAX_NESTING = 3 * MAX_NESTING
_MAX_SHOWN = 100
#: What the readers of single tags raise for data that no writer wrote.
_MALFORMED = (ValueError, TypeError, ArithmeticError, LookupError)


class TaggedReader:
    """Turns tagged JSON text into values. Every failure is a Refusal, or an adapter's own error."""

    def __init__(self, adapters: Mapping[str, Callable[[Any], Any]]) -> None:
        #: Tags whose data is read first, and then turned into the value.
        self._readers: dict[str, Callable[[Any], Any]] = {
            **{f"${form.tag}": form.from_json for form in SCALAR_FORMS},
            "$tuple": lambda data: tuple(_items(data)),
            "$set": lambda data: set(_items(data)),
            "$frozenset": lambda data: frozenset(_items(data)),
            "$dict": lambda data: dict(_items(data)),
        }
        self._adapters = {f"${tag}": read for tag, read in adapters.items()}
        taken = self._readers.keys() | {"$enum", "$dataclass"}
        for tag in adapters:
            if not tag.isidentifier() or f"${tag}" in taken:
                raise ConfigurationError(
                    f"The type adapter's tag {tag!r} is taken, or no identifier; choose another."
                )

    def read(self, text: str) -> Any:
        """Return the value of `text`."""
        try:
            data = _parse(text)
        except json.JSONDecodeError as exc:
            raise Refusal(f"is not JSON: {exc.msg} at character {exc.pos}.") from None
        except (ValueError, TypeError):
            raise Refusal("is not JSON text, or holds a number that cannot be read.") from None
        # Every tag is a key that starts with $: without one there is nothing to turn.
        return self._read(data, 0) if '"$' in text else data

    def _read(self, data: Any, depth: int) -> Any:
        if type(data) is dict:
            tag = next((key for key in data if key[:1] == "$"), None)
            return self._read_dict(data, depth) if tag is None else self._read_tag(tag, data, depth)
        return self._read_list(data, depth) if type(data) is list else data

    def _read_dict(self, data: dict[str, Any], depth: int) -> dict[str, Any]:
        if depth > _MAX_NESTING:
            raise refuse_deep_nesting()
        value: dict[str, Any] = {}
        key = ""
        try:
            for key, item in data.items():
                value[key] = self._read(item, depth + 1)
        except Refusal as refusal:
            refusal.passes(segment_of(key), data)
            raise
        return value

    def _read_list(self, data: list[Any], depth: int) -> list[Any]:
        if depth > _MAX_NESTING:
            raise refuse_deep_nesting()
        value: list[Any] = []
        try:
            for item in data:
                value.append(self._read(item, depth + 1))  # noqa: PERF401 -- its length is the path
        except Refusal as refusal:
            refusal.passes(f"[{len(value)}]", data)
            raise
        return value

    def _read_tag(self, tag: str, data: dict[str, Any], depth: int) -> Any:
        if tag == "$dataclass":
            found = data[tag]
            rest = {key: item for key, item in data.items() if key != tag}
            return _build_dataclass(found, self._read_dict(rest, depth))
        if tag == "$enum":
            return _find_member(data)
        if len(data) != 1:
            raise Refusal(f"has the tag {_show(tag)} and other keys beside it.")
        if tag in self._adapters:
            return self._read_adapted(tag, self._read(data[tag], depth + 1))
        if tag not in self._readers:
            raise Refusal(f"has the tag {_show(tag)}, which no codec or type adapter here reads.")
        try:
            return self._readers[tag](self._read(data[tag], depth + 1))
        except _MALFORMED as exc:
            raise Refusal(f"is no valid {tag}.") from exc

    def _read_adapted(self, tag: str, data: Any) -> Any:
        try:
            return self._adapters[tag](data)
        except PayloadError as exc:
            raise Refusal(exc.problem) from exc


def _items(data: object) -> list[Any]:
    if not isinstance(data, list):
        raise TypeError("not a list")
    return data


def _build_dataclass(name: object, values: dict[str, Any]) -> Any:
    """Construct it, so that its invariants hold, then put back what `__post_init__` changed."""
    cls = find_class(name)
    if cls is None or not is_dataclass(cls):
        raise Refusal(_explain_absence(name, "dataclass"))
    takes = {field.name: field.init for field in fields(cls)}
    unknown = sorted(values.keys() - takes.keys())
    if unknown:
        raise Refusal(f"has the field {_show(unknown[0])}, which {_show(name)} has not (any more).")
    try:
        built = cls(**{key: item for key, item in values.items() if takes[key]})
        for key, item in values.items():
            if getattr(built, key, _MISSING) is not item:
                object.__setattr__(built, key, item)
    except Exception as exc:  # the user's own constructor may raise anything
        problem = f"is refused by the constructor of {_show(name)}: {type(exc).__name__}."
        raise Refusal(problem) from exc
    return built


def _find_member(data: dict[str, Any]) -> Enum:
    name = data["$enum"]
    cls = find_class(name)
    if cls is None or not issubclass(cls, Enum):
        raise Refusal(_explain_absence(name, "Enum"))
    if data.keys() == {"$enum", "value"} and issubclass(cls, Flag) and type(data["value"]) is int:
        try:
            return cls(data["value"])
        except ValueError as exc:
            raise Refusal(f"is no valid {_show(name)}.") from exc
    member_name = data["name"] if data.keys() == {"$enum", "name"} else None
    member = cls.__members__.get(member_name) if isinstance(member_name, str) else None
    if member is None:
        raise Refusal(f"is no member that {_show(name)} has (any more).")
    return member


def _explain_absence(name: object, kind: str) -> str:
    return (
        f"names the class {_show(name)}, and no {kind} of that name is loaded in this process; "
        f"import it from a module that workers load, such as the app's workflows.py."
    )


def _show(name: object) -> str:
    if not isinstance(name, str):
        return f"<{type(name).__name__}>"
    return ascii(name if len(name) <= _MAX_SHOWN else name[:_MAX_SHOWN] + "…")


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


_parse = json.JSONDecoder(parse_constant=_refuse_constant).decode
