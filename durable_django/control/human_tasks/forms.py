"""The form of a task: shown, filled in, and turned into the answer that the workflow gets.

A task names a Django form of the project, or says its fields itself. Either way a form only
validates: its `cleaned_data` is the answer, and a ModelForm is never saved. The answer is what the
workflow reads from the database later, so it goes through the gate for payloads: model instances
become references. Files cannot be stored in an answer: a form that asks for one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.db.models import QuerySet
from django.http import QueryDict
from django.utils.translation import gettext as _

from durable_django.control.human_tasks.answers import to_query
from durable_django.control.human_tasks.errors import UnusableFormError
from durable_django.control.human_tasks.field_specs import build_fields, read_fields
from durable_django.control.human_tasks.loaded_forms import find_form
from durable_django.domain.task import Task
from durable_django.engine.task_answers import encode_data
from durable_django.exceptions import FieldErrors
from durable_django.models import HumanTask
from durable_django.runtime import engine


def build_form(
    task: HumanTask | Task,
    data: Mapping[str, Any] | None = None,
    *,
    prefix: str | None = None,
) -> forms.BaseForm:
    """Return the task's form, to be shown; with `data` filled in, to be checked.

    Args:
        task: The task, as its row or as the store gives it.
        data: What a browser sent (`request.POST`), or values by the names of the fields.
        prefix: Stands before the names of the fields in a page that has others.

    Raises:
        UnknownFormError: This process has not loaded the form.
        UnusableFormError: It is no form, needs arguments, or asks for a file.
        FieldErrors: The values name a field that there is not, or are of no use to any.
    """
    make = find_form(task.form) if task.form else build_fields(task.fields)
    empty = _make(make, task.form, prefix=prefix)
    files = [name for name, one in empty.fields.items() if isinstance(one, forms.FileField)]
    if files:
        problem = f"{', '.join(files)} takes a file, and an answer holds none; ask for a reference"
        raise UnusableFormError(task.form, problem)
    if data is None:
        return empty
    query = data if isinstance(data, QueryDict) else to_query(empty, data)
    _refuse_nul(query, empty)
    form = _make(make, task.form, data=query, prefix=prefix)
    if query is not data:
        _read_plainly(form.fields.values())
    return form


def check_answer(
    task: HumanTask | Task, data: Mapping[str, Any], *, prefix: str | None = None
) -> dict[str, Any]:
    """Return the answer that the data give, once they have passed the task's form.

    Raises:
        FieldErrors: They do not pass it.
        TaskFormError: This process cannot use the form.
    """
    if not task.form and not isinstance(data, QueryDict):
        # Values need no detour through what a browser would send.
        return read_fields(task.fields).clean(data)
    return clean_answer(build_form(task, data, prefix=prefix))


def clean_answer(form: forms.BaseForm) -> dict[str, Any]:
    """Return what a filled in form was given, as values.

    Raises:
        FieldErrors: It is not valid; the form itself can be shown with its errors.
    """
    if not form.is_valid():
        raise FieldErrors(
            {
                "" if name == NON_FIELD_ERRORS else name: [str(one) for one in said]
                for name, said in form.errors.items()
            }
        )
    return {
        # A reference each: the query itself means other rows tomorrow.
        name: list(value) if isinstance(value, QuerySet) else value
        for name, value in form.cleaned_data.items()
    }


def encode_answer(
    task: HumanTask | Task, answer: Mapping[str, Any], *, by: str, comment: str
) -> str:
    """Return the answer as the store holds it, if the execution can record it afterwards.

    Raises:
        PayloadError: A value cannot be stored, or it is too large.
    """
    return encode_data(engine().payloads, task.name, dict(answer), by=by, comment=comment)


def _make(make: type[forms.BaseForm], path: str, **options: Any) -> forms.BaseForm:
    try:
        return make(**options)
    except (TypeError, AttributeError, ValueError) as error:
        raise UnusableFormError(path, f"it cannot be made without arguments: {error}") from error


def _read_plainly(fields: Iterable[forms.Field]) -> None:
    """Have values mean the same in every language: 0.125 is not 125 where a point groups digits."""
    for field in fields:
        field.localize = False
        _read_plainly(getattr(field, "fields", ()))


def _refuse_nul(data: QueryDict, form: forms.BaseForm) -> None:
    """Refuse text that PostgreSQL cannot even look for, as in a field that chooses a row."""
    names = {form.add_prefix(name): name for name in form.fields}
    wrong = {
        names.get(key, ""): [_("It holds a NUL character.")]
        for key, values in data.lists()
        if any("\0" in str(value) for value in values)
    }
    if wrong:
        raise FieldErrors(wrong)
