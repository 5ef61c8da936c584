"""Whether somebody may do something with a human task, as its row stands.

What is refused is logged: it changes nothing, also not the events.
"""

from __future__ import annotations

import logging
from uuid import UUID

from durable_django.control.human_tasks.errors import (
    FourEyesError,
    NoSuchUserError,
    NotCandidateError,
    TaskActNotAllowedError,
    UnfitUserError,
)
from durable_django.control.human_tasks.people import Person, find_user, person_of
from durable_django.control.human_tasks.visibility import all_tasks, is_barred, is_for
from durable_django.control.permissions import Permission
from durable_django.control.scope import visible_executions
from durable_django.domain.status import TaskStatus
from durable_django.domain.task import PrincipalKind
from durable_django.exceptions import (
    DurableError,
    TaskClaimedError,
    TaskNotFoundError,
    TaskOverError,
)
from durable_django.models import HumanTask

logger = logging.getLogger(__name__)

TaskId = UUID | str

_NO_DELEGATE = (
    "a task goes to another active user who may complete tasks and whom the four-eyes rule allows "
    "it; if others are its candidates, to one of these"
)


def check_may_do(task: HumanTask, person: Person, act: str) -> None:
    """Raise unless the person may do the task, as its row stands."""
    if not person.completes:
        raise refused(TaskActNotAllowedError(act, Permission.COMPLETE_TASKS), task, person)
    if not is_for(task, person):
        raise refused(NotCandidateError(task.pk, person.name), task, person)
    if is_barred(task, person):
        raise refused(FourEyesError(task.pk, person.name), task, person)
    check_is_active(task)
    if task.assignee and task.assignee != person.name:
        raise TaskClaimedError(task.pk, task.assignee, task.claimed_at)


def check_is_active(task: HumanTask) -> None:
    """Raise TaskOverError unless somebody may still complete it, as its row stands."""
    if not TaskStatus(task.status).is_active:
        by = task.assignee if task.status == TaskStatus.COMPLETED else task.actor_name
        raise TaskOverError(task.pk, task.status, by, task.finished_at)


def check_target(task: HumanTask, name: str) -> Person:
    """Return who is called so, if the task can be given to them.

    Raises:
        NoSuchUserError: Nobody active is.
        UnfitUserError: They may not complete tasks, do not see its execution, or are barred by the
            four-eyes rule.
    """
    user = find_user(name)
    person = person_of(user)
    why = ""
    if not person.completes:
        why = f"they lack the permission durable_django.{Permission.COMPLETE_TASKS}"
    elif not visible_executions(user).filter(pk=task.execution_id).exists():
        why = "its execution is out of their scope"
    elif is_barred(task, person):
        why = "it needs a second pair of eyes, and not theirs"
    if why:
        raise UnfitUserError(task.pk, name, why)
    return person


def check_delegate(task: HumanTask, name: str) -> Person:
    """Return who is called so, if who has the task may hand it on to them.

    Whoever completes tasks can ask this of any name, so one answer is given to all that are in
    vain: it does not tell who has an account, nor what they may do.

    Raises:
        UnfitUserError: Nobody active is called so, or `check_target` refuses them, or they have it
            already, or others are its candidates and they are not.
    """
    try:
        person = check_target(task, name)
    except (NoSuchUserError, UnfitUserError):
        raise UnfitUserError(task.pk, name, _NO_DELEGATE) from None
    own = (PrincipalKind.USER, task.assignee)
    has_others = any((one.kind, one.name) != own for one in task.candidates.all())
    if name == task.assignee or (has_others and not is_for(task, person)):
        raise UnfitUserError(task.pk, name, _NO_DELEGATE)
    return person


def load_row(task_id: TaskId) -> HumanTask:
    """Return the task's row, whoever asks, with its execution and candidates.

    Raises:
        TaskNotFoundError: There is none with this id, or it is no id.
    """
    rows = all_tasks().select_related("execution").prefetch_related("candidates")
    row = rows.filter(pk=to_task_id(task_id)).first()
    if row is None:
        raise TaskNotFoundError(task_id)
    return row


def to_task_id(task_id: TaskId) -> UUID:
    """Return the id.

    Raises:
        TaskNotFoundError: It is none, so no task has it.
    """
    try:
        return task_id if isinstance(task_id, UUID) else UUID(str(task_id))
    except ValueError:
        raise TaskNotFoundError(task_id) from None


def refused(error: DurableError, task: HumanTask, person: Person) -> DurableError:
    """Leave a line in the log: what was refused changes nothing, also not the events."""
    facts = {"task_id": task.pk, "execution_id": task.execution_id, "actor": person.name}
    logger.warning("Act on a task refused", extra=facts | {"error": type(error).__name__})
    return error
