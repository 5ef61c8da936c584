"""The inbox: which tasks stand where, in which order, and how many there are.

Most urgent first: by due time, those without one last; then the higher priority; then the older.
What is over is listed newest first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from durable_django.control.figures.bounded import count_capped
from durable_django.control.human_tasks.people import Person, person_of
from durable_django.control.human_tasks.visibility import bars, is_candidate_of, visible_tasks
from durable_django.domain.identifiers import MAX_KEY_LENGTH
from durable_django.domain.status import TaskStatus
from durable_django.models import HumanTask

#: Counts of the tabs end here and at one: more is "1,000+" to a person.
MAX_COUNTED = 1000
_ACTIVE = [status.value for status in TaskStatus if status.is_active]


class Tab(StrEnum):
    """A part of the inbox."""

    #: The user has them.
    MINE = "mine"
    #: Nobody has them, and the user may claim them.
    GROUPS = "groups"
    #: All active ones that the user may see.
    ALL = "all"
    #: All that are over.
    DONE = "done"


class State(StrEnum):
    """Which statuses are asked for."""

    OPEN = "open"
    CLAIMED = "claimed"
    #: Open or claimed.
    ACTIVE = "active"
    #: Completed, cancelled or expired.
    DONE = "done"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """What is asked for within a part of the inbox; what is empty or None asks for nothing."""

    state: State = State.ALL
    #: A username; "me" is the caller's to translate.
    assignee: str = ""
    due_before: datetime | None = None
    #: The name of the workflow.
    workflow: str = ""
    execution_id: UUID | None = None
    #: What the title, the name, or the execution's key begins with, or the id of the task or
    #: of its execution.
    search: str = ""


class Inbox:
    """The tasks of one user; who they are is asked once."""

    def __init__(self, user: Any) -> None:
        self.user = user
        self.person: Person = person_of(user)

    def list(self, tab: Tab, asked: TaskFilter | None = None) -> QuerySet[HumanTask]:
        """Return a part of the inbox, in its order, each row with execution and candidates.

        Slice it: however many rows are taken, it costs two queries.
        """
        rows = filter_tasks(self._part(tab), asked or TaskFilter())
        return in_order(with_all(rows), is_over=tab is Tab.DONE)

    def count(self, asked: TaskFilter | None = None) -> Mapping[Tab, int]:
        """Return how many each part has, counted up to `MAX_COUNTED` and one; one query."""
        filtered = {tab: filter_tasks(self._part(tab), asked or TaskFilter()) for tab in Tab}
        return count_capped(filtered, MAX_COUNTED + 1)

    def _part(self, tab: Tab) -> QuerySet[HumanTask]:
        rows = visible_tasks(self.user, self.person)
        if tab is Tab.DONE:
            return rows.exclude(status__in=_ACTIVE)
        active = rows.filter(status__in=_ACTIVE)
        if tab is Tab.MINE:
            return active.filter(assignee=self.person.name)
        if tab is Tab.GROUPS:
            return active.filter(is_candidate_of(self.person), ~bars(self.person), assignee="")
        return active


def filter_tasks(rows: QuerySet[HumanTask], asked: TaskFilter) -> QuerySet[HumanTask]:
    """Return those of the rows that are asked for."""
    statuses = _STATUSES.get(asked.state)
    if statuses is not None:
        rows = rows.filter(status__in=statuses)
    if asked.assignee:
        rows = rows.filter(assignee=asked.assignee)
    if asked.due_before is not None:
        rows = rows.filter(due_at__lt=asked.due_before)
    if asked.workflow:
        rows = rows.filter(execution__workflow_name=asked.workflow)
    if asked.execution_id is not None:
        rows = rows.filter(execution_id=asked.execution_id)
    return rows.filter(_to_condition(asked.search)) if asked.search.strip() else rows


def in_order(rows: QuerySet[HumanTask], *, is_over: bool = False) -> QuerySet[HumanTask]:
    """Return the rows most urgent first; of what is over, the newest first."""
    if is_over:
        return rows.order_by(F("finished_at").desc(nulls_last=True), "-id")
    return rows.order_by(F("due_at").asc(nulls_last=True), "-priority", "id")


def with_all(rows: QuerySet[HumanTask]) -> QuerySet[HumanTask]:
    """Return the rows with what a list shows: the execution, and who may claim; no payloads."""
    return (
        rows.select_related("execution")
        .defer("data", "display", "execution__input", "execution__output", "execution__error")
        .prefetch_related("candidates")
    )


def _to_condition(search: str) -> Q:
    text = search.strip()[:MAX_KEY_LENGTH]
    if "\0" in text:  # PostgreSQL takes none, and so no task has one
        return Q(pk__in=[])
    try:
        found = UUID(text)
    except ValueError:
        pass
    else:
        return Q(pk=found) | Q(execution_id=found)
    return (
        Q(title__icontains=text)
        | Q(name__istartswith=text)
        | Q(execution__key__startswith=text)
        | Q(execution__workflow_name__startswith=text)
    )


_STATUSES: Mapping[State, list[str]] = {
    State.OPEN: [TaskStatus.OPEN.value],
    State.CLAIMED: [TaskStatus.CLAIMED.value],
    State.ACTIVE: _ACTIVE,
    State.DONE: [status.value for status in TaskStatus if not status.is_active],
}
