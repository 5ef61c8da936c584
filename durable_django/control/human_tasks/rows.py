"""One line of the inbox: what a person reads of a task, and what they may do with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from durable_django.control.human_tasks.inbox import TaskFilter, filter_tasks, in_order, with_all
from durable_django.control.human_tasks.people import NOBODY, Person
from durable_django.control.human_tasks.visibility import all_tasks, is_barred, is_for
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.wording import say_duration
from durable_django.domain.status import TaskStatus
from durable_django.domain.task import Principal, PrincipalKind
from durable_django.models import HumanTask
from durable_django.runtime import engine

#: What is due sooner than this is soon.
SOON = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task as a list shows it to one person."""

    task: HumanTask
    #: Its title, or its name; secrets hidden.
    title: str
    #: `overdue 2 h`, `due in 4 h 5 min`; empty if it has no due time, or is over.
    due: str
    is_overdue: bool
    is_soon: bool
    #: `alice`, or who may claim it: `finance, bob`; empty: everybody who may complete tasks.
    who: str
    is_mine: bool
    can_claim: bool
    can_release: bool
    can_complete: bool
    can_delegate: bool
    can_reassign: bool
    can_cancel: bool
    #: It is theirs, and the four-eyes rule keeps them from it.
    is_barred: bool


def build_row(task: HumanTask, person: Person, now: datetime) -> TaskRow:
    """Return the line of a task, read with its candidates, at the store's `now`; no query.

    What it says may be done is what the row says: the act itself looks again.
    """
    is_active = TaskStatus(task.status).is_active
    is_mine = bool(task.assignee) and task.assignee == person.name
    is_offered = is_active and person.completes and is_for(task, person)
    barred = is_offered and is_barred(task, person)
    takes = is_offered and not barred
    return TaskRow(
        task=task,
        title=redact_text(task.title or task.name),
        due=say_due(task.due_at, now) if is_active else "",
        is_overdue=is_active and task.due_at is not None and task.due_at <= now,
        is_soon=is_active and task.due_at is not None and now < task.due_at < now + SOON,
        who=task.assignee or ", ".join(one.name for one in candidates_of(task)),
        is_mine=is_mine,
        can_claim=takes and not task.assignee,
        can_release=is_active
        and bool(task.assignee)
        and (person.reassigns or (is_mine and person.completes)),
        can_complete=takes and (is_mine or not task.assignee),
        can_delegate=is_active and is_mine and person.completes,
        can_reassign=is_active and person.reassigns,
        can_cancel=is_active and person.reassigns,
        is_barred=barred,
    )


def list_rows(asked: TaskFilter, limit: int) -> list[TaskRow]:
    """Return up to `limit` tasks that are asked for, the most urgent first, as nobody sees them.

    For who has no user, such as a command: whatever there is, and nothing may be done with it.
    """
    now = engine().store.now()
    rows = in_order(with_all(filter_tasks(all_tasks(), asked)))[:limit]
    return [build_row(task, NOBODY, now) for task in rows]


def candidates_of(task: HumanTask) -> list[Principal]:
    """Return who may claim a task, groups first, by name."""
    found = [
        Principal(kind=PrincipalKind(one.kind), name=one.name) for one in task.candidates.all()
    ]
    return sorted(found, key=lambda one: (one.kind is PrincipalKind.USER, one.name))


def say_due(due_at: datetime | None, now: datetime) -> str:
    """Return `overdue 2 h`, `due in 4 h 5 min`; empty if there is no due time."""
    if due_at is None:
        return ""
    if due_at <= now:
        return _("overdue %(time)s") % {"time": say_duration(now - due_at)}
    return _("due in %(time)s") % {"time": say_duration(due_at - now)}
