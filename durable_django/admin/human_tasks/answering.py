"""Read what a browser sent as the answer to a task, and show it again if it was not taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict
from django.utils.translation import gettext as _

from durable_django.admin.human_tasks.task_page import PREFIX
from durable_django.control.human_tasks.acting import MAX_COMMENT_LENGTH
from durable_django.control.human_tasks.errors import TaskFormError
from durable_django.control.human_tasks.forms import build_form
from durable_django.control.human_tasks.showing import TaskPage, build_page
from durable_django.control.payloads.redaction import redact, redact_text
from durable_django.models import HumanTask

COMMENT = "comment"


def read_comment(data: QueryDict) -> str:
    """Return the comment beside the form; PostgreSQL stores no NUL, and nobody types one."""
    return data.get(COMMENT, "").replace("\0", "")[:MAX_COMMENT_LENGTH]


def fill_in_again(
    user: Any, task_id: UUID, data: QueryDict, errors: Mapping[str, Sequence[str]]
) -> TaskPage:
    """Return the task's page with the form as it was sent, and what is wrong with it.

    Raises:
        TaskNotFoundError: The user does not see it any more.
    """
    page = build_page(user, task_id, _without_nul(data), prefix=PREFIX)
    if page.form is not None:
        for name, said in errors.items():
            field = name if name in page.form.fields else None
            known: Sequence[Any] = page.form.errors.get(name or NON_FIELD_ERRORS, [])
            for text in said:
                if text not in known:
                    page.form.add_error(field, text)
    return page


def list_typed(data: QueryDict, task: HumanTask | None) -> list[tuple[str, str]]:
    """Return names and values of an answer that came too late, so that nobody types it twice.

    Secrets are hidden. Without the task, or its form, the fields are called by their names.
    """
    labels = _labels_of(task)
    typed = [
        (labels.get(name, name.replace("_", " ").capitalize()), redact({name: value})[name])
        for name, value in _list_values(data)
    ]
    comment = redact_text(read_comment(data))
    return [*typed, (_("Comment"), comment)] if comment.strip() else typed


def _labels_of(task: HumanTask | None) -> dict[str, str]:
    try:
        form = build_form(task) if task is not None else None
    except TaskFormError:
        return {}
    return {} if form is None else {name: str(form[name].label) for name in form.fields}


def _list_values(data: QueryDict) -> Iterator[tuple[str, str]]:
    start = f"{PREFIX}-"
    for key, values in _without_nul(data).lists():
        value = ", ".join(values).strip()
        if key.startswith(start) and value:
            yield key.removeprefix(start), value


def _without_nul(data: QueryDict) -> QueryDict:
    """Return the data as a form can be shown with them, which takes no NUL."""
    copy = data.copy()
    for name, values in data.lists():
        copy.setlist(name, [str(value).replace("\0", "") for value in values])
    return copy
