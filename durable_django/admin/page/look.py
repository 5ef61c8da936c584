"""One look of one user at one execution: what every part of its page is made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.contrib.admin import AdminSite
from django.http import HttpRequest, QueryDict
from django.utils.functional import cached_property

from durable_django.admin.page.links import Links
from durable_django.admin.page.rows import Records, read_records, to_value
from durable_django.control.actions import Action, allowed_actions
from durable_django.control.permissions import Permission, allows
from durable_django.domain.execution import Execution
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine

_MAX_PAGE = 100_000


class Tab(StrEnum):
    """The parts of the page of which one is open."""

    TIMELINE = "timeline"
    STEPS = "steps"
    SIGNALS = "signals"
    TIMERS = "timers"
    HISTORY = "history"
    PAYLOADS = "payloads"
    RELATED = "related"
    GRAPH = "graph"


@dataclass(frozen=True, kw_only=True)
class Look:
    """Who looks at what, when, and what they may see and do."""

    request: HttpRequest
    site: AdminSite
    #: Without its payloads.
    row: WorkflowExecution
    execution: Execution
    links: Links
    #: The store's clock, aware UTC.
    now: datetime
    tab: Tab
    #: From 1; may lie past the end.
    page: int
    may_see_payloads: bool
    #: What may be done to it now, in the order of `Action`.
    actions: Sequence[Action]

    @cached_property
    def records(self) -> Records:
        """What is recorded of it; read when it is first asked for, and not again."""
        return read_records(self.row)


def look_at(request: HttpRequest, site: AdminSite, row: WorkflowExecution) -> Look:
    """Return a look at the execution as the request's query asks for it."""
    return Look(
        request=request,
        site=site,
        row=row,
        execution=to_value(row),
        links=Links(site, row.pk),
        now=engine().store.now(),
        tab=read_tab(request.GET),
        page=read_page(request.GET),
        may_see_payloads=allows(request.user, Permission.PAYLOADS),
        actions=allowed_actions(request.user, row),
    )


def read_tab(query: QueryDict) -> Tab:
    """Return the tab that is asked for; the timeline, if it is none."""
    asked = query.get("tab", "")
    return Tab(asked) if asked in set(Tab) else Tab.TIMELINE


def read_page(query: QueryDict) -> int:
    """Return the number of the page that is asked for; 1, if it is none."""
    asked = query.get("page", "")
    # No more digits than a number of rows can have: the rest is somebody's joke.
    is_number = asked.isascii() and asked.isdigit() and len(asked) < len(str(_MAX_PAGE))
    return max(int(asked), 1) if is_number else 1
