"""The page of one schedule: its next five runs, what it does, and what became of its ticks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from durable_django.admin.acts.site_pages import HasSite
from durable_django.admin.reports.links import ReportLinks
from durable_django.admin.schedules.act_kinds import ACTS
from durable_django.admin.schedules.badges import badge_of_outcome
from durable_django.admin.schedules.links import (
    context_of,
    load_schedule,
    may_see_executions,
    require_view,
)
from durable_django.admin.schedules.list_page import line_of
from durable_django.admin.schedules.wording import list_policies, say_span
from durable_django.control.payloads.payload_view import view_payload
from durable_django.control.permissions import Permission, allows
from durable_django.control.schedules.acting import may
from durable_django.control.schedules.rows import (
    ScheduleRow,
    build_row,
    build_ticks,
    list_ticks,
    say_tick,
)
from durable_django.models import Schedule
from durable_django.runtime import engine
from durable_django.scheduling.tick_starter import tag_of

TICKS_PER_PAGE = 25


class SchedulePage:
    """The part of the schedules' admin that shows one of them."""

    admin_site: admin.AdminSite

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a schedule; it is changed on a page of its own."""
        return _page_view(request, owner=self, object_id=object_id)


@require_safe
def _page_view(request: HttpRequest, *, owner: SchedulePage, object_id: str) -> HttpResponse:
    require_view(request)
    schedule, now = load_schedule(object_id), engine().store.now()
    row = build_row(request.user, schedule, now)
    context = {
        **context_of(owner, request, row.name),
        **line_of(row),
        **_facts_of(request, row),
        **_ticks_of(request, schedule),
        "acts": _list_acts(request.user, row),
        "may_edit": may(request.user, "change") and not row.is_of_code,
        "executions_url": _find_executions(owner, request, row.name),
        "now": now,
    }
    return TemplateResponse(request, "admin/durable_django/schedules/page.html", context)


def _find_executions(owner: HasSite, request: HttpRequest, name: str) -> str:
    """Return the list of what the schedule started; empty if the user has none."""
    if not may_see_executions(owner, request):
        return ""
    return ReportLinks(owner.admin_site).to_search(f'tag:"{tag_of(name)}"')


def _list_acts(user: Any, row: ScheduleRow) -> list[dict[str, Any]]:
    """Return the acts that are offered: allowed, and possible now."""
    return [
        {"action": name, "verb": act.verb, "is_dangerous": act.is_dangerous}
        for name, act in ACTS.items()
        if may(user, name) and not act(row).why_not()
    ]


def _facts_of(request: HttpRequest, row: ScheduleRow) -> dict[str, Any]:
    schedule = row.schedule
    return {
        "policies": list_policies(schedule),
        "every": "" if schedule.every is None else say_span(schedule.every),
        "anchor": "" if schedule.anchor_at is None else say_tick(schedule.anchor_at),
        "payload": view_payload(schedule.input, may_see=allows(request.user, Permission.PAYLOADS)),
    }


def _ticks_of(request: HttpRequest, schedule: Schedule) -> dict[str, Any]:
    page = Paginator(list_ticks(schedule), TICKS_PER_PAGE).get_page(request.GET.get("page"))
    told = build_ticks(request.user, schedule, list(page))
    return {
        "page": page,
        "ticks": [(tick, badge_of_outcome(tick.tick.outcome)) for tick in told],
        "kinds": {"manual": _("by hand"), "backfill": _("backfilled")},
    }
