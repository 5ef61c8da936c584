"""The list of schedules: when each runs next, what became of the last run, and what is wrong."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from durable_django.admin.schedules.badges import badge_of_outcome, badges_of
from durable_django.admin.schedules.links import context_of, require_view
from durable_django.admin.schedules.wording import OVERLAP
from durable_django.control.schedules.acting import may
from durable_django.control.schedules.rows import ScheduleRow, all_schedules, build_rows
from durable_django.models import Schedule
from durable_django.runtime import engine

PER_PAGE = 50
#: In the list; the page of one tells of five.
_NEXT_RUNS = 3
_LONGEST_SEARCH = 200


class ScheduleList:
    """The part of the schedules' admin that lists them."""

    admin_site: admin.AdminSite

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a page of the list."""
        return _list_view(request, owner=self)


@require_safe
def _list_view(request: HttpRequest, *, owner: ScheduleList) -> HttpResponse:
    require_view(request)
    state, search = request.GET.get("state", ""), request.GET.get("q", "").strip()
    rows = _matching(state, search[:_LONGEST_SEARCH])
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    now = engine().store.now()
    told = build_rows(request.user, list(page), now, next_runs=_NEXT_RUNS)
    context = {
        **context_of(owner, request, _("Schedules")),
        "lines": [line_of(row) for row in told],
        "page": page,
        "now": now,
        "search": search,
        "state": state,
        "states": [(name, label, name == state) for name, label in _states()],
        "may_add": may(request.user, "create"),
        "may_enable": may(request.user, "enable"),
        "is_narrowed": bool(state or search),
    }
    return TemplateResponse(request, "admin/durable_django/schedules/list.html", context)


def line_of(row: ScheduleRow) -> dict[str, Any]:
    """Return a schedule with what a template cannot work out of it."""
    last = row.last
    return {
        "row": row,
        "schedule": row.schedule,
        "badges": list(badges_of(row)),
        "overlap": OVERLAP[row.schedule.overlap],
        "last": last,
        "last_badge": None if last is None else badge_of_outcome(last.tick.outcome),
    }


def _states() -> list[tuple[str, str]]:
    return [
        ("", _("All")),
        ("enabled", _("Enabled")),
        ("disabled", _("Disabled")),
        ("failing", _("Failing")),
        ("code", _("Of the code")),
    ]


def _matching(state: str, search: str) -> QuerySet[Schedule]:
    rows = all_schedules()
    if state in _CONDITIONS:
        rows = rows.filter(_CONDITIONS[state])
    # PostgreSQL takes no NUL, not even to look for.
    word = search.replace("\0", "")
    if word:
        rows = rows.filter(Q(name__icontains=word) | Q(workflow_name__icontains=word))
    return rows


_CONDITIONS = {
    "enabled": Q(is_enabled=True),
    "disabled": Q(is_enabled=False),
    "failing": Q(consecutive_failures__gt=0),
    "code": Q(source="code"),
}
