"""A task's form as plain JSON, for clients that show it by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from django import forms

from durable_django.control.payloads.redaction import redact

#: More are not told: a field that chooses among a table's rows may have millions.
MAX_CHOICES = 200

#: A class before the classes it inherits from.
_TYPES: tuple[tuple[type[forms.Field], str], ...] = (
    (forms.NullBooleanField, "boolean"),
    (forms.BooleanField, "boolean"),
    (forms.MultipleChoiceField, "choices"),
    (forms.ModelMultipleChoiceField, "choices"),
    (forms.ChoiceField, "choice"),
    (forms.JSONField, "json"),
    (forms.DecimalField, "decimal"),
    (forms.FloatField, "number"),
    (forms.IntegerField, "integer"),
    (forms.SplitDateTimeField, "datetime"),
    (forms.DateTimeField, "datetime"),
    (forms.DateField, "date"),
    (forms.TimeField, "time"),
    (forms.DurationField, "duration"),
    (forms.EmailField, "email"),
    (forms.URLField, "url"),
    (forms.UUIDField, "uuid"),
)
TYPES = (*sorted({name for _, name in _TYPES}), "text")


def describe_form(form: forms.BaseForm) -> list[dict[str, Any]]:
    """Return the fields of a form that is not filled in, in their order."""
    return [_describe(form, name, field) for name, field in form.fields.items()]


def _describe(form: forms.BaseForm, name: str, field: forms.Field) -> dict[str, Any]:
    choices = getattr(field, "choices", None)
    told = None if choices is None else list(islice(_flat(choices), MAX_CHOICES + 1))
    return {
        "name": name,
        "type": _type_of(field),
        "label": str(form[name].label),
        "help": str(field.help_text),
        "required": field.required,
        "is_long": isinstance(field.widget, forms.Textarea),
        "max_length": getattr(field, "max_length", None),
        "choices": told and told[:MAX_CHOICES],
        "has_more_choices": bool(told and len(told) > MAX_CHOICES),
        "initial": redact({name: form.get_initial_for_field(field, name)})[name],
    }


def _type_of(field: forms.Field) -> str:
    return next((name for kind, name in _TYPES if isinstance(field, kind)), "text")


def _flat(choices: Iterable[Any]) -> Iterator[dict[str, str]]:
    """Yield the choices without their groups, and without the empty one."""
    for value, label in choices:
        if isinstance(label, (list, tuple)):
            yield from _flat(label)
        elif str(value):
            yield {"value": str(value), "label": str(label)}
