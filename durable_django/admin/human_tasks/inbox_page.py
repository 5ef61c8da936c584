"""The inbox: what a person is asked to do, most urgent first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.human_tasks.filters import (
    MAX_SEARCH_LENGTH,
    TAB,
    Choice,
    list_due,
    list_states,
    list_workflows,
    pick_state,
    read_choice,
)
from durable_django.admin.human_tasks.links import TaskLinks
from durable_django.control.badges import Badge
from durable_django.control.figures.bounded import count_capped
from durable_django.control.human_tasks.badges import TASK_BADGES
from durable_django.control.human_tasks.inbox import MAX_COUNTED, Inbox, Tab, TaskFilter
from durable_django.control.human_tasks.rows import TaskRow, build_row
from durable_django.control.payloads.redaction import redact_text
from durable_django.domain.status import TaskStatus
from durable_django.models import HumanTask
from durable_django.runtime import engine

PER_PAGE = 50
#: The workflows of so many tasks can be chosen from; others can be searched for.
_MOST_LOOKED_AT = 500
_NAMES = {
    Tab.MINE: gettext_lazy("My tasks"),
    Tab.GROUPS: gettext_lazy("My groups'"),
    Tab.ALL: gettext_lazy("All"),
    Tab.DONE: gettext_lazy("Done"),
}
_TO_DO = (Tab.MINE, Tab.GROUPS)


@dataclass(frozen=True, slots=True, kw_only=True)
class TabLink:
    """A part of the inbox as a link to it."""

    name: Any
    url: str
    #: Empty: it is not counted.
    count: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """One task, ready to be shown."""

    row: TaskRow
    title: str
    badge: Badge
    url: str
    claim_url: str
    #: Empty: the user may not see it.
    execution_url: str


class TaskInbox:
    """The part of the tasks' admin that lists them; goes before `ModelAdmin` among the bases."""

    admin_site: AdminSite

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the inbox.

        Raises:
            PermissionDenied: The user may neither view nor complete tasks, or tried to post.
        """
        may_look: Any = self  # the admin class beside this one
        if request.method not in ("GET", "HEAD") or not may_look.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        context = {
            **self.admin_site.each_context(request),
            **build_inbox(request, TaskLinks(self.admin_site)),
            "opts": HumanTask._meta,  # noqa: SLF001 -- Django documents it
            "title": _("Task inbox"),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/durable_django/human_tasks/inbox.html", context)


def build_inbox(request: HttpRequest, links: TaskLinks) -> dict[str, Any]:
    """Return what the inbox's template is given; the same queries however many tasks there are."""
    inbox, now = Inbox(request.user), engine().store.now()
    choice = read_choice(request.GET)
    counts = _count(inbox)
    tab = choice.tab or _find_first(inbox, counts)
    rows = _narrow(inbox.list(tab, choice.to_filter(now)), pick_state(choice, tab))
    start = (choice.page - 1) * PER_PAGE
    found = list(rows[start : start + PER_PAGE + 1])
    return {
        "tabs": [_to_link(one, tab, choice, counts, links) for one in Tab],
        "tab": tab.value,
        "is_done": tab is Tab.DONE,
        "choice": choice,
        "states": list_states(choice, tab),
        "dues": list_due(choice),
        "workflows": list_workflows(choice, _list_workflows(inbox, tab)),
        "longest_search": str(MAX_SEARCH_LENGTH),
        "rows": [_to_row(task, inbox, now, links) for task in found[:PER_PAGE]],
        "now": now,
        "clear_url": links.to_inbox(tab=tab.value) if choice.is_narrowed else "",
        "newer_url": _to_page(links, tab, choice, choice.page - 1) if choice.page > 1 else "",
        "older_url": _to_page(links, tab, choice, choice.page + 1) if found[PER_PAGE:] else "",
    }


def _count(inbox: Inbox) -> Mapping[Tab, int]:
    return count_capped({tab: inbox.list(tab) for tab in _TO_DO}, MAX_COUNTED + 1)


def _find_first(inbox: Inbox, counts: Mapping[Tab, int]) -> Tab:
    """Return the tab to begin with: what is theirs, else what they may claim."""
    if not inbox.person.completes:
        return Tab.ALL
    return next((tab for tab in _TO_DO if counts[tab]), Tab.MINE)


def _narrow(rows: QuerySet[HumanTask], state: str) -> QuerySet[HumanTask]:
    return rows.filter(status=state) if state else rows


def _list_workflows(inbox: Inbox, tab: Tab) -> set[str]:
    rows = inbox.list(tab, TaskFilter()).select_related(None).prefetch_related(None)
    names = rows.values_list("execution__workflow_name", flat=True)
    return set(names[:_MOST_LOOKED_AT])


def _to_link(
    tab: Tab, current: Tab, choice: Choice, counts: Mapping[Tab, int], links: TaskLinks
) -> TabLink:
    return TabLink(
        name=_NAMES[tab],
        url=links.to_inbox(**{**choice.to_query(), TAB: tab.value}),
        count=say_count(counts[tab]) if tab in counts else "",
        is_open=tab is current,
    )


def say_count(count: int) -> str:
    """Return a count of the inbox, which ends at `MAX_COUNTED` and one: `12`, `1,000+`."""
    told = number_format(min(count, MAX_COUNTED), force_grouping=True)
    return f"{told}+" if count > MAX_COUNTED else told


def _to_page(links: TaskLinks, tab: Tab, choice: Choice, page: int) -> str:
    return links.to_inbox(**{**choice.to_query(), TAB: tab.value, "page": str(page)})


def _to_row(task: HumanTask, inbox: Inbox, now: datetime, links: TaskLinks) -> InboxRow:
    row = build_row(task, inbox.person, now)
    return InboxRow(
        row=row,
        title=redact_text(row.title),
        badge=TASK_BADGES[TaskStatus(task.status)],
        url=links.to_task(task.pk),
        claim_url=links.to_act(task.pk, "claim") if row.can_claim else "",
        execution_url=links.find_execution(inbox.user, task.execution_id),
    )
