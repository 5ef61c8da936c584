"""Answers given as values, as a browser would have sent them.

A form reads what a browser sends: texts by name, several under one name. JSON and Python callers
give values, and a form's own widgets and fields must judge these alike, and not break at a number
where they expect text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Model
from django.http import QueryDict
from django.utils.duration import duration_string
from django.utils.translation import gettext as _

from durable_django.codecs.refusal import describe_type
from durable_django.exceptions import FieldErrors

_MAX_LISTED = 20


def to_query(form: forms.BaseForm, values: Mapping[str, Any]) -> QueryDict:
    """Return the values, by the names of the fields, as the form's data.

    A field that takes several values takes a list; one of several parts (a date and a time) a list
    of these. Null is no answer.

    Raises:
        FieldErrors: A name is none of a field, or a value none that any field takes.
    """
    data = QueryDict(mutable=True)
    errors: dict[str, list[str]] = {}
    for name, value in values.items():
        try:
            _set(data, form, str(name), value)
        except ValueError as error:
            errors[str(name)[:100]] = [str(error)]
    if errors:
        raise FieldErrors(errors)
    return data


def _set(data: QueryDict, form: forms.BaseForm, name: str, value: Any) -> None:
    field = form.fields.get(name)
    if field is None:
        known = ", ".join(list(form.fields)[:_MAX_LISTED]) or _("none")
        raise ValueError(_("It is unknown. Known are: %s.") % known)
    key = form.add_prefix(name)
    if value is None:
        return
    if isinstance(field, forms.JSONField):
        data[key] = _to_json(field, value)
    elif isinstance(field.widget, forms.MultiWidget):
        # The stubs do not know the names of its parts.
        suffixes: Any = getattr(field.widget, "widgets_names")  # noqa: B009 -- as said
        for suffix, part in zip(suffixes, _listed(value), strict=False):
            data[key + suffix] = _to_text(field, part)
    elif _takes_several(field):
        data.setlist(key, [_to_text(field, part) for part in _listed(value)])
    else:
        data[key] = _to_text(field, value)


def _to_json(field: forms.JSONField, value: Any) -> str:
    try:
        return json.dumps(value, cls=field.encoder)
    except (TypeError, RecursionError):
        raise ValueError(_("It is JSON, or what the field's encoder makes of it.")) from None


def _takes_several(field: forms.Field) -> bool:
    return getattr(field.widget, "allow_multiple_selected", False) or isinstance(
        field.widget, forms.MultipleHiddenInput
    )


def _listed(value: Any) -> list[Any]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        raise ValueError(_("It is a list."))  # noqa: TRY004 -- caught with the others
    return list(value)


def _to_text(field: forms.Field, value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    for kind, convert in _TEXTS:
        if isinstance(value, kind):
            return str(convert(value))
    if isinstance(value, Model):
        return str(field.prepare_value(value))
    raise ValueError(
        _("It is a text, a number, true or false; not %s.") % describe_type(type(value))
    )


#: A class before the classes it inherits from.
_TEXTS: tuple[tuple[Any, Any], ...] = (
    (bool, lambda value: "true" if value else "false"),
    ((datetime, date, time), lambda value: value.isoformat()),
    (timedelta, duration_string),
    ((str, int, float, Decimal, UUID), str),
)
