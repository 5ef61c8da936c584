"""One task as a page shows it: what is decided on, the form, and what was answered.

What the workflow displays beside the form is there to be decided on: whoever the task is for sees
it without the permission for payloads, and nobody else does. Secrets are hidden from all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.choices import flatten_choices
from django.utils.translation import gettext as _

from durable_django.control.human_tasks.errors import TaskFormError
from durable_django.control.human_tasks.forms import build_form
from durable_django.control.human_tasks.people import Person, person_of
from durable_django.control.human_tasks.rows import TaskRow, build_row
from durable_django.control.human_tasks.visibility import find_visible_task, is_for
from durable_django.control.payloads.payload_view import payload_json
from durable_django.control.payloads.redaction import redact_text
from durable_django.domain.status import TaskStatus
from durable_django.models import HumanTask
from durable_django.runtime import engine


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPage:
    """All that a page about one task needs."""

    row: TaskRow
    #: In plain text with line ends; secrets hidden.
    description: str
    #: Names and values, as text, that are decided on; empty if the user may not see them.
    display: tuple[tuple[str, str], ...]
    #: To be filled in, or filled in wrongly; None if the task is over or the form is unusable.
    form: forms.BaseForm | None
    #: Why there is no form, for people; empty if there is one, or the task is over.
    form_problem: str
    offers_comment: bool
    #: The answer as its form asks for it: labels and values, as text; empty until there is one that
    #: the user may see.
    answer: tuple[tuple[str, str], ...]


def build_page(
    user: Any,
    task_id: UUID,
    data: Mapping[str, Any] | None = None,
    *,
    prefix: str | None = None,
) -> TaskPage:
    """Return the page of a task, as this user may see it; with `data`, its form filled in.

    After a `complete` that raised FieldErrors, give what the browser sent as `data`, and the form
    says what is wrong at each field.

    Raises:
        TaskNotFoundError: There is none, or the user may not see it.
    """
    person = person_of(user)
    return page_of(find_visible_task(user, task_id, person), person, data, prefix=prefix)


def page_of(
    task: HumanTask,
    person: Person,
    data: Mapping[str, Any] | None = None,
    *,
    prefix: str | None = None,
) -> TaskPage:
    """Return the page of a task's row, read with its candidates."""
    form, problem = None, ""
    if TaskStatus(task.status).is_active:
        try:
            form = build_form(task, data, prefix=prefix)
        except TaskFormError as error:
            problem = str(error)
    return TaskPage(
        row=build_row(task, person, engine().store.now()),
        description=redact_text(task.description),
        display=_to_lines(display_json(task, person)),
        form=form,
        form_problem=problem,
        offers_comment=offers_comment(task),
        answer=_to_answer_lines(task, answer_json(task, person)),
    )


def display_json(task: HumanTask, person: Person) -> Any:
    """Return what is shown beside the form, redacted, or that it is hidden from this person."""
    may_see = person.sees_payloads or (person.completes and is_for(task, person))
    shown = payload_json(task.display, may_see=may_see)
    if not isinstance(shown, list) or not all(isinstance(line, dict) for line in shown):
        return shown
    return {label: value for line in shown for label, value in line.items()}


def answer_json(task: HumanTask, person: Person) -> Any:
    """Return the answer, redacted, or that it is hidden: who gave it sees it again."""
    return payload_json(task.data, may_see=person.sees_payloads or task.actor_name == person.name)


def offers_comment(task: HumanTask) -> bool:
    """Say whether a comment is asked for beside the form: not if the task's approval says no."""
    approvals = [one for one in task.fields if one.get("type") == "approval"]
    return not approvals or any(one.get("comment", True) for one in approvals)


def _to_answer_lines(task: HumanTask, value: Any) -> tuple[tuple[str, str], ...]:
    """Return the lines in the order and the words of the form; by their names without it."""
    lines = _to_lines(value)
    try:
        form = build_form(task) if lines and isinstance(value, dict) else None
    except TaskFormError:
        form = None
    if form is None:
        return lines
    known = [name for name in form.fields if name in value]
    asked = [(str(form[name].label), _say_chosen(form.fields[name], value[name])) for name in known]
    return (*asked, *(line for line in lines if line[0] not in known))


def _say_chosen(field: forms.Field, value: Any) -> str:
    """Return a value as the form calls it; rows of a table are not looked up."""
    if isinstance(field, forms.ModelChoiceField) or not isinstance(field, forms.ChoiceField):
        return _to_text(value)
    choices: Iterable[Any] = flatten_choices(cast("Any", field.choices))
    labels = {str(one): str(label) for one, label in choices}
    if isinstance(value, list):
        return ", ".join(labels.get(str(one), _to_text(one)) for one in value)
    return labels.get(str(value), _to_text(value)) if value not in ("", None) else ""


def _to_lines(value: Any) -> tuple[tuple[str, str], ...]:
    if value is None or value == {"hidden": True}:
        return ()
    if not isinstance(value, dict):
        return (("", _to_text(value)),)
    return tuple((name, _to_text(item)) for name, item in value.items())


def _to_text(value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
