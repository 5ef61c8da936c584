"""Act on human tasks as a user: scope, permission, candidates, four eyes, form, act and audit.

Each act looks whether the user may see the task (else TaskNotFoundError), has the permission (else
TaskActNotAllowedError), and is one whom it is for; then it acts through the store, which writes
the event, and for a completion wakes the execution, in the transaction of the act. The store looks
again at who has the task, under its lock: of two who claim, one has it.

The four-eyes rule (`not_by`) holds for everybody, superusers as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from durable_django.control.acting import actor_of
from durable_django.control.human_tasks.checking import (
    TaskId,
    check_delegate,
    check_is_active,
    check_may_do,
    check_target,
    load_row,
    refused,
    to_task_id,
)
from durable_django.control.human_tasks.errors import (
    NoSuchUserError,
    NotAssigneeError,
    TaskActNotAllowedError,
)
from durable_django.control.human_tasks.forms import check_answer, encode_answer
from durable_django.control.human_tasks.people import Person, find_group, person_of
from durable_django.control.human_tasks.visibility import find_visible_task
from durable_django.control.permissions import Permission
from durable_django.domain.event import MAX_REASON_LENGTH
from durable_django.domain.principals import principal_of
from durable_django.domain.task import Principal, PrincipalKind, Task
from durable_django.exceptions import DefinitionError, TaskForbiddenError
from durable_django.models import HumanTask
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.runtime import engine

#: The longest comment of a completion.
MAX_COMMENT_LENGTH = 10_000


def claim(task_id: TaskId, *, user: Any) -> Task:
    """Have the task, so that nobody else does it; claiming what one has changes nothing.

    Raises:
        TaskNotFoundError: There is none, or the user may not see it.
        TaskActNotAllowedError: The user may not complete tasks at all.
        NotCandidateError: The task is for others.
        FourEyesError: Somebody else has to do it.
        TaskClaimedError: Somebody else has it.
        TaskOverError: It is over.
    """
    task, person = _find(task_id, user)
    check_may_do(task, person, "claim")
    by = actor_of(user)
    return _act(lambda store: store.claim_task(task.pk, person.name, by))


def release(task_id: TaskId, *, user: Any, reason: str = "") -> Task:
    """Let go of the task, so that others can claim it; who may reassign can do it for others.

    Raises:
        NotAssigneeError: Somebody else has it, or nobody.
    """
    task, person = _find(task_id, user)
    if not (person.completes or person.reassigns):
        raise refused(TaskActNotAllowedError("release", Permission.COMPLETE_TASKS), task, person)
    check_is_active(task)
    is_own = task.assignee == person.name and person.completes
    if not (is_own or (person.reassigns and task.assignee)):
        raise refused(NotAssigneeError(task.pk, person.name), task, person)
    by, why = actor_of(user), reason[:MAX_REASON_LENGTH]
    whose = person.name if is_own else None
    return _act(lambda store: store.release_task(task.pk, whose, by, why))


def delegate(task_id: TaskId, to: str, *, user: Any, reason: str = "") -> Task:
    """Hand on the task that one has; who delegated it stays its owner.

    Among several candidates only to one of them; a task that is for oneself alone, to anybody who
    may complete tasks.

    Raises:
        NotAssigneeError: The user does not have it.
        NoSuchUserError: Nobody active is called `to`.
        UnfitUserError: They may not do it.
    """
    task, person = _find(task_id, user)
    if not person.completes:
        raise refused(TaskActNotAllowedError("delegate", Permission.COMPLETE_TASKS), task, person)
    check_is_active(task)
    if task.assignee != person.name:
        raise refused(NotAssigneeError(task.pk, person.name), task, person)
    target = Principal(kind=PrincipalKind.USER, name=check_delegate(task, to).name)
    options: dict[str, Any] = {"to": target, "reason": reason[:MAX_REASON_LENGTH]}
    mine: dict[str, Any] = {"owner": person.name, "expected_user": person.name}
    return _act(lambda store: store.assign_task(task.pk, actor=actor_of(user), **mine, **options))


def reassign(task_id: TaskId, to: Principal | str, *, user: Any, reason: str = "") -> Task:
    """Give the task to somebody, or offer it to a group alone, whoever has it or was asked.

    `to` is a username, or `group:` and a group's name. Whoever may complete tasks can be given
    one: the right to reassign is the right to say who else may do it.

    Raises:
        NoSuchUserError: No active user, or no group, is called so.
        UnfitUserError: The user may not do it.
    """
    task, person = _find(task_id, user)
    _require_reassign("reassign", task, person)
    check_is_active(task)
    target = _to_principal(to)
    if target.kind is PrincipalKind.GROUP:
        find_group(target.name)
    else:
        check_target(task, target.name)
    options: dict[str, Any] = {"to": target, "reason": reason[:MAX_REASON_LENGTH]}
    return _act(lambda store: store.assign_task(task.pk, actor=actor_of(user), **options))


def cancel(task_id: TaskId, *, user: Any, reason: str = "") -> Task:
    """End the task without an answer; its execution is told.

    Raises:
        TaskOverError: It is over already.
    """
    task, person = _find(task_id, user)
    _require_reassign("cancel", task, person)
    by, why = actor_of(user), reason[:MAX_REASON_LENGTH]
    ended = _act(lambda store: store.cancel_task(task.pk, by, why))
    wake_for(ended)
    return ended


def complete(
    task_id: TaskId,
    data: Mapping[str, Any],
    *,
    user: Any,
    comment: str = "",
    prefix: str | None = None,
) -> Task:
    """Answer the task; its execution goes on, in the transaction of the act.

    The data pass the task's form first: what is not valid changes nothing. Whoever it is for may
    answer it unclaimed; of several at once, one does.

    Args:
        task_id: Which task.
        data: Values by the names of the form's fields, or what a browser sent (`request.POST`).
        user: Who answers.
        comment: In their words, beside the form.
        prefix: That of the form, in what a browser sent.

    Raises:
        FieldErrors: The data do not pass the form.
        TaskFormError: This process cannot use the form.
        PayloadError: The answer cannot be stored.
        TaskNotFoundError, TaskActNotAllowedError, NotCandidateError, FourEyesError,
            TaskClaimedError, TaskOverError: As for `claim`.
    """
    task, person = _find(task_id, user)
    check_may_do(task, person, "complete")
    answer = check_answer(task, data, prefix=prefix)
    said, by = comment[:MAX_COMMENT_LENGTH], actor_of(user)
    text = encode_answer(task, answer, by=person.name, comment=said)
    try:
        ended = _act(lambda store: store.complete_task(task.pk, person.name, text, said, by))
    except TaskForbiddenError:
        # Somebody took it since the look: say who.
        check_may_do(load_row(task.pk), person, "complete")
        raise
    wake_for(ended)
    return ended


def wake_for(task: Task) -> None:
    """Let a worker know that the task's execution may go on; a hint, after the commit."""
    engine().acts.wake(task.execution_id)


def _find(task_id: TaskId, user: Any) -> tuple[HumanTask, Person]:
    person = person_of(user)
    return find_visible_task(user, to_task_id(task_id), person), person


def _to_principal(to: Principal | str) -> Principal:
    try:
        return principal_of(to)
    except DefinitionError:
        raise NoSuchUserError(str(to)) from None


def _require_reassign(act: str, task: HumanTask, person: Person) -> None:
    if not person.reassigns:
        raise refused(TaskActNotAllowedError(act, Permission.REASSIGN_TASKS), task, person)


def _act(act: Callable[[CheckpointStore], Task]) -> Task:
    """Do it in one transaction, which joins the caller's; return the task as it is then."""
    store = engine().store
    return store.transact(lambda: act(store))
