"""Tasks, people and groups, as rows: what a workflow that asks leaves in the database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.models import Permission as DjangoPermission

from durable_django.control.permissions import Permission
from durable_django.domain.principals import principal_of
from durable_django.domain.status import TaskStatus
from durable_django.domain.task_form import Approval, TaskForm
from durable_django.models import HumanTask, HumanTaskCandidate, WorkflowExecution
from durable_django.runtime import engine
from durable_django.testing.factories import make_new_execution

DO = Permission.COMPLETE_TASKS
SEE = Permission.VIEW_TASKS
STEER = Permission.REASSIGN_TASKS
HOUR = timedelta(hours=1)
APPROVAL = list(TaskForm.of(Approval()).to_json())


def person(name: str, *permissions: Permission, groups: Any = (), **fields: Any) -> User:
    """Return a user who may complete tasks, unless other permissions are named."""
    user = User.objects.create_user(name, **fields)
    codenames = [str(one) for one in permissions or (DO,)]
    user.user_permissions.set(DjangoPermission.objects.filter(codename__in=codenames))
    user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
    return user


def execution(**fields: Any) -> WorkflowExecution:
    """Return an execution that waits for its task `approve`."""
    [(stored, _)] = engine().store.insert_executions([make_new_execution(**fields)])
    rows = WorkflowExecution.objects.filter(pk=stored.id)
    rows.update(
        status="suspended", waiting_kind="task", waiting_for="approve", wake_at=None, order_at=None
    )
    return rows.get()


def task(to: Any = (), *, of: WorkflowExecution | None = None, **fields: Any) -> HumanTask:
    """Return a task that is offered to these, or with an `assignee` is theirs already.

    Like those of `ctx.ask`, one that is somebody's from the start names them as a candidate.
    """
    now = engine().store.now()
    assignee = fields.get("assignee", "")
    known: dict[str, Any] = {
        "execution": of or execution(),
        "key": "approve",
        "name": "approve",
        "title": "Approve refund #77",
        "fields": APPROVAL,
        "status": (TaskStatus.CLAIMED if assignee else TaskStatus.OPEN).value,
        "created_at": now,
        "updated_at": now,
        "claimed_at": now if assignee else None,
    }
    row = HumanTask.objects.create(**(known | fields))
    to = to or ([assignee] if assignee else [])
    for one in [to] if isinstance(to, str) else to:
        principal = principal_of(one)
        HumanTaskCandidate.objects.create(task=row, kind=str(principal.kind), name=principal.name)
    return row


def over(
    row: HumanTask, status: TaskStatus = TaskStatus.COMPLETED, at: datetime | None = None
) -> None:
    """Have the task be over, past the store."""
    moment = at or engine().store.now()
    HumanTask.objects.filter(pk=row.pk).update(
        status=status.value, is_active=None, finished_at=moment, updated_at=moment
    )


def fresh(row: HumanTask) -> HumanTask:
    """Return the task's row as it is now."""
    return HumanTask.objects.get(pk=row.pk)
