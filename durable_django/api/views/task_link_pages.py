"""What a person sees who opens a link to a task in a browser: the form, and what became of it.

Like the pages of `hook_pages` they need no asset and run no script.
"""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from durable_django.control.human_tasks.people import Person
from durable_django.control.human_tasks.showing import TaskPage, page_of
from durable_django.models import HumanTask, HumanTaskLink

#: Before the names of the task's fields, so that none is taken for one of the page's own.
PREFIX = "answer"
COMMENT = "comment"

_OUTCOMES = {
    200: (_("Thank you"), _("Your answer was received. You can close this page.")),
    404: (_("This link is not known"), _("Is the address complete? Ask for a new link if so.")),
    409: (
        _("Not now"),
        _("Somebody else has this task, or it cannot be shown here now. Nothing was sent."),
    ),
    410: (
        _("This link cannot be used any more"),
        _(
            "It was used before, has expired or was withdrawn, or the task is done. "
            "Nothing was sent now."
        ),
    ),
    429: (_("Too many requests"), _("Wait a minute and try again. Nothing was sent.")),
    503: (_("Not now"), _("Something is busy. Try again in a moment. Nothing was sent.")),
}
_REFUSED = (_("This did not work"), _("What was sent cannot be taken. Nothing was sent on."))


def render_task(  # noqa: PLR0913 -- all that the page says
    link: HumanTaskLink,
    task: HumanTask,
    person: Person,
    form: forms.BaseForm,
    action: str,
    *,
    comment: str = "",
    status: int = 200,
) -> HttpResponse:
    """Return the page with the task's form; `action` is where it is sent."""
    page: TaskPage = page_of(task, person)
    context = {
        "page": page,
        "form": form,
        "comment": comment,
        "user": link.user,
        "expires_at": link.expires_at,
        "action": action,
    }
    # Without the request: what the project adds to every page has no business on these.
    return HttpResponse(render_to_string("durable_django/task_link.html", context), status=status)


def render_outcome(status: int) -> HttpResponse:
    """Return the page that says what became of it; of one status always the same."""
    title, sentence = _OUTCOMES.get(status, _REFUSED)
    context = {"title": title, "sentence": sentence}
    return HttpResponse(render_to_string("durable_django/hook_done.html", context), status=status)
