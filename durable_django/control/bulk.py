"""Act on many executions at once: ask for it, see how far it is, stop it.

What is asked for is a row, `BulkOperation`, and an execution of our own workflow `durable.bulk`
that works it off; see `control.bulk_runner`. Both are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from durable_django import client
from durable_django.conf import settings
from durable_django.control.acting import ActNotAllowedError, actor_of
from durable_django.control.actions import PERMISSION_OF, Action
from durable_django.control.finding.criteria import Criteria
from durable_django.control.finding.matching import matching
from durable_django.control.payloads.outside_json import validate_payload
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import visible_executions
from durable_django.domain.event import MAX_REASON_LENGTH, Actor
from durable_django.domain.identifiers import check_name, new_id
from durable_django.domain.status import BulkStatus, ExecutionStatus
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import DefinitionError, DurableError
from durable_django.models import BulkOperation, WorkflowExecution
from durable_django.runtime import engine

#: The workflow that works off a bulk operation. Bulk operations never act on its executions.
BULK_WORKFLOW = "durable.bulk"
#: Beyond this many nobody counts what matches.
MAX_TOTAL = 100_000
#: What may be done to many executions at once.
BULK_ACTIONS = (
    Action.CANCEL,
    Action.TERMINATE,
    Action.PAUSE,
    Action.RESUME,
    Action.RETRY,
    Action.SIGNAL,
)
_UNFINISHED = (BulkStatus.PENDING.value, BulkStatus.RUNNING.value)
#: A worker that works it off stops by itself; nobody would tell of the stop in these.
_STANDING_STILL = frozenset(
    {
        ExecutionStatus.PAUSED,
        ExecutionStatus.PARKED,
        ExecutionStatus.COMPLETED,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
    }
)


class BulkNotFoundError(DurableError):
    """No bulk operation that the user may see has this id."""

    def __init__(self, operation_id: object) -> None:
        self.operation_id = operation_id
        super().__init__(f"There is no bulk operation {operation_id}.")


class BulkNotAllowedError(ActNotAllowedError):
    """The user lacks the permission for an act on many executions."""

    def __init__(self, action: Action, permission: Permission) -> None:
        super().__init__(action)
        self.permission = permission
        act = action.replace("_", " ")
        need = f"you need the permission durable_django.{permission}."
        self.args = (f"To {act} many executions at once {need}",)


def start_bulk(
    user: Any,
    action: Action,
    criteria: Criteria,
    *,
    arguments: Mapping[str, Any] | None = None,
    reason: str = "",
) -> BulkOperation:
    """Have workers do `action` to every execution that matches now, newest first.

    Executions that start later are left alone, and so are those that no longer match when it is
    their turn. Written in the caller's transaction: it begins after the commit.

    Args:
        user: Who asks. Must hold the permissions until the end, and sees only what is in scope.
        action: One of `BULK_ACTIONS`.
        criteria: What finds the executions.
        arguments: For a signal its `name` and `payload` (any JSON value); nothing otherwise.
        reason: Why, for the audit; at most 500 characters.

    Raises:
        BulkNotAllowedError: The user lacks the permission for the action, or for bulk operations.
        DefinitionError: The action, an argument or the reason is not legal.
        PayloadError: The payload is not JSON-storable.
    """
    check_bulk_action(action)
    if (lacking := find_lacking_permission(user, action)) is not None:
        raise BulkNotAllowedError(action, lacking)
    if len(reason) > MAX_REASON_LENGTH:
        raise DefinitionError(
            f"A reason has at most {MAX_REASON_LENGTH} characters, not {len(reason)}."
        )
    stored = _checked_arguments(action, arguments or {})
    found = bulk_targets(user, criteria)
    newest = found.order_by("-id").values_list("id", flat=True).first()
    actor = actor_of(user)
    operation = BulkOperation(
        id=new_id(),
        action=action.value,
        criteria=criteria.to_json(),
        arguments=stored,
        reason=reason,
        actor_kind=actor.kind.value,
        actor_id=actor.id,
        actor_name=actor.name,
        # As if one newer than all of them had just been dealt with.
        cursor=None if newest is None else UUID(int=newest.int + 1),
        total=_count(found, MAX_TOTAL),
        created_at=engine().store.now(),
    )
    with transaction.atomic(using=settings().database):
        operation.save(using=settings().database, force_insert=True)
        _start_worker(operation, actor)
    return operation


def count_matching(user: Any, criteria: Criteria, limit: int = 10_001) -> int:
    """Return how many executions a bulk operation would go through, counted up to `limit`."""
    return _count(bulk_targets(user, criteria), limit)


def bulk_targets(user: Any, criteria: Criteria) -> QuerySet[WorkflowExecution]:
    """Return what the user sees and the criteria match, without the bulk operations' own."""
    visible = visible_executions(user).exclude(workflow_name=BULK_WORKFLOW)
    return matching(visible, criteria)


