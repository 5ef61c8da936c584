"""Canonical JSON, with a tag where JSON has no such type: `{"$decimal": "9.90"}`.

Canonical: equal values of equal types give the same ASCII text, so dicts come back sorted by key,
whatever order they had. A type that is merely derived from a known one (`SafeString`,
`defaultdict`, `bytearray`) comes back as the known one; an aware datetime keeps its offset, not
the name of its zone. A dict with a key that starts with `$`, or that is no string, is written as
pairs, so no value can pass itself off as a tag.

Reading imports nothing and calls nothing that the text names, but for the constructor of a class
that is loaded already and is a dataclass or an Enum.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum, Flag
from math import isfinite
from typing import Any, Protocol

from durable_django.codecs.loaded_classes import name_class
from durable_django.codecs.refusal import (
    MAX_NESTING,
    Refusal,
    describe_type,
    refuse_deep_nesting,
    segment_of,
)
from durable_django.codecs.scalar_forms import SCALAR_FORMS
from durable_django.codecs.tagged_reader import TaggedReader
from durable_django.exceptions import ConfigurationError, PayloadError

#: Python refuses to read integers with more digits than this.
_INTEGER_LIMIT = 10**4300
_ATOMS = frozenset({str, bool, type(None)})
_MISSING = object()

_to_text = json.JSONEncoder(
    ensure_ascii=True,
    check_circular=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
).encode


class TypeAdapter(Protocol):
    """Teaches the codec a family of types, stored as `{"$<tag>": …}`.

    An adapter says no with a PayloadError, whose `problem` continues "<path> …"; any other
    exception passes through the codec as it is (a database that is down is no bad payload).
    """

    @property
    def tag(self) -> str:
        """Return the tag without its `$`: an identifier that nothing else uses."""

    def matches(self, value: Any) -> bool:
        """Return whether the adapter stores this value. Must not raise."""

    def to_json(self, value: Any) -> Any:
        """Return what to store instead: any value that the codec can store."""

    def from_json(self, data: Any) -> Any:
        """Return the value of which `data` is stored; `data` is from outside, so check it."""


class TaggedJsonCodec:
    """The default codec. Safe to share between threads."""

    def __init__(self, adapters: Sequence[TypeAdapter] = ()) -> None:
        self._adapters = tuple(adapters)
        self._reader = TaggedReader({adapter.tag: adapter.from_json for adapter in adapters})
        if len({adapter.tag for adapter in adapters}) != len(self._adapters):
            raise ConfigurationError("Two type adapters have the same tag; tags are unique.")
        self._leaves: dict[type, Callable[[Any], Any]] = {
            int: _encode_int,
            float: _encode_float,
            str: str.__str__,
            **{form.type: _scalar_encoder(form.tag, form.to_json) for form in SCALAR_FORMS},
        }
        self._containers: dict[type, Callable[[Any, int], Any]] = {
            dict: self._encode_dict,
            list: self._encode_list,
            tuple: lambda value, depth: {"$tuple": self._encode_list(value, depth)},
            set: lambda value, depth: {"$set": self._encode_set(value, depth)},
            frozenset: lambda value, depth: {"$frozenset": self._encode_set(value, depth)},
        }

    def encode(self, value: Any) -> str:
        try:
            return _to_text(self._encode(value, 0))
        except Refusal as refusal:
            raise refusal.to_error() from refusal.__cause__
        except RecursionError:
            raise refuse_deep_nesting().to_error() from None

    def decode(self, text: str) -> Any:
        try:
            return self._reader.read(text)
        except Refusal as refusal:
            raise refusal.to_error() from refusal.__cause__
        except RecursionError:
            raise refuse_deep_nesting().to_error() from None

    def _encode(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind in _ATOMS:
            return value
        if (leaf := self._leaves.get(kind)) is not None:
            return leaf(value)
        if (container := self._containers.get(kind)) is not None:
            return container(value, depth)
        for adapter in self._adapters:
            if adapter.matches(value):
                return self._encode_adapted(adapter, value, depth)
        return self._encode_derived(value, depth)

    def _encode_adapted(self, adapter: TypeAdapter, value: Any, depth: int) -> dict[str, Any]:
        try:
            data = adapter.to_json(value)
        except PayloadError as exc:
            raise Refusal(exc.problem) from exc
        return {f"${adapter.tag}": self._encode(data, depth + 1)}

    def _encode_derived(self, value: Any, depth: int) -> Any:
        # By type, not isinstance: a lazy proxy shows another class than it has.
        kind = type(value)
        if issubclass(kind, Enum):
            return _encode_enum(value)
        if is_dataclass(kind):
            return self._encode_dataclass(value, depth)
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            raise Refusal(f"is the named tuple {describe_type(kind)}; make it a dataclass.")
        for known, leaf in self._leaves.items():
            if issubclass(kind, known):
                return leaf(value)
        for known, container in self._containers.items():
            if issubclass(kind, known):
                return container(value, depth)
        raise Refusal(_explain(kind))

    def _encode_dict(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        if depth >= MAX_NESTING:
            raise refuse_deep_nesting()
        # Before any item is encoded: to begin again at each level would double the work per level.
        for key in value:
            if type(key) is not str or key[:1] == "$":
                return self._encode_pairs(value, depth)
        encoded: dict[str, Any] = {}
        key = ""
        try:
            for key, item in value.items():
                encoded[key] = item if type(item) in _ATOMS else self._encode(item, depth + 1)
        except Refusal as refusal:
            refusal.passes(segment_of(key), value)
            raise
        return encoded

    def _encode_pairs(self, value: dict[Any, Any], depth: int) -> dict[str, Any]:
        pairs: list[list[Any]] = []
        for key, item in value.items():
            try:
                pairs.append([self._encode(key, depth + 1), self._encode(item, depth + 1)])
            except Refusal as refusal:
                refusal.passes(segment_of(key), value)
                raise
        if all(type(key) is str and key[:1] != "$" for key, _ in pairs):
            return dict(pairs)
        return {"$dict": sorted(pairs, key=lambda pair: _to_text(pair[0]))}

    def _encode_list(self, value: Iterable[Any], depth: int) -> list[Any]:
        if depth >= MAX_NESTING:
            raise refuse_deep_nesting()
        encoded: list[Any] = []
        try:
            for item in value:
                encoded.append(  # noqa: PERF401 -- its length so far is where a refusal happened
                    item if type(item) in _ATOMS else self._encode(item, depth + 1)
                )
        except Refusal as refusal:
            refusal.passes(f"[{len(encoded)}]", value)
            raise
        return encoded

    def _encode_set(self, value: Iterable[Any], depth: int) -> list[Any]:
        return sorted(self._encode_list(value, depth), key=_to_text)

    def _encode_dataclass(self, value: Any, depth: int) -> dict[str, Any]:
        if depth >= MAX_NESTING:
            raise refuse_deep_nesting()
        encoded: dict[str, Any] = {"$dataclass": _name(type(value))}
        for field in fields(value):
            # Absent only where a class with init=False fields never set one.
            item = getattr(value, field.name, _MISSING)
            if item is _MISSING:
                continue
            try:
                encoded[field.name] = self._encode(item, depth + 1)
            except Refusal as refusal:
                refusal.passes(f".{field.name}", value)
                raise
        return encoded


def _scalar_encoder(tag: str, to_json: Callable[[Any], Any]) -> Callable[[Any], Any]:
    tag = f"${tag}"

    def encode_scalar(value: Any) -> dict[str, Any]:
        try:
            return {tag: to_json(value)}
        except ValueError as exc:
            raise Refusal(str(exc)) from exc

    return encode_scalar


def _encode_float(value: float) -> float:
    if not isfinite(value):
        raise Refusal("is a float that JSON has no number for (NaN or infinite).")
    return float.__float__(value)


def _encode_int(value: int) -> int:
    if not -_INTEGER_LIMIT < value < _INTEGER_LIMIT:
        raise Refusal("is an integer of more than 4300 digits.")
    return int.__int__(value)


def _encode_enum(value: Enum) -> dict[str, Any]:
    kind = type(value)
    if isinstance(value, Flag) and value.name not in kind.__members__:
        return {"$enum": _name(kind), "value": value.value}
    return {"$enum": _name(kind), "name": value.name}


def _name(kind: type) -> str:
    try:
        return name_class(kind)
    except ValueError as exc:
        raise Refusal(f"is of class {describe_type(kind)}, {exc}") from None


def _explain(kind: type) -> str:
    remedy = "return plain data, or give the step serialize= and deserialize="
    if hasattr(kind, "model_dump"):
        remedy = "give the step serialize= (its model_dump) and deserialize= (model_validate)"
    return f"is of type {describe_type(kind)}, which cannot be stored as JSON; {remedy}."
