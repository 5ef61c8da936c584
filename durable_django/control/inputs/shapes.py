"""What a workflow's parameter takes: as JSON Schema, and as a reader of JSON from outside.

Reading builds Python values: numbers, dates, members of Enums, and the dataclasses that a
workflow's own annotations name. Nothing that the JSON says is looked up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from durable_django.control.inputs.scalar_shapes import NULL, UNREADABLE, ChoiceShape, ScalarShape

MAX_PROBLEMS = 50
_MAX_INT_KEY_LENGTH = 19


@dataclass(slots=True)
class Problems:
    """What does not fit, by JSON pointer (RFC 6901); at most 50 are kept."""

    found: list[tuple[str, str]] = field(default_factory=list)

    def add(self, pointer: str, detail: str) -> None:
        """Note one."""
        if len(self.found) < MAX_PROBLEMS:
            self.found.append((pointer, detail))


def pointer_to(pointer: str, segment: str | int) -> str:
    """Return the JSON pointer of something inside."""
    return f"{pointer}/{str(segment).replace('~', '~0').replace('/', '~1')}"


@dataclass(frozen=True, slots=True)
class AnyShape:
    """Any JSON value, taken as it is."""


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list; `build` makes the tuple or the set of it that the parameter takes."""

    item: Shape
    build: Callable[[list[Any]], Any] = list
    is_unique: bool = False


@dataclass(frozen=True, slots=True)
class TupleShape:
    """A list of a fixed length."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
class DictShape:
    """An object with any keys; `key` reads what they stand for."""

    key: Shape
    value: Shape


@dataclass(frozen=True, slots=True)
class RecordShape:
    """An object with known keys: a dataclass or a TypedDict."""

    name: str
    fields: Mapping[str, Shape]
    required: frozenset[str]
    build: type[Any]


@dataclass(frozen=True, slots=True)
class UnionShape:
    """The first of several shapes that fits."""

    options: tuple[Shape, ...]


Shape: TypeAlias = (
    AnyShape
    | ScalarShape
    | ChoiceShape
    | ListShape
    | TupleShape
    | DictShape
    | RecordShape
    | UnionShape
)
ANY = AnyShape()


def schema_of(shape: Shape) -> dict[str, Any]:
    """Return the shape as JSON Schema 2020-12."""
    match shape:
        case AnyShape():
            return {}
        case ScalarShape() | ChoiceShape():
            return dict(shape.schema)
        case UnionShape():
            return {"anyOf": [schema_of(option) for option in shape.options]}
        case DictShape():
            return {"type": "object", "additionalProperties": schema_of(shape.value)}
        case RecordShape():
            return record_schema(shape.fields, shape.required)
        case _:
            return _array_schema(shape)


def _array_schema(shape: ListShape | TupleShape) -> dict[str, Any]:
    if isinstance(shape, ListShape):
        unique = {"uniqueItems": True} if shape.is_unique else {}
        return {"type": "array", "items": schema_of(shape.item), **unique}
    count = len(shape.items)
    prefix = {"prefixItems": [schema_of(item) for item in shape.items]} if count else {}
    return {"type": "array", **prefix, "items": False, "minItems": count, "maxItems": count}


def record_schema(fields: Mapping[str, Shape], required: frozenset[str]) -> dict[str, Any]:
    """Return the schema of an object with these keys and no others."""
    return {
        "type": "object",
        "properties": {name: schema_of(shape) for name, shape in fields.items()},
        "required": [name for name in fields if name in required],
        "additionalProperties": False,
    }


def outline_of(shape: Shape) -> str:
    """Return the shape in few words, for people: `{"sku": string, "due"?: date}`."""
    match shape:
        case AnyShape():
            return "any"
        case ScalarShape():
            return shape.word
        case ChoiceShape() | UnionShape():
            return " | ".join(
                json.dumps(option[0]) if isinstance(option, tuple) else outline_of(option)
                for option in shape.options
            )
        case DictShape():
            return f"{{key: {outline_of(shape.value)}, …}}"
        case RecordShape():
            return f"{{{', '.join(_outline_fields(shape))}}}"
        case _:
            return _outline_array(shape)


def _outline_fields(shape: RecordShape) -> list[str]:
    return [
        f'"{name}"{"" if name in shape.required else "?"}: {outline_of(one)}'
        for name, one in shape.fields.items()
    ]


def _outline_array(shape: ListShape | TupleShape) -> str:
    if isinstance(shape, ListShape):
        return f"[{outline_of(shape.item)}, …]"
    return f"[{', '.join(map(outline_of, shape.items))}]"


def read_shape(shape: Shape, given: Any, pointer: str, problems: Problems) -> Any:
    """Return the Python value of JSON; what does not fit is noted in `problems`."""
    return (
        given
        if isinstance(shape, AnyShape)
        else _READERS[type(shape)](shape, given, pointer, problems)
    )


def read_fields(
    fields: Mapping[str, Shape],
    required: frozenset[str],
    given: Mapping[str, Any],
    pointer: str,
    problems: Problems,
) -> dict[str, Any]:
    """Return the values of an object's keys; missing and unknown ones are problems."""
    for name in given:
        if name not in fields:
            problems.add(pointer_to(pointer, name), "is not known.")
    for name in fields:
        if name in required and name not in given:
            problems.add(pointer_to(pointer, name), "is required.")
    return {
        name: read_shape(shape, given[name], pointer_to(pointer, name), problems)
        for name, shape in fields.items()
        if name in given
    }


