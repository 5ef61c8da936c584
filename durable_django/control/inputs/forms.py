"""The form of a workflow's input: a field per parameter, made of its signature."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from durable_django.control.inputs.scalar_shapes import NULL, ChoiceShape, ScalarShape
from durable_django.control.inputs.shapes import Shape, UnionShape, outline_of
from durable_django.control.inputs.signatures import (
    NO_DEFAULT,
    InputError,
    InputParameter,
    coerce_input,
    read_signature,
)
from durable_django.control.payloads.outside_json import parse_payload
from durable_django.domain.definition import WorkflowDefinition
from durable_django.exceptions import PayloadError

#: The most digits that a decimal of a form has.
_MAX_DIGITS = 100
#: What a field's value is when nothing was given: None would be JSON's null.
_NOTHING: Any = object()


class JsonField(forms.CharField):
    """JSON text, checked as all JSON from outside is. Left empty it is `_NOTHING`, and not null."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})
    empty_values = [_NOTHING]  # noqa: RUF012 -- Django's name; `[]` and `{}` are values here

    def to_python(self, value: Any) -> Any:
        """Return the value of the text."""
        text = str(value or "").strip()
        if not text:
            return _NOTHING
        try:
            return parse_payload(text, _("The value"))
        except PayloadError as error:
            raise ValidationError(str(error)) from error

    def run_validators(self, value: Any) -> None:
        """Leave the value alone: the validators of text are of no use to it."""


