"""What may become of a human task, and what it is afterwards.

A store reads a task under the lock of its execution, asks here, and writes the difference. What is
refused raises; what changes nothing returns the very task that was given.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from durable_django.domain.event import MAX_REASON_LENGTH, Actor, EventType, NewEvent
from durable_django.domain.principals import principal_of
from durable_django.domain.status import ExecutionStatus, TaskStatus
from durable_django.domain.task import NewTask, Principal, PrincipalKind, Task
from durable_django.exceptions import (
    DefinitionError,
    TaskClaimedError,
    TaskForbiddenError,
    TaskOverError,
)

#: Why a task is withdrawn by an execution that goes on.
NOT_NEEDED = "Its execution goes on without it."
_FOUR_EYES = "the four-eyes rule excludes them"


def opened(new: NewTask, now: datetime) -> Task:
    """Return the task that is asked for, as it stands at first."""
    return Task(
        id=new.id,
        execution_id=new.execution_id,
        key=new.key,
        name=new.name,
        status=TaskStatus.CLAIMED if new.assignee else TaskStatus.OPEN,
        title=new.title,
        description=new.description,
        display=new.display,
        form=new.form,
        fields=new.fields,
        assignee=new.assignee,
        candidates=new.candidates,
        not_by=new.not_by,
        priority=new.priority,
        due_at=_after(now, new.due),
        expires_at=_after(now, new.timeout),
        remind_every=new.remind_every,
        remind_at=_after(now, new.remind_every),
        escalate_at=_after(now, new.escalate_after),
        escalate_to=new.escalate_to,
        created_at=now,
        claimed_at=now if new.assignee else None,
        updated_at=now,
    )


def claimed(task: Task, user: str, now: datetime) -> Task:
    """Return the task as this user's; who has it already keeps it.

    Raises:
        TaskOverError: It is over.
        TaskClaimedError: It is another user's.
        TaskForbiddenError: The four-eyes rule excludes the user.
    """
    _check_user(user)
    _check_active(task)
    _check_four_eyes(task, user)
    if task.assignee == user:
        return task
    if task.assignee:
        raise TaskClaimedError(task.id, task.assignee, task.claimed_at)
    return replace(task, status=TaskStatus.CLAIMED, assignee=user, claimed_at=now, updated_at=now)


def released(task: Task, user: str | None, now: datetime) -> Task:
    """Return the task as nobody's; None: whoever has it.

    Raises:
        TaskOverError: It is over.
        TaskClaimedError: It is another user's.
    """
    _check_active(task)
    if not task.assignee:
        return task
    if user is not None and task.assignee != user:
        raise TaskClaimedError(task.id, task.assignee, task.claimed_at)
    return replace(
        task, status=TaskStatus.OPEN, assignee="", owner="", claimed_at=None, updated_at=now
    )


def assigned(
    task: Task, to: Principal | str, *, owner: str, expected_user: str | None, now: datetime
) -> Task:
    """Return the task as this user's, or as offered to the members of this group alone.

    `owner` is who delegated it. With an `expected_user` (empty: nobody), it has to be theirs.

    Raises:
        TaskOverError: It is over.
        TaskClaimedError: It is not the expected user's.
        TaskForbiddenError: The four-eyes rule excludes the user it goes to.
    """
    to = principal_of(to)
    _check_active(task)
    if expected_user is not None and task.assignee != expected_user:
        raise TaskClaimedError(task.id, task.assignee, task.claimed_at)
    if to.kind is PrincipalKind.GROUP:
        return replace(
            task,
            status=TaskStatus.OPEN,
            assignee="",
            owner=owner,
            candidates=(to,),
            claimed_at=None,
            updated_at=now,
        )
    _check_four_eyes(task, to.name)
    return replace(
        task,
        status=TaskStatus.CLAIMED,
        assignee=to.name,
        owner=owner,
        claimed_at=now,
        updated_at=now,
    )


def completed(task: Task, user: str, data: str, comment: str, actor: Actor, now: datetime) -> Task:
    """Return the task with the user's answer; it is theirs from then on.

    Raises:
        TaskOverError: It is over.
        TaskForbiddenError: It is another user's, or the four-eyes rule excludes the user.
    """
    _check_user(user)
    _check_active(task)
    _check_four_eyes(task, user)
    if task.assignee not in ("", user):
        raise TaskForbiddenError(task.id, user, f"it is assigned to {task.assignee}")
    done = replace(
        task, assignee=user, data=data, comment=comment, claimed_at=task.claimed_at or now
    )
    return _over(done, TaskStatus.COMPLETED, now, actor)


def why_withdrawn(status: ExecutionStatus, *, is_cancelled: bool, reason: str) -> str:
    """Return why an execution that ends, or begins to undo its steps, asks nobody any more.

    For people; it stands where the reason of a person who cancels a task does. `reason` is that
    of who cancelled the execution.
    """
    if status is ExecutionStatus.COMPLETED:
        return "Its execution completed without it."
    if not is_cancelled and status is not ExecutionStatus.CANCELLED:
        return "Its execution failed."
    return f"Its execution was cancelled: {reason}" if reason else "Its execution was cancelled."


def cancelled(task: Task, actor: Actor | None, reason: str, now: datetime) -> Task:
    """Return the task as cancelled; by nobody if its execution ended or needs it no more.

    Raises:
        TaskOverError: It is over.
    """
    _check_active(task)
    return _over(replace(task, comment=reason), TaskStatus.CANCELLED, now, actor)


def expired(task: Task, now: datetime) -> Task:
    """Return the task as out of time."""
    return _over(task, TaskStatus.EXPIRED, now, None)


def reminded(task: Task, now: datetime) -> Task:
    """Return the task with its next reminder, if one is due; what was missed is not made up for."""
    every, due = task.remind_every, task.remind_at
    if not task.status.is_active or every is None or due is None or due > now:
        return task
    missed = (now - due) // every
    return replace(
        task,
        reminders=task.reminders + 1,
        remind_at=due + (missed + 1) * every,
        updated_at=now,
    )


def escalated(task: Task, now: datetime) -> Task:
    """Return the task as offered to those it escalates to as well, if that is due.

    Who has it and did nothing loses it, and is a candidate like the others; nobody is named as its
    delegator any more. What everybody may do already stays so.
    """
    due = task.escalate_at
    if not task.status.is_active or due is None or due > now:
        return task
    candidates = task.candidates
    if candidates:
        # As they are called: whoever claims may have a name that no author could write.
        user = Principal(kind=PrincipalKind.USER, name=task.assignee)
        more = (*((user,) if task.assignee else ()), *task.escalate_to)
        candidates = tuple(dict.fromkeys((*candidates, *more)))
    return replace(
        task,
        status=TaskStatus.OPEN,
        assignee="",
        owner="",
        candidates=candidates,
        claimed_at=None,
        escalate_at=None,
        escalated_at=now,
        updated_at=now,
    )


def event_of(
    task: Task,
    type: EventType,  # noqa: A002 -- the word of the table
    by: Actor,
    reason: str = "",
    **details: str,
) -> NewEvent:
    """Return the event that tells of an act on a task."""
    return NewEvent(
        execution_id=task.execution_id,
        type=type,
        actor=by,
        reason=reason[:MAX_REASON_LENGTH],
        details={"task": str(task.id), "name": task.name, "key": task.key, **details},
    )


def _over(task: Task, status: TaskStatus, now: datetime, actor: Actor | None) -> Task:
    return replace(
        task,
        status=status,
        actor=actor,
        remind_at=None,
        escalate_at=None,
        finished_at=now,
        updated_at=now,
    )


def _check_active(task: Task) -> None:
    if not task.status.is_active:
        raise TaskOverError(task.id, task.status, name_of_ender(task), task.finished_at)


def name_of_ender(task: Task) -> str:
    """Return who completed or cancelled the task, for people; empty if nobody did."""
    if task.status is TaskStatus.COMPLETED:
        return task.assignee
    return "" if task.actor is None else str(task.actor)


def _check_user(user: str) -> None:
    if not user:
        raise DefinitionError("Say which user it is: a task is done by somebody.")


def _check_four_eyes(task: Task, user: str) -> None:
    if user in task.not_by:
        raise TaskForbiddenError(task.id, user, _FOUR_EYES)


def _after(now: datetime, delta: timedelta | None) -> datetime | None:
    return None if delta is None else now + delta