def _read_scalar(
    shape: ScalarShape | ChoiceShape, given: Any, pointer: str, problems: Problems
) -> Any:
    try:
        return shape.read(given)
    except UNREADABLE:
        return problems.add(pointer, f"must be {shape.rule}.")


def _read_union(shape: UnionShape, given: Any, pointer: str, problems: Problems) -> Any:
    options = [option for option in shape.options if option is not NULL]
    if len(options) < len(shape.options) and given is None:
        return None
    for option in options:
        own = Problems()
        value = read_shape(option, given, pointer, own)
        if not own.found:
            return value
        if len(options) == 1:
            for problem in own.found:
                problems.add(*problem)
            return None
    return problems.add(pointer, "fits none of the forms that it may have.")


def _read_array(shape: ListShape | TupleShape, given: Any, pointer: str, problems: Problems) -> Any:
    if not isinstance(given, (list, tuple, set, frozenset)):
        return problems.add(pointer, "must be an array.")
    if isinstance(shape, ListShape):
        items = [shape.item] * len(given)
    elif len(given) == len(shape.items):
        items = list(shape.items)
    else:
        return problems.add(pointer, f"must have {len(shape.items)} items.")
    values = [
        read_shape(item, part, pointer_to(pointer, index), problems)
        for index, (item, part) in enumerate(zip(items, given, strict=True))
    ]
    try:
        return shape.build(values) if isinstance(shape, ListShape) else tuple(values)
    except TypeError:
        return problems.add(pointer, "must have items without objects and arrays in them.")


def _read_dict(shape: DictShape, given: Any, pointer: str, problems: Problems) -> Any:
    if not isinstance(given, Mapping):
        return problems.add(pointer, "must be an object.")
    values = {}
    for key, part in given.items():
        inside = pointer_to(pointer, key)
        own = Problems()
        name = read_shape(shape.key, _key_value(shape.key, key), inside, own)
        for at, detail in own.found:
            problems.add(at, f"The key {detail}")
        if not own.found:
            values[name] = read_shape(shape.value, part, inside, problems)
    return values


def _key_value(shape: Shape, key: Any) -> Any:
    """Return what the text of a key says: JSON has no numbers as keys."""
    is_integer = isinstance(shape, ScalarShape) and shape.type is int
    if is_integer and isinstance(key, str) and len(key) <= _MAX_INT_KEY_LENGTH:
        digits = key.removeprefix("-")
        return int(key) if digits.isascii() and digits.isdecimal() else key
    return key


def _read_record(shape: RecordShape, given: Any, pointer: str, problems: Problems) -> Any:
    if shape.build is not dict and isinstance(given, shape.build):
        return given
    if not isinstance(given, Mapping):
        return problems.add(pointer, "must be an object.")
    before = len(problems.found)
    values = read_fields(shape.fields, shape.required, given, pointer, problems)
    if len(problems.found) > before or len(problems.found) >= MAX_PROBLEMS:
        return None
    try:
        return shape.build(**values)
    except Exception as error:  # noqa: BLE001 -- the constructor of the project's own class
        reason = f": {error}" if isinstance(error, ValueError) else f" ({type(error).__name__})."
        return problems.add(pointer, f"is refused by {shape.name}{reason}")


_READERS: Mapping[type, Callable[..., Any]] = {
    ScalarShape: _read_scalar,
    ChoiceShape: _read_scalar,
    UnionShape: _read_union,
    ListShape: _read_array,
    TupleShape: _read_array,
    DictShape: _read_dict,
    RecordShape: _read_record,
}