class InputForm(forms.Form):
    """The arguments of one workflow by name; made by `build_input_form`."""

    definition: WorkflowDefinition
    parameters: tuple[InputParameter, ...] = ()
    extra: InputParameter | None = None

    def clean(self) -> dict[str, Any]:
        """Turn what the fields hold into the workflow's arguments."""
        cleaned = super().clean() or self.cleaned_data
        self.arguments: dict[str, Any] = {}
        if not self.errors:
            try:
                self.arguments = coerce_input(self.definition, self._given(cleaned))
            except InputError as error:
                self._tell(error)
        return cleaned

    def _given(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that were given; what was left empty is left to its default."""
        given = {}
        for one in self.parameters:
            value = cleaned[one.name]
            if not _is_left_empty(one, value):
                given[one.name] = value
            elif one.is_required:
                given[one.name] = None
        if self.extra is None or cleaned[self.extra.name] is _NOTHING:
            return given
        return self._with_extra(given, cleaned[self.extra.name])

    def _with_extra(self, given: dict[str, Any], extra: Any) -> dict[str, Any]:
        known = {one.name for one in self.parameters}
        if not isinstance(extra, dict) or not known.isdisjoint(extra):
            name = self.extra.name if self.extra is not None else ""
            detail = _("must be an object of arguments that have no field of their own.")
            raise InputError(self.definition.name, [(f"/{name}", detail)])
        return {**given, **extra}

    def _tell(self, error: InputError) -> None:
        """Say each problem at the field that it is about."""
        for pointer, detail in error.errors:
            name, _slash, inside = pointer.removeprefix("/").partition("/")
            if name in self.fields:
                self.add_error(name, f"/{inside} {detail}" if inside else detail)
            else:
                home = self.extra.name if self.extra is not None and name else None
                self.add_error(home, f"{pointer} {detail}".strip())


def build_input_form(definition: WorkflowDefinition) -> type[InputForm]:
    """Return a form class with a field for each of the workflow's parameters.

    Give an instance a `prefix`: a parameter may be called as one of the page's own fields is.
    """
    signature = read_signature(definition)
    fields = {one.name: _build_field(one) for one in signature.parameters}
    if signature.extra is not None:
        fields[signature.extra.name] = JsonField(
            label=signature.extra.name,
            required=False,
            help_text=_("More arguments by name: a JSON object."),
        )
    attributes = {
        "definition": definition,
        "parameters": signature.parameters,
        "extra": signature.extra,
    }
    form: type[InputForm] = type("InputForm", (InputForm,), attributes)
    # Not as names of the class: a parameter may be called as one of its methods is.
    form.base_fields = fields
    return form


def form_input(form: InputForm) -> dict[str, Any]:
    """Return the arguments of a valid form, ready for `client.start`.

    Raises:
        ValueError: The form is not valid; ask `is_valid()` first.
    """
    if not form.is_valid():
        raise ValueError("The form is not valid; ask is_valid() first, and show its errors.")
    return form.arguments


def _build_field(one: InputParameter) -> forms.Field:
    shape = _without_null(one.shape)
    is_required = one.is_required and not _is_nullable(one)
    common: dict[str, Any] = {"label": one.name, "required": is_required}
    if isinstance(shape, ScalarShape) and shape.type is bool and not _is_nullable(one):
        # Unchecked is false, and an answer.
        return forms.BooleanField(label=one.name, required=False, initial=one.shown_default is True)
    if isinstance(shape, ChoiceShape):
        return _build_choice(shape, one, common)
    if isinstance(shape, ScalarShape) and shape.type in _FIELDS:
        make = _FIELDS[shape.type]
        return make(**common, **_initial_of(one, shape), help_text=_help_of(one, shape))
    has_default = one.shown_default is not NO_DEFAULT
    initial = json.dumps(one.shown_default, indent=2, ensure_ascii=False) if has_default else None
    return JsonField(**common, initial=initial, help_text=_help_of(one, shape))


def _build_choice(
    shape: ChoiceShape, one: InputParameter, common: dict[str, Any]
) -> forms.TypedChoiceField:
    plain = [option for option, _, _ in shape.options]
    keys = [option if isinstance(option, str) else json.dumps(option) for option in plain]
    if len({*keys, ""}) <= len(keys):
        keys = [json.dumps(option) for option in plain]
    values = {key: value for key, (_, value, _) in zip(keys, shape.options, strict=True)}
    labels = [(key, label) for key, (_, _, label) in zip(keys, shape.options, strict=True)]
    blank = [] if common["required"] or one.shown_default in plain else [("", "---------")]
    key_of = dict(zip(map(json.dumps, plain), keys, strict=True))
    return forms.TypedChoiceField(
        **common,
        choices=[*blank, *labels],
        coerce=values.__getitem__,
        empty_value=None,
        initial=key_of.get(json.dumps(one.shown_default, default=str)),
    )


def _initial_of(one: InputParameter, shape: ScalarShape) -> dict[str, Any]:
    if one.shown_default is NO_DEFAULT or one.shown_default is None:
        return {}
    return {"initial": shape.read(one.shown_default)}


def _help_of(one: InputParameter, shape: Shape) -> str:
    if isinstance(shape, ScalarShape):
        kind = _("In the time zone %s.") % timezone.get_current_timezone_name()
        said = [kind] if shape.type is datetime else []
        said += [_HELP[shape.type]()] if shape.type in _HELP else []
    else:
        said = [_("JSON: %s.") % outline_of(shape)]
    if not one.is_required:
        said.append(_("Left empty, it has its default."))
    return " ".join(said)


def _is_left_empty(one: InputParameter, value: Any) -> bool:
    if value == "":
        # An empty text is a text, unless the box showed nothing that could have been taken out.
        shows_nothing = not one.is_required and one.shown_default in (NO_DEFAULT, None)
        return shows_nothing or _is_nullable(one)
    return value is None or value is _NOTHING


def _is_nullable(one: InputParameter) -> bool:
    return isinstance(one.shape, UnionShape) and NULL in one.shape.options


def _without_null(shape: Shape) -> Shape:
    """Return `X` of `X | None`, and everything else as it is."""
    if isinstance(shape, UnionShape):
        others = [option for option in shape.options if option is not NULL]
        return others[0] if len(others) == 1 else shape
    return shape


def _date_time(**options: Any) -> forms.Field:
    # The browser's own picker; it needs no script.
    widget = forms.DateTimeInput(
        attrs={"type": "datetime-local", "step": "1"}, format="%Y-%m-%dT%H:%M:%S"
    )
    return forms.DateTimeField(widget=widget, **options)


def _text(**options: Any) -> forms.Field:
    return forms.CharField(strip=False, **options)


def _yes_or_no(*, initial: Any = None, **options: Any) -> forms.Field:
    options["choices"] = [("", "---------"), ("true", _("Yes")), ("false", _("No"))]
    return forms.TypedChoiceField(
        **options,
        coerce=lambda given: given == "true",
        empty_value=None,
        initial={True: "true", False: "false"}.get(initial),
    )


_FIELDS: dict[type, Callable[..., forms.Field]] = {
    int: forms.IntegerField,
    float: forms.FloatField,
    str: _text,
    bool: _yes_or_no,
    datetime: _date_time,
    date: lambda **options: forms.DateField(
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options
    ),
    time: lambda **options: forms.TimeField(
        widget=forms.TimeInput(attrs={"type": "time", "step": "1"}, format="%H:%M:%S"), **options
    ),
    timedelta: forms.DurationField,
    Decimal: lambda **options: forms.DecimalField(max_digits=_MAX_DIGITS, **options),
    UUID: forms.UUIDField,
}
_HELP: dict[type, Callable[[], str]] = {
    timedelta: lambda: _("Such as “3 04:00:00”: three days and four hours."),
}
