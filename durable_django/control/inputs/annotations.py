"""Turn annotations into shapes. What cannot be understood is taken to mean any value."""

from __future__ import annotations

import collections.abc
import sys
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from durable_django.control.inputs.scalar_shapes import (
    NULL,
    SCALAR_SHAPES,
    ChoiceShape,
    is_plain_scalar,
    read_enum,
)
from durable_django.control.inputs.shapes import (
    ANY,
    AnyShape,
    DictShape,
    ListShape,
    RecordShape,
    Shape,
    TupleShape,
    UnionShape,
)

_LISTS = frozenset(
    {
        *(list, collections.abc.Sequence, collections.abc.MutableSequence),
        *(collections.abc.Iterable, collections.abc.Collection),
    }
)
_SETS: Mapping[Any, Callable[[list[Any]], Any]] = {
    set: set,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
    frozenset: frozenset,
}
_DICTS = frozenset({dict, collections.abc.Mapping, collections.abc.MutableMapping})


def read_hints(annotated: Any) -> dict[str, Any]:
    """Return the annotations of a function or class, those as text resolved.

    One that cannot be resolved, such as a name imported for type checkers only, is Any.
    """
    try:
        return get_type_hints(annotated, include_extras=True)
    except Exception:  # noqa: BLE001 -- the text of an annotation may raise anything when evaluated
        return _read_hints_one_by_one(annotated)


def _read_hints_one_by_one(annotated: Any) -> dict[str, Any]:
    sources = reversed(annotated.__mro__) if isinstance(annotated, type) else [annotated]
    hints: dict[str, Any] = {}
    for source in sources:
        module = sys.modules.get(getattr(source, "__module__", ""))
        namespace = getattr(source, "__globals__", None) or vars(module or types)
        for name, annotation in _annotations_of(source).items():
            hints[name] = _resolve(annotation, namespace)
    return hints


def _annotations_of(source: Any) -> dict[str, Any]:
    try:
        return dict(getattr(source, "__annotations__", {}))
    except Exception:  # noqa: BLE001 -- from Python 3.14 on, looking evaluates them
        return {}


def _resolve(annotation: Any, namespace: dict[str, Any]) -> Any:
    def probe() -> None: ...

    probe.__annotations__ = {"it": annotation}
    try:
        return get_type_hints(probe, globalns=namespace, include_extras=True)["it"]
    except Exception:  # noqa: BLE001 -- as above
        return Any


def shape_of(annotation: Any, inside: frozenset[type] = frozenset()) -> Shape:
    """Return the shape of an annotation; `inside` are the classes that it stands in."""
    annotation = _unwrapped(annotation)
    if annotation is None:
        return NULL
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return _shape_of_class(annotation, inside)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _shape_of_literal(arguments)
    if origin in (Union, types.UnionType):
        return union_of(tuple(shape_of(argument, inside) for argument in arguments))
    return _shape_of_container(origin, arguments, inside)


def union_of(options: tuple[Shape, ...]) -> Shape:
    """Return the shape of what fits one of these."""
    return ANY if any(isinstance(option, AnyShape) for option in options) else UnionShape(options)


def _unwrapped(annotation: Any) -> Any:
    """Return what stands behind NewType, Annotated and type aliases."""
    for _ in range(10):
        inner = getattr(annotation, "__supertype__", None)
        if get_origin(annotation) in (typing.Annotated, typing.Required, typing.NotRequired):
            inner = get_args(annotation)[0]
        elif type(annotation).__name__ == "TypeAliasType":
            inner = annotation.__value__
        if inner is None:
            break
        annotation = inner
    return Any if isinstance(annotation, (TypeVar, str)) else annotation


def _shape_of_class(cls: type, inside: frozenset[type]) -> Shape:
    if cls in SCALAR_SHAPES:
        return SCALAR_SHAPES[cls]
    if issubclass(cls, Enum):
        return read_enum(cls)
    if cls in inside:
        return ANY  # a class that holds its own kind: the schema ends somewhere
    if typing.is_typeddict(cls):
        return _shape_of_typed_dict(cls, inside | {cls})
    if is_dataclass(cls):
        return _shape_of_dataclass(cls, inside | {cls})
    return _shape_of_container(cls, (), inside)


def _shape_of_container(origin: Any, arguments: tuple[Any, ...], inside: frozenset[type]) -> Shape:
    if origin is tuple:
        return _shape_of_tuple(arguments, inside)
    items = [shape_of(argument, inside) for argument in arguments] or [ANY, ANY]
    if origin in _LISTS:
        return ListShape(items[0])
    if origin in _SETS:
        return ListShape(items[0], _SETS[origin], is_unique=True)
    if origin in _DICTS:
        return DictShape(items[0], items[-1])
    return ANY


def _shape_of_tuple(arguments: tuple[Any, ...], inside: frozenset[type]) -> Shape:
    if not arguments:
        return ListShape(ANY, tuple)
    if arguments[-1] is Ellipsis:
        return ListShape(shape_of(arguments[0], inside), tuple)
    return TupleShape(tuple(shape_of(a, inside) for a in arguments if a != ()))


def _shape_of_literal(values: tuple[Any, ...]) -> Shape:
    plain = [value.value if isinstance(value, Enum) else value for value in values]
    if not all(map(is_plain_scalar, plain)):
        return ANY
    options = zip(plain, values, strict=True)
    return ChoiceShape(options=tuple((p, value, str(p)) for p, value in options))


def _shape_of_dataclass(cls: Any, inside: frozenset[type]) -> Shape:
    hints = read_hints(cls)
    taken = [field for field in fields(cls) if field.init]
    return RecordShape(
        cls.__name__,
        {field.name: shape_of(hints.get(field.name, Any), inside) for field in taken},
        frozenset(field.name for field in taken if not _has_default(field)),
        cls,
    )


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _shape_of_typed_dict(cls: Any, inside: frozenset[type]) -> Shape:
    hints = read_hints(cls)
    return RecordShape(
        cls.__name__,
        {name: shape_of(hint, inside) for name, hint in hints.items()},
        frozenset(name for name, hint in hints.items() if _is_required(cls, name, hint)),
        dict,
    )


def _is_required(cls: Any, name: str, hint: Any) -> bool:
    # From the hint first: the class cannot tell when its annotations were text.
    if get_origin(hint) in (typing.Required, typing.NotRequired):
        return get_origin(hint) is typing.Required
    return name in cls.__required_keys__
