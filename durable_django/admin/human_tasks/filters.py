"""What the address of the inbox asks for: a tab, filters, a search, a page.

What is not understood asks for nothing: such an address was made by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from durable_django.admin.page.look import read_page
from durable_django.control.human_tasks.inbox import Tab, TaskFilter
from durable_django.domain.identifiers import MAX_NAME_LENGTH
from durable_django.domain.status import TaskStatus

TAB, STATE, WORKFLOW, DUE, SEARCH = "tab", "state", "workflow", "due", "q"
MAX_SEARCH_LENGTH = 200
_DUE: Mapping[str, tuple[Any, timedelta]] = {
    "overdue": (_("Overdue"), timedelta(0)),
    "day": (_("Within 24 hours"), timedelta(hours=24)),
    "week": (_("Within 7 days"), timedelta(days=7)),
}
_LABELS = {
    TaskStatus.OPEN: _("Open"),
    TaskStatus.CLAIMED: _("Claimed"),
    TaskStatus.COMPLETED: _("Completed"),
    TaskStatus.CANCELLED: _("Cancelled"),
    TaskStatus.EXPIRED: _("Expired"),
}
#: In the other tabs there is no choice: who has a task is what tells them apart.
_STATES = {
    Tab.ALL: (TaskStatus.OPEN, TaskStatus.CLAIMED),
    Tab.DONE: (TaskStatus.COMPLETED, TaskStatus.CANCELLED, TaskStatus.EXPIRED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of a menu."""

    value: str
    label: Any
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is asked for; what is empty or None asks for nothing."""

    #: None: whichever has something to do.
    tab: Tab | None
    state: str
    workflow: str
    due: str
    search: str
    page: int

    @property
    def is_narrowed(self) -> bool:
        """Whether something is left out of the tab."""
        return any((self.state, self.workflow, self.due, self.search))

    def to_filter(self, now: datetime) -> TaskFilter:
        """Return what to look for, but for the state, which is `pick_state`'s."""
        before = now + _DUE[self.due][1] if self.due else None
        return TaskFilter(due_before=before, workflow=self.workflow, search=self.search)

    def to_query(self) -> dict[str, str]:
        """Return the parameters of the filters."""
        query = {STATE: self.state, WORKFLOW: self.workflow, DUE: self.due, SEARCH: self.search}
        return {name: value for name, value in query.items() if value}


def read_choice(query: QueryDict) -> Choice:
    """Return what an address asks for."""
    tab = query.get(TAB, "")
    due, state = query.get(DUE, ""), query.get(STATE, "")
    return Choice(
        tab=Tab(tab) if tab in set(Tab) else None,
        state=state if state in set(TaskStatus) else "",
        workflow=_clean(query.get(WORKFLOW, ""), MAX_NAME_LENGTH),
        due=due if due in _DUE else "",
        search=_clean(query.get(SEARCH, ""), MAX_SEARCH_LENGTH),
        page=read_page(query),
    )


def pick_state(choice: Choice, tab: Tab) -> str:
    """Return the status that is asked for, if the tab has such tasks; else nothing."""
    return choice.state if choice.state in _STATES.get(tab, ()) else ""


def list_states(choice: Choice, tab: Tab) -> list[Option]:
    """Return the statuses to choose from; none where there is no choice."""
    return [_option(one.value, _LABELS[one], choice.state) for one in _STATES.get(tab, ())]


def list_due(choice: Choice) -> list[Option]:
    """Return the due times to choose from."""
    return [_option(name, label, choice.due) for name, (label, _span) in _DUE.items()]


def list_workflows(choice: Choice, names: Iterable[str]) -> list[Option]:
    """Return the workflows to choose from, by name; what is chosen is always among them."""
    known = {*names, choice.workflow} - {""}
    return [_option(name, name, choice.workflow) for name in sorted(known)]


def _option(value: str, label: Any, chosen: str) -> Option:
    return Option(value=value, label=label, is_chosen=value == chosen)


def _clean(text: str, longest: int) -> str:
    # PostgreSQL takes no NUL, not even to look for.
    return text.replace("\0", "").strip()[:longest]
