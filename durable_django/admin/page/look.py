"""One look of one user at one execution: what every part of its page is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.contrib.admin import AdminSite
from django.http import HttpRequest, QueryDict
from django.utils.functional import cached_property

from durable_django.admin.page.links import Links
from durable_django.admin.page.rows import Records, read_records, to_value
from durable_django.control.actions import Action, allowed_actions
from durable_django.control.calls import Call, group_calls
from durable_django.control.family import (
    ChildrenSummary,
    find_visible_executions,
    sum_up_children,
)
from durable_django.control.items import ItemCount, count_items
from durable_django.control.permissions import Permission, allows
from durable_django.control.waiting import CurrentWait, child_id_of, list_current_waits
from durable_django.domain.execution import Execution
from durable_django.domain.limit import LimitFigures
from durable_django.domain.status import WaitKind
from durable_django.domain.work_queue import QueueControl
from durable_django.models import WorkflowExecution
from durable_django.models.choices import MAX_CALL_KEY_LENGTH
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
    CHILDREN = "children"
    TASKS = "tasks"


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
    #: The key of a call or a map: only what belongs to it is listed; empty: everything.
    of: str
    #: Only what failed is listed.
    only_failed: bool
    may_see_payloads: bool
    #: What may be done to it now, in the order of `Action`.
    actions: Sequence[Action]

    def to_page(self, page: int) -> str:
        """Return the same look, at another page."""
        only = "failed" if self.only_failed else ""
        return self.links.to_tab(self.tab, page, of=self.of, only=only)

    def to_live(self) -> str:
        """Return what keeps this look up to date."""
        only = "failed" if self.only_failed else ""
        return self.links.to_live(self.tab, self.page, of=self.of, only=only)

    @cached_property
    def records(self) -> Records:
        """What is recorded of it; read when it is first asked for, and not again."""
        return read_records(self.row)

    @cached_property
    def calls(self) -> Sequence[Call]:
        """The durable calls that were made, in the order in which they were first made."""
        return group_calls(self.records.attempts)

    @cached_property
    def waits(self) -> Sequence[CurrentWait]:
        """What it waits for by name."""
        return list_current_waits(self.execution, self.calls, self.records.timers)

    @cached_property
    def maps(self) -> Mapping[str, ItemCount]:
        """How far its maps have come, by the keys of their calls."""
        return count_items(self.row.pk, self.records.attempts)

    @cached_property
    def children(self) -> Mapping[UUID, Execution]:
        """The children of its recorded calls that the user may see, by id."""
        ids = [child_id_of(call.last) for call in self.calls]
        return find_visible_executions(self.request.user, [one for one in ids if one is not None])

    @cached_property
    def limit(self) -> LimitFigures | None:
        """How far the limit is used that holds it back, if one does."""
        is_held_back = self.execution.waiting_kind is WaitKind.LIMIT
        return engine().store.find_limit(self.execution.limit_key) if is_held_back else None

    @cached_property
    def control(self) -> QueueControl | None:
        """How its queue is controlled, if it is due."""
        alarm = self.execution.wake_at
        is_due = alarm is not None and alarm <= self.now
        return engine().store.load_queue(self.execution.queue) if is_due else None

    @cached_property
    def family(self) -> ChildrenSummary:
        """How many children the user may see, and when one of them changed last."""
        return sum_up_children(self.request.user, self.row.pk)


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
        of=read_key(request.GET),
        only_failed=request.GET.get("only") == "failed",
        may_see_payloads=allows(request.user, Permission.PAYLOADS),
        actions=allowed_actions(request.user, row),
    )


def read_tab(query: QueryDict) -> Tab:
    """Return the tab that is asked for; the timeline, if it is none."""
    asked = query.get("tab", "")
    return Tab(asked) if asked in set(Tab) else Tab.TIMELINE


def read_key(query: QueryDict) -> str:
    """Return the key of a call that is asked for; empty, if it could be none."""
    asked = query.get("of", "")
    # PostgreSQL takes no NUL, not even to look for.
    return asked if len(asked) <= MAX_CALL_KEY_LENGTH and "\0" not in asked else ""


def read_page(query: QueryDict) -> int:
    """Return the number of the page that is asked for; 1, if it is none."""
    asked = query.get("page", "")
    # No more digits than a number of rows can have: the rest is somebody's joke.
    is_number = asked.isascii() and asked.isdigit() and len(asked) < len(str(_MAX_PAGE))
    return max(int(asked), 1) if is_number else 1
