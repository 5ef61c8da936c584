"""The page of one task: what is asked and why, the form, and what may be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import URLValidator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from durable_django.admin.human_tasks.links import TaskLinks
from durable_django.admin.human_tasks.wording import say_end, say_gone
from durable_django.control.human_tasks.badges import TASK_BADGES
from durable_django.control.human_tasks.rows import TaskRow, candidates_of
from durable_django.control.human_tasks.showing import TaskPage, build_page
from durable_django.control.payloads.redaction import redact_text
from durable_django.domain.status import TaskStatus
from durable_django.exceptions import TaskNotFoundError
from durable_django.models import HumanTask
from durable_django.runtime import engine

#: Stands before the names of the form's fields: a field may be called `comment`.
PREFIX = "answer"
#: How an answer that was left empty is written.
_NOTHING = frozenset({"", "null", "[]", "{}"})
_is_url = URLValidator(schemes=["http", "https"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A name and a value of what is decided on; `url` if the value is an address."""

    name: str
    value: str
    url: str


class TaskPages:
    """The part of the tasks' admin that shows one; goes before `ModelAdmin` among the bases."""

    admin_site: AdminSite

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the task; whatever is done to it is posted elsewhere.

        Raises:
            PermissionDenied: The user may neither view nor complete tasks, or tried to post.
        """
        may_look: Any = self  # the admin class beside this one
        if request.method not in ("GET", "HEAD") or not may_look.has_view_permission(request):
            raise PermissionDenied
        try:
            page = build_page(request.user, UUID(unquote(object_id)), prefix=PREFIX)
        except (ValueError, TaskNotFoundError):
            return self.say_missing(request)
        return self.show_page(request, page, **(extra_context or {}))

    def show_page(self, request: HttpRequest, page: TaskPage, **more: Any) -> TemplateResponse:
        """Return the page of a task, its form perhaps filled in."""
        context = {**build_context(request, self.admin_site, page), **more}
        template = "admin/durable_django/human_tasks/task.html"
        return TemplateResponse(request, template, context)

    def say_missing(self, request: HttpRequest) -> HttpResponse:
        """Lead to the inbox: out of sight and never there are the same."""
        messages.warning(request, say_gone())
        return HttpResponseRedirect(TaskLinks(self.admin_site).to_inbox())


def build_context(request: HttpRequest, site: AdminSite, page: TaskPage) -> dict[str, Any]:
    """Return what the template of a task's page is given."""
    request.current_app = site.name
    row, links, now = page.row, TaskLinks(site), engine().store.now()
    return {
        **frame_task(request, site, row.task, redact_text(row.title)),
        "page": page,
        "row": row,
        "description": redact_text(row.task.description),
        "execution_url": links.find_execution(request.user, row.task.execution_id),
        "candidates": [str(one) for one in candidates_of(row.task)],
        "display": [_to_line(name, value) for name, value in page.display],
        "answer": [_to_line(name, value) for name, value in page.answer],
        "said": redact_text(row.task.comment),
        "end": "" if TaskStatus(row.task.status).is_active else _say_end(row.task, now),
        "why_not": _say_why_not(row),
        "comment": "",
        "now": now,
        **_list_acts(row, links),
    }


def frame_task(
    request: HttpRequest, site: AdminSite, task: HumanTask, title: str
) -> dict[str, Any]:
    """Return what every page about a task is given."""
    links = TaskLinks(site)
    return {
        **site.each_context(request),
        "opts": HumanTask._meta,  # noqa: SLF001 -- Django documents it
        "title": title,
        "task": task,
        "task_title": title,
        "task_url": links.to_task(task.pk),
        "inbox_url": links.to_inbox(),
        "badge": TASK_BADGES[TaskStatus(task.status)],
    }


def _list_acts(row: TaskRow, links: TaskLinks) -> dict[str, str]:
    """Return where the acts are that the user may do now; what is empty they may not."""
    may = {
        "claim": row.can_claim,
        "complete": row.can_complete,
        "release": row.can_release,
        "delegate": row.can_delegate,
        "reassign": row.can_reassign,
        "cancel": row.can_cancel,
        "link": row.can_complete or (row.can_reassign and not row.is_barred),
    }
    return {
        f"{act}_url": links.to_act(row.task.pk, act) if is_offered else ""
        for act, is_offered in may.items()
    }


def _say_why_not(row: TaskRow) -> str:
    """Return why an active task cannot be completed by who looks at it; empty if it can."""
    if row.can_complete or not TaskStatus(row.task.status).is_active:
        return ""
    if row.is_barred:
        return _("It needs a second pair of eyes, and not yours: somebody else completes it.")
    if row.task.assignee and not row.is_mine:
        return _("%(user)s has it. Who has a task completes it.") % {"user": row.task.assignee}
    return _("You can look at it; it is for others to complete.")


def _say_end(task: HumanTask, now: datetime) -> str:
    is_completed = task.status == TaskStatus.COMPLETED
    by = task.actor_name or (task.assignee if is_completed else "")
    return say_end(task.status, by, task.finished_at, now)


def _to_line(name: str, value: str) -> Line:
    if value in _NOTHING:
        return Line(name=name, value="–", url="")  # noqa: RUF001 -- a dash, as in any table
    try:
        _is_url(value)
    except ValidationError:
        return Line(name=name, value=value, url="")
    return Line(name=name, value=value, url=value)
