"""Act on human tasks as a user: scope, permission, candidates, four eyes, form, act and audit.

Each act looks whether the user may see the task (else TaskNotFoundError) and has the permission
(else TaskActNotAllowedError). Whom the task is for is looked at under the lock of its execution,
with which it then acts through the store: the store writes the event, and for a completion wakes
the execution, in the same transaction. Of two who claim, one has it; who is no candidate any more
by then is refused.

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
from durable_django.control.locking import lock_execution
from durable_django.control.permissions import Permission
from durable_django.domain.event import MAX_REASON_LENGTH
from durable_django.domain.principals import principal_of
from durable_django.domain.task import Principal, PrincipalKind, Task
from durable_django.exceptions import DefinitionError
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
    by = actor_of(user)

    def act(store: CheckpointStore, row: HumanTask) -> Task:
        check_may_do(row, person, "claim")
        return store.claim_task(row.pk, person.name, by)

    return _act(task, act)


def release(task_id: TaskId, *, user: Any, reason: str = "") -> Task:
    """Let go of the task, so that others can claim it; who may reassign can do it for others.

    Raises:
        NotAssigneeError: Somebody else has it, or nobody.
    """
    task, person = _find(task_id, user)
    if not (person.completes or person.reassigns):
        raise refused(TaskActNotAllowedError("release", Permission.COMPLETE_TASKS), task, person)
    by, why = actor_of(user), cut(reason, MAX_REASON_LENGTH)

    def act(store: CheckpointStore, row: HumanTask) -> Task:
        check_is_active(row)
        is_own = row.assignee == person.name and person.completes
        if not (is_own or (person.reassigns and row.assignee)):
            raise refused(NotAssigneeError(row.pk, person.name), row, person)
        return store.release_task(row.pk, person.name if is_own else None, by, why)

    return _act(task, act)


def delegate(task_id: TaskId, to: str, *, user: Any, reason: str = "") -> Task:
    """Hand on the task that one has; who delegated it stays its owner.

    Among several candidates only to one of them; a task that is for oneself alone, to anybody who
    may complete tasks.

    Raises:
        NotAssigneeError: The user does not have it.
        UnfitUserError: Nobody who may do it is called `to`; whether anybody is, is not told.
    """
    task, person = _find(task_id, user)
    if not person.completes:
        raise refused(TaskActNotAllowedError("delegate", Permission.COMPLETE_TASKS), task, person)
    by, why = actor_of(user), cut(reason, MAX_REASON_LENGTH)

    def act(store: CheckpointStore, row: HumanTask) -> Task:
        check_is_active(row)
        if row.assignee != person.name:
            raise refused(NotAssigneeError(row.pk, person.name), row, person)
        target = Principal(kind=PrincipalKind.USER, name=check_delegate(row, to).name)
        mine: dict[str, Any] = {"owner": person.name, "expected_user": person.name}
        return store.assign_task(row.pk, to=target, actor=by, reason=why, **mine)

    return _act(task, act)


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
    by, why = actor_of(user), cut(reason, MAX_REASON_LENGTH)

    def act(store: CheckpointStore, row: HumanTask) -> Task:
        check_is_active(row)
        target = _to_principal(to)
        if target.kind is PrincipalKind.GROUP:
            find_group(target.name)
        else:
            check_target(row, target.name)
        return store.assign_task(row.pk, to=target, actor=by, reason=why)

    return _act(task, act)


def cancel(task_id: TaskId, *, user: Any, reason: str = "") -> Task:
    """End the task without an answer; its execution is told.

    Raises:
        TaskOverError: It is over already.
    """
    task, person = _find(task_id, user)
    _require_reassign("cancel", task, person)
    by, why = actor_of(user), cut(reason, MAX_REASON_LENGTH)
    ended = _act(task, lambda store, row: store.cancel_task(row.pk, by, why))
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
    said, by = cut(comment, MAX_COMMENT_LENGTH), actor_of(user)
    text = encode_answer(task, answer, by=person.name, comment=said)

    def act(store: CheckpointStore, row: HumanTask) -> Task:
        check_may_do(row, person, "complete")
        return store.complete_task(row.pk, person.name, text, said, by)

    ended = _act(task, act)
    wake_for(ended)
    return ended


def wake_for(task: Task) -> None:
    """Let a worker know that the task's execution may go on; a hint, after the commit."""
    engine().acts.wake(task.execution_id)


def cut(text: str, most: int) -> str:
    """Return what people said, at most so much of it, without what no database stores."""
    return text.replace("\0", "").encode(errors="replace").decode()[:most]


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


def _act(task: HumanTask, act: Callable[[CheckpointStore, HumanTask], Task]) -> Task:
    """Act on the task as its row stands under the lock, in one transaction that joins the caller's.

    Return the task as it is then.
    """
    store = engine().store

    def under_lock() -> Task:
        lock_execution(task.execution_id)
        return act(store, load_row(task.pk))

    return store.transact(under_lock)
