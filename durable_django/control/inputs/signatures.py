"""A workflow's input as its signature says it: for forms and clients to know, and to be checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from inspect import Parameter as Python
from typing import Any

from durable_django.control.inputs.annotations import read_hints, shape_of, union_of
from durable_django.control.inputs.scalar_shapes import NULL, is_plain_scalar
from durable_django.control.inputs.shapes import (
    ANY,
    MAX_PROBLEMS,
    AnyShape,
    Problems,
    Shape,
    pointer_to,
    read_fields,
    read_shape,
    record_schema,
    schema_of,
)
from durable_django.control.payloads.plain_json import to_plain
from durable_django.control.payloads.sensitive_keys import is_sensitive
from durable_django.domain.definition import WorkflowDefinition
from durable_django.exceptions import DurableError

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
NO_DEFAULT: Any = inspect.Parameter.empty

_MAX_SHOWN_ERRORS = 5
_BY_NAME = (Python.POSITIONAL_OR_KEYWORD, Python.KEYWORD_ONLY)


class InputError(DurableError):
    """An input from outside does not fit the workflow's signature.

    `errors` are pairs of a JSON pointer into the input and what is wrong there; they hold keys,
    and never values (but for what a dataclass of the project says of a value that it refuses).
    """

    def __init__(self, workflow: str, errors: Sequence[tuple[str, str]]) -> None:
        self.workflow = workflow
        self.errors = list(errors)
        shown = "; ".join(
            f"{at or 'it'} {detail.rstrip('.')}" for at, detail in errors[:_MAX_SHOWN_ERRORS]
        )
        rest = len(errors) - _MAX_SHOWN_ERRORS
        more = f"; and {rest} more" if rest > 0 else ""
        super().__init__(f"The input does not fit workflow {workflow!r}: {shown}{more}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class InputParameter:
    """One argument that a workflow takes by name."""

    name: str
    shape: Shape
    #: As plain JSON; NO_DEFAULT if there is none, or it cannot be said in JSON, or is a secret.
    shown_default: Any = NO_DEFAULT
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSignature:
    """What a workflow takes by name."""

    parameters: tuple[InputParameter, ...]
    #: What `**extra` takes each, and its name; None if the workflow has no such parameter.
    extra: InputParameter | None = None
    #: Required and positional-only: nobody can give it by name.
    impossible: tuple[str, ...] = ()


def read_signature(definition: WorkflowDefinition) -> InputSignature:
    """Return what the workflow takes by name. `*args` cannot be given so, and is left out."""
    hints = read_hints(definition.body)
    given = list(definition.signature.parameters.values())
    shapes = {one.name: shape_of(hints.get(one.name, Any)) for one in given}
    extra = [one.name for one in given if one.kind is Python.VAR_KEYWORD]
    return InputSignature(
        parameters=tuple(_read_parameter(p, shapes[p.name]) for p in given if p.kind in _BY_NAME),
        extra=InputParameter(name=extra[0], shape=shapes[extra[0]]) if extra else None,
        impossible=tuple(
            p.name for p in given if p.kind is Python.POSITIONAL_ONLY and p.default is NO_DEFAULT
        ),
    )


def input_schema(definition: WorkflowDefinition) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a workflow's input: an object of arguments by name.

    An annotation that is not understood allows any value.
    """
    signature = read_signature(definition)
    schema = record_schema(
        {one.name: one.shape for one in signature.parameters},
        frozenset(one.name for one in signature.parameters if one.is_required),
    )
    for one in signature.parameters:
        if one.shown_default is not NO_DEFAULT:
            schema["properties"][one.name]["default"] = one.shown_default
    if signature.extra is not None:
        schema["additionalProperties"] = schema_of(signature.extra.shape)
    for name in signature.impossible:
        schema["properties"][name] = {"not": {}}
        schema["required"].append(name)
    doc = inspect.getdoc(definition.body) or ""
    described = {"description": doc.partition("\n\n")[0].replace("\n", " ")} if doc else {}
    return {"$schema": SCHEMA_DIALECT, "title": definition.name, **described, **schema}


def coerce_input(
    definition: WorkflowDefinition, raw: Any, *, filled_in: str = ""
) -> dict[str, Any]:
    """Return the arguments that the workflow's annotations ask for, made of JSON from outside.

    `"2026-01-01"` becomes a date where a date is asked for, `"12.30"` a Decimal, a value the
    member of its Enum, an object a dataclass. What is not annotated stays the plain JSON it is,
    and what is not given is left to its default. The argument `filled_in` comes from elsewhere: it
    need not be there.

    Raises:
        InputError: Something is missing, unknown, or of another kind; by JSON pointer.
    """
    if not isinstance(raw, Mapping):
        raise InputError(definition.name, [("", "must be an object of arguments by name.")])
    signature = read_signature(definition)
    problems = Problems()
    for name in signature.impossible:
        problems.add("", f"cannot give {name!r} by name, and the workflow needs it so.")
    known = {one.name: one.shape for one in signature.parameters}
    extra = {}
    if signature.extra is not None:
        extra = {name: part for name, part in raw.items() if name not in known}
    arguments = read_fields(
        known,
        frozenset(one.name for one in signature.parameters if one.is_required) - {filled_in},
        {name: part for name, part in raw.items() if name not in extra},
        "",
        problems,
    )
    for name, part in extra.items():
        shape = ANY if signature.extra is None else signature.extra.shape
        arguments[name] = read_shape(shape, part, pointer_to("", name), problems)
    if problems.found:
        raise InputError(definition.name, problems.found[:MAX_PROBLEMS])
    return arguments


def _read_parameter(one: inspect.Parameter, shape: Shape) -> InputParameter:
    if one.default is NO_DEFAULT:
        return InputParameter(name=one.name, shape=shape)
    if one.default is None and not _takes_none(shape):
        shape = union_of((shape, NULL))  # `limit: int = None`
    shown = NO_DEFAULT if is_sensitive(one.name) else _shown_default(shape, one.default)
    return InputParameter(name=one.name, shape=shape, shown_default=shown, is_required=False)


def _takes_none(shape: Shape) -> bool:
    problems = Problems()
    read_shape(shape, None, "", problems)
    return not problems.found and not isinstance(shape, AnyShape)


def _shown_default(shape: Shape, default: Any) -> Any:
    """Return the default as JSON, if reading that gives the default again."""
    is_speaking = isinstance(default, Enum) and is_plain_scalar(default.value)
    plain = default.value if is_speaking else to_plain(default)
    problems = Problems()
    again = read_shape(shape, plain, "", problems)
    is_same = not problems.found and type(again) is type(default) and again == default
    return plain if is_same else NO_DEFAULT
