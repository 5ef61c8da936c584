"""The human tasks of an execution that the user may see, as its page shows them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from durable_django.admin.page.look import Look
from durable_django.admin.page.rows import PAGE_SIZE
from durable_django.control.badges import Badge
from durable_django.control.human_tasks.badges import TASK_BADGES
from durable_django.control.human_tasks.inbox import with_all
from durable_django.control.human_tasks.people import person_of
from durable_django.control.human_tasks.rows import TaskRow, build_row
from durable_django.control.human_tasks.visibility import visible_tasks
from durable_django.control.payloads.redaction import redact_text
from durable_django.domain.status import CheckpointKind, TaskStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTask:
    """A task, ready to be shown."""

    row: TaskRow
    title: str
    badge: Badge
    #: Empty on a site that does not show tasks.
    url: str


def has_tasks(look: Look) -> bool:
    """Say whether the execution ever asked somebody, by what is read of it anyway."""
    return any(one.kind is CheckpointKind.TASK for one in look.records.attempts)


def find_visible_ids(look: Look, ids: Collection[UUID]) -> Collection[UUID]:
    """Return those of the tasks that the user may see; no query for none."""
    if not ids:
        return ()
    return set(visible_tasks(look.request.user).filter(pk__in=ids).values_list("pk", flat=True))


def list_shown_tasks(look: Look) -> tuple[list[ShownTask], int]:
    """Return the tasks of the page that is asked for, the newest first, and how many there are."""
    person = person_of(look.request.user)
    rows = visible_tasks(look.request.user, person).filter(execution_id=look.row.pk)
    start = (look.page - 1) * PAGE_SIZE
    found = with_all(rows).order_by("-id")[start : start + PAGE_SIZE]
    shown = [
        ShownTask(
            row=(row := build_row(task, person, look.now)),
            title=redact_text(row.title),
            badge=TASK_BADGES[TaskStatus(task.status)],
            url=look.links.find_task(task.pk),
        )
        for task in found
    ]
    return shown, rows.count()
