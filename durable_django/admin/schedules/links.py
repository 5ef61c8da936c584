"""Where the links of the pages of schedules lead, and what these pages have in common."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest

from durable_django.admin.acts.site_pages import HasSite, page_context, page_url
from durable_django.control.permissions import Permission, allows
from durable_django.control.schedules.rows import ScheduleRow, all_schedules, build_row
from durable_django.models import Schedule, WorkflowExecution
from durable_django.runtime import engine

LIST = "durable_django_schedule_changelist"
PAGE = "durable_django_schedule_change"
EDIT = "durable_django_schedule_edit"
ACT = "durable_django_schedule_act"


def context_of(owner: HasSite, request: HttpRequest, title: str) -> dict[str, Any]:
    """Return what every page of schedules is given."""
    opts = Schedule._meta  # noqa: SLF001 -- Django documents it
    return {
        **page_context(owner, request, title),
        "opts": opts,
        "may_see_executions": may_see_executions(owner, request),
    }


def may_see_executions(owner: HasSite, request: HttpRequest) -> bool:
    """Say whether the site shows executions, and shows them to the user."""
    is_shown = owner.admin_site.is_registered(WorkflowExecution)
    return is_shown and allows(request.user, Permission.VIEW)


def to_list(owner: HasSite) -> str:
    """Return the address of the list."""
    return page_url(owner, LIST)


def to_page(owner: HasSite, schedule_id: int) -> str:
    """Return the address of a schedule's page."""
    return page_url(owner, PAGE, schedule_id)


def require_view(request: HttpRequest) -> None:
    """Refuse who may not view schedules.

    Raises:
        PermissionDenied: They may not.
    """
    if not allows(request.user, Permission.VIEW_SCHEDULES):
        raise PermissionDenied


def load_schedule(schedule_id: str | int) -> Schedule:
    """Return the row of a schedule.

    Raises:
        Http404: There is none with this id.
    """
    text = str(schedule_id)
    is_id = text.isascii() and text.isdigit()
    row = all_schedules().filter(pk=int(text[:30])).first() if is_id else None
    if row is None:
        raise Http404
    return row


def load_row(request: HttpRequest, schedule_id: str | int) -> ScheduleRow:
    """Return a schedule as its pages show it.

    Raises:
        PermissionDenied: The user may not view schedules.
        Http404: There is none with this id.
    """
    require_view(request)
    return build_row(request.user, load_schedule(schedule_id), engine().store.now())
