"""Make and revoke the links of human tasks as a user."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from durable_django.control.acting import actor_of
from durable_django.control.human_tasks.checking import TaskId, refused, to_task_id
from durable_django.control.human_tasks.errors import (
    FourEyesError,
    LinkNotFoundError,
    TaskActNotAllowedError,
)
from durable_django.control.human_tasks.links import (
    TaskLink,
    list_links,
    mint_link,
    revoke_link,
)
from durable_django.control.human_tasks.people import Person, person_of
from durable_django.control.human_tasks.visibility import find_visible_task, is_barred
from durable_django.control.permissions import Permission
from durable_django.models import HumanTask, HumanTaskLink


def give_link(task_id: TaskId, *, expires_in: timedelta, user: Any) -> TaskLink:
    """Make a link for oneself; see `mint_link`, with which code makes one for another.

    Whoever makes a link holds it first, and could answer as whom it is for: so no user makes one
    for another. Code does, and sends it to them.

    Raises:
        TaskNotFoundError: There is no such task, or the user may not see it.
        TaskActNotAllowedError: The user lacks the permission.
        FourEyesError: Somebody else has to do it.
    """
    task, person = _find(task_id, user)
    if not person.completes:
        error = TaskActNotAllowedError("make a link for", Permission.COMPLETE_TASKS)
        raise refused(error, task, person)
    if is_barred(task, person):
        raise refused(FourEyesError(task.pk, person.name), task, person)
    return mint_link(task.pk, person.name, expires_in=expires_in, by=actor_of(user))


def visible_links(task_id: TaskId, *, user: Any) -> QuerySet[HumanTaskLink]:
    """Return the links of a task, newest first: one's own or, with the right to reassign, all.

    Raises:
        TaskNotFoundError: There is no such task, or the user may not see it.
    """
    task, person = _find(task_id, user)
    links = list_links(task.pk)
    return links if person.reassigns else links.filter(user=person.name)


def revoke_visible_link(task_id: TaskId, link_id: UUID, *, user: Any) -> bool:
    """Have a link never be used from now on; return whether it could have been.

    Raises:
        TaskNotFoundError: There is no such task, or the user may not see it.
        LinkNotFoundError: The user sees no such link of it.
    """
    if not visible_links(task_id, user=user).filter(pk=link_id).exists():
        raise LinkNotFoundError
    return revoke_link(link_id, by=actor_of(user))


def _find(task_id: TaskId, user: Any) -> tuple[HumanTask, Person]:
    person = person_of(user)
    return find_visible_task(user, to_task_id(task_id), person), person
