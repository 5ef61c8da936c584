"""Versions of an execution in HTTP: `ETag`, `If-None-Match` for polling, `If-Match` for acting."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from rest_framework.request import Request

from durable_django.api.http.problems import PRECONDITION_FAILED, ProblemError
from durable_django.conf import settings
from durable_django.control.actions import allowed_actions
from durable_django.control.family import sum_up_children
from durable_django.control.human_tasks.people import person_of
from durable_django.control.human_tasks.visibility import visible_tasks
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import find_visible
from durable_django.control.versioning import version_of
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine

#: How long a client may leave off before it looks again, in seconds.
POLL_AFTER = "Durable-Poll-After"
_SOONEST, _LATEST = 2, 60
#: What ends these waits may come at any time.
_FROM_OUTSIDE = frozenset(
    {
        WaitKind.SIGNAL.value,
        WaitKind.EVENT.value,
        WaitKind.CHILD.value,
        WaitKind.MAP.value,
        WaitKind.TASK.value,
        WaitKind.SEVERAL.value,
    }
)
_LENGTH = 32


def tag_of(
    request: Request, execution: WorkflowExecution, *, included: Collection[str] = ()
) -> str:
    """Return the entity tag of an execution as this user sees it, with its quotes; one query.

    Strong: it changes with whatever is stored of the execution, and with what the user may see of
    it and do to it; with a query more, or a few, also with its `children` or its human `tasks`, if
    these are `included`.
    """
    sees = allows(request.user, Permission.PAYLOADS)
    facts: tuple[Any, ...] = (
        version_of(execution),
        sees,
        allowed_actions(request.user, execution),
    )
    if "children" in included:
        facts = (*facts, sum_up_children(request.user, execution.pk))
    if "tasks" in included:
        facts = (*facts, *_sum_up_tasks(request, execution.pk))
    return f'"{sha256(repr(facts).encode()).hexdigest()[:_LENGTH]}"'


def _sum_up_tasks(request: Request, execution_id: UUID) -> tuple[Any, ...]:
    """Return what their telling depends on besides their rows, whose changes are events."""
    person = person_of(request.user)
    due = visible_tasks(request.user, person).filter(execution_id=execution_id, is_active=True)
    overdue = due.filter(due_at__lte=engine().store.now()).count()
    return sorted(person.groups), person.sees_all, person.completes, person.reassigns, overdue


def is_known(request: Request, tag: str) -> bool:
    """Say whether the client has this version already (`If-None-Match`)."""
    tags = parse_etags(request.headers.get("If-None-Match", ""))
    return tags == ["*"] or tag in [known.removeprefix("W/") for known in tags]


@contextmanager
def unless_changed(request: Request, execution_id: UUID) -> Iterator[None]:
    """Let the block act on the version that `If-Match` names, and on no other.

    With the header, the block is one transaction, which holds the execution's row.

    Raises:
        ProblemError: It has changed since.
        ExecutionNotFoundError: The user may not see it.
    """
    header = request.headers.get("If-Match")
    if header is None:
        yield
        return
    # Before the lock: whose row it is not does not wait for its worker, nor the worker for them.
    find_visible(request.user, execution_id)
    with transaction.atomic(using=settings().database):
        # An UPDATE and not SELECT … FOR UPDATE: SQLite takes its write lock only for this.
        row = WorkflowExecution.objects.using(settings().database).filter(pk=execution_id)
        row.update(updated_at=F("updated_at"))
        tags = parse_etags(header)
        execution = find_visible(request.user, execution_id)
        if tags != ["*"] and tag_of(request, execution) not in tags:
            raise ProblemError(
                PRECONDITION_FAILED,
                _("The execution is no longer at the version that If-Match names."),
            )
        yield


def poll_after(execution: WorkflowExecution) -> int | None:
    """Return after how many seconds a look may show news; None if there will be none."""
    status = ExecutionStatus(execution.status)
    if status.is_terminal:
        return None
    if status in (ExecutionStatus.PAUSED, ExecutionStatus.PARKED):
        return _LATEST
    if status is ExecutionStatus.SUSPENDED and execution.waiting_kind not in _FROM_OUTSIDE:
        return _until(execution.wake_at)
    return _SOONEST


def _until(alarm: datetime | None) -> int:
    if alarm is None:
        return _LATEST
    seconds = (alarm - engine().clock.now()).total_seconds()
    return max(_SOONEST, min(_LATEST, round(seconds)))
