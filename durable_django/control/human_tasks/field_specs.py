"""The Django form of a task that says its fields itself: an approval, choices, texts.

What a workflow wrote for people loses its secrets here, as the task's title does: labels, help and
the names of options. Values stay what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from durable_django.control.human_tasks.errors import UnusableFormError
from durable_django.control.payloads.redaction import redact_text
from durable_django.domain.task_form import (
    Approval,
    Choice,
    FormField,
    MultiChoice,
    TaskForm,
    Text,
)
from durable_django.exceptions import FieldErrors

#: More options than this unfold on demand.
_MAX_RADIOS = 7
_BLANK = ("", "---------")


class FieldsForm(forms.Form):
    """A form made of a task's fields; what it cleans is judged by the fields' own rules as well."""

    asked: TaskForm

    def clean(self) -> dict[str, Any]:
        """Bring the answer into the shape in which the workflow gets it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            return self.asked.clean(cleaned)
        except FieldErrors as error:
            for name, said in error.errors.items():
                self.add_error(name if name in self.fields else None, list(said))
            return cleaned


def read_fields(fields: Iterable[Mapping[str, Any]]) -> TaskForm:
    """Return the fields that a task stores.

    Raises:
        UnusableFormError: They are not what `TaskForm` writes.
    """
    try:
        return TaskForm.from_json(fields)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UnusableFormError("", f"its fields cannot be read: {error}") from error


def build_fields(fields: Iterable[Mapping[str, Any]]) -> type[FieldsForm]:
    """Return a form class with a field for each that a task stores.

    Raises:
        UnusableFormError: They are not what `TaskForm` writes.
    """
    asked = read_fields(fields)
    form: type[FieldsForm] = type("FieldsForm", (FieldsForm,), {"asked": asked})
    # Not as names of the class: a field may be called as one of its methods is.
    form.base_fields = {name: _to_field(name, field) for name, field in asked.fields}
    return form


def _to_field(name: str, field: FormField) -> forms.Field:
    common: dict[str, Any] = {
        "label": redact_text(field.label) or name.replace("_", " ").capitalize(),
        "help_text": redact_text(field.help),
        "required": field.required,
    }
    if isinstance(field, Approval):
        return _approval(common)
    if isinstance(field, Choice):
        return _choice(field, common)
    if isinstance(field, MultiChoice):
        return forms.MultipleChoiceField(
            choices=_options_of(field), widget=forms.CheckboxSelectMultiple, **common
        )
    return _text(field, common)


def _approval(common: dict[str, Any]) -> forms.Field:
    # Not a checkbox: left alone it would say no.
    choices = [("true", _("Yes")), ("false", _("No"))]
    return forms.TypedChoiceField(
        choices=choices if common["required"] else [("", _("No answer")), *choices],
        coerce=lambda given: given == "true",
        empty_value=None,
        widget=forms.RadioSelect,
        **common,
    )


def _choice(field: Choice, common: dict[str, Any]) -> forms.Field:
    has_radios = field.required and len(field.options) <= _MAX_RADIOS
    return forms.ChoiceField(
        choices=_options_of(field) if has_radios else [_BLANK, *_options_of(field)],
        widget=forms.RadioSelect if has_radios else forms.Select,
        **common,
    )


def _options_of(field: Choice | MultiChoice) -> list[tuple[str, str]]:
    return [(value, redact_text(label)) for value, label in field.options]


def _text(field: Text, common: dict[str, Any]) -> forms.Field:
    widget = forms.Textarea(attrs={"rows": 4}) if field.multiline else forms.TextInput()
    return forms.CharField(max_length=field.max_length, widget=widget, **common)