def list_bulk(user: Any) -> QuerySet[BulkOperation]:
    """Return the bulk operations the user may see, newest first.

    Everybody sees their own. Those of others name executions and reasons, so they are shown to
    holders of the permission only while no DURABLE["SCOPE"] keeps users apart.
    """
    rows = BulkOperation.objects.using(settings().database).order_by("-id")
    if user.is_superuser or (not settings().scope and allows(user, Permission.BULK)):
        return rows
    actor = actor_of(user)
    return rows.filter(Q(actor_kind=actor.kind.value, actor_id=actor.id))


def find_bulk(user: Any, operation_id: UUID) -> BulkOperation:
    """Return a bulk operation that the user may see.

    Raises:
        BulkNotFoundError: There is none of this id, or it is not theirs to see.
    """
    found = list_bulk(user).filter(pk=operation_id).first()
    if found is None:
        raise BulkNotFoundError(operation_id)
    return found


def cancel_bulk(user: Any, operation_id: UUID) -> BulkOperation:
    """Stop a bulk operation before its next execution; what it did already stays done.

    One that has ended stays as it is.

    Raises:
        BulkNotFoundError: There is none of this id, or it is not theirs to see.
        BulkNotAllowedError: The user may not run bulk operations.
    """
    operation = find_bulk(user, operation_id)
    if not allows(user, Permission.BULK):
        raise BulkNotAllowedError(Action(operation.action), Permission.BULK)
    rows = BulkOperation.objects.using(settings().database).filter(pk=operation.pk)
    with transaction.atomic(using=settings().database):
        rows.filter(status__in=_UNFINISHED).update(cancel_requested=True)
        worker = find_worker(operation)
        is_standing = worker is None or worker.status in _STANDING_STILL
        idle = _UNFINISHED if is_standing else (BulkStatus.PENDING.value,)
        rows.filter(status__in=idle).update(
            status=BulkStatus.CANCELLED.value, finished_at=engine().store.now()
        )
        # One that nobody will go on with need not wait for a person for ever.
        if worker is not None and is_standing and not worker.execution.is_terminal:
            client.cancel(worker.id, reason="Its bulk operation was stopped.", by=actor_of(user))
    return rows.get()


def find_worker(operation: BulkOperation) -> ExecutionHandle[Any] | None:
    """Return the execution that works the operation off; None if retention has deleted it."""
    return client.find(BULK_WORKFLOW, str(operation.pk))


def check_bulk_action(action: Action) -> None:
    """Refuse an action that is for one execution at a time.

    Raises:
        DefinitionError: It is.
    """
    if action not in BULK_ACTIONS:
        known = ", ".join(BULK_ACTIONS)
        raise DefinitionError(f"{action!s} is not for many executions at once; these are: {known}.")


def find_lacking_permission(user: Any, action: Action) -> Permission | None:
    """Return the first permission that the user lacks for a bulk operation, if there is one."""
    needed = (Permission.BULK, PERMISSION_OF[action])
    return next((one for one in needed if not allows(user, one)), None)


def _checked_arguments(action: Action, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored of the arguments: a payload as text, encrypted if payloads are."""
    known = {"name", "payload"} if action is Action.SIGNAL else set()
    unknown = sorted(set(arguments) - known)
    if unknown:
        raise DefinitionError(f"{action!s} has no argument {unknown[0]!r}.")
    if action is not Action.SIGNAL:
        return {}
    name = check_name("signal", arguments.get("name"))
    payload = validate_payload(arguments.get("payload"))
    text = engine().payloads.encode(payload, f"Payload of signal {name!r}")
    return {"name": name, "payload": text}


def _count(found: QuerySet[WorkflowExecution], limit: int) -> int:
    return found.order_by()[:limit].count()


def _start_worker(operation: BulkOperation, actor: Actor) -> None:
    client.start(
        BULK_WORKFLOW,
        {"operation_id": str(operation.pk)},
        options=StartOptions(key=str(operation.pk)),
        reason=operation.reason,
        by=actor,
    )
