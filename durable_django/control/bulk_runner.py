"""Work off a bulk operation: the durable workflow `durable.bulk`.

Each act, the place it brings the operation to and the count it adds to are one transaction. So a
crash, a lost worker and a batch that runs twice lose no act, repeat none and count none twice.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F, QuerySet

from durable_django.conf import readable_settings, settings
from durable_django.control.acting import Acting
from durable_django.control.actions import Action
from durable_django.control.bulk import (
    BULK_WORKFLOW,
    bulk_targets,
    find_lacking_permission,
)
from durable_django.control.finding.criteria import Criteria
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.domain.status import BulkStatus
from durable_django.engine.context import WorkflowContext
from durable_django.engine.registry import Registry, default_registry
from durable_django.engine.workflow_function import workflow
from durable_django.exceptions import DurableError
from durable_django.models import BulkOperation, WorkflowExecution
from durable_django.runtime import engine

logger = logging.getLogger(__name__)

#: How many executions are read, and dealt with, by one step.
BATCH = 200
#: Refusals that are kept with their reasons; the others are only counted.
MAX_REFUSALS = 50
#: After so many batches it lets others have the worker.
_BATCHES_PER_TURN = 25
_BREATH = timedelta(milliseconds=10)
_RETRY = RetryPolicy.exponential(8, timedelta(seconds=1), max_delay=timedelta(minutes=1))
_MAX_DETAIL = 300


def register(registry: Registry = default_registry) -> None:
    """Let this process's workers know the workflow, in the first queue that they serve."""
    queue = readable_settings().queues[0]
    # A batch that fails for good parks: a person sees it, and lets it go on by a retry.
    workflow(name=BULK_WORKFLOW, on_failure="park", queue=queue, registry=registry)(run_bulk)


def run_bulk(ctx: WorkflowContext, operation_id: str) -> dict[str, Any]:
    """Do what the bulk operation says to every execution that it finds."""
    batches = 0
    while True:
        told: dict[str, Any] = ctx.step("batch", run_batch, operation_id, retry=_RETRY)
        ctx.progress(told["handled"], told["total"])
        if told["is_over"]:
            return told
        batches += 1
        if batches % _BATCHES_PER_TURN == 0:
            ctx.sleep("breath", _BREATH)


def run_batch(operation_id: str) -> dict[str, Any]:
    """Deal with the next executions of the operation; return how far it is.

    May run twice, even at once: only one of the two gets to act on each execution.
    """
    rows = BulkOperation.objects.using(settings().database).filter(pk=UUID(operation_id))
    rows.filter(status=BulkStatus.PENDING.value).update(status=BulkStatus.RUNNING.value)
    operation = rows.filter(status=BulkStatus.RUNNING.value).first()
    if operation is not None:
        _advance(operation)
    return _tell(rows.first())


def _advance(operation: BulkOperation) -> None:
    if operation.cancel_requested:
        _finish(operation, BulkStatus.CANCELLED)
        return
    action = Action(operation.action)
    user = _load_user(operation)
    objection = _object_to(user, action, operation)
    if objection:
        _note_refusal(operation, None, objection)
        _finish(operation, BulkStatus.CANCELLED)
        return
    found = bulk_targets(user, Criteria.from_json(operation.criteria))
    batch = _list_next(found, operation)
    run = _Run(operation, action, Acting(user, reason=operation.reason), found)
    for execution_id in batch:
        if not run.deal_with(execution_id):
            return  # stopped, or another worker is ahead: the next batch looks again
    if len(batch) < BATCH:
        _finish(operation, BulkStatus.COMPLETED)


def _load_user(operation: BulkOperation) -> Any:
    """Return who asked, as they are now, with no permission remembered; None if deleted."""
    users = get_user_model()._default_manager  # noqa: SLF001 -- Django documents it
    return users.filter(pk=operation.actor_id).first()


def _object_to(user: Any, action: Action, operation: BulkOperation) -> str:
    if user is None:
        return f"Stopped: the user {operation.actor_name} who asked for it is gone."
    if not user.is_active:
        return f"Stopped: the user {operation.actor_name} who asked for it is no longer active."
    lacking = find_lacking_permission(user, action)
    if lacking is not None:
        return f"Stopped: {operation.actor_name} no longer has the permission {lacking}."
    return ""


def _list_next(found: QuerySet[WorkflowExecution], operation: BulkOperation) -> list[UUID]:
    if operation.cursor is None:  # nothing matched when it was asked for
        return []
    ids = found.filter(id__lt=operation.cursor).order_by("-id").values_list("id", flat=True)
    return list(ids[:BATCH])


class _Run:
    """The acts of one batch."""

    def __init__(
        self,
        operation: BulkOperation,
        action: Action,
        acting: Acting,
        found: QuerySet[WorkflowExecution],
    ) -> None:
        self._operation = operation
        self._action = action
        self._arguments = _read_arguments(operation)
        self._acting = acting
        self._found = found
        self._alias = settings().database
        self._rows = BulkOperation.objects.using(self._alias).filter(pk=operation.pk)

    def deal_with(self, execution_id: UUID) -> bool:
        """Act on one execution; return whether to go on with the next."""
        operation = self._operation
        with transaction.atomic(using=self._alias):
            # First, because it locks the row: of two workers one waits here, and then matches
            # nothing. Whoever stopped the operation is heard here, too.
            is_ours = self._rows.filter(
                status=BulkStatus.RUNNING.value, cancel_requested=False, cursor=operation.cursor
            ).update(cursor=execution_id, succeeded=F("succeeded") + 1)
            if not is_ours:
                return False
            if not self._found.filter(pk=execution_id).exists():
                # Since the batch was read, it was changed into what nobody asked for.
                self._rows.update(succeeded=F("succeeded") - 1)
            elif refusal := self._act(execution_id):
                self._rows.update(succeeded=F("succeeded") - 1, refused=F("refused") + 1)
                _note_refusal(operation, execution_id, refusal)
        operation.cursor = execution_id
        return True

    def _act(self, execution_id: UUID) -> str:
        """Act; return why it was refused, if it was."""
        try:
            with transaction.atomic(using=self._alias):
                perform(self._acting, self._action, execution_id, self._arguments)
        except DurableError as error:
            return str(error)[:_MAX_DETAIL]
        return ""


def perform(
    acting: Acting, action: Action, execution_id: UUID, arguments: Mapping[str, Any]
) -> bool:
    """Do one of the bulk actions to one execution; return whether this call was the first to.

    Args:
        acting: Who acts, and why.
        action: One of `BULK_ACTIONS`.
        execution_id: Which execution.
        arguments: For a signal its `name`, `payload` (a value) and `dedupe_key`.
    """
    if action is Action.SIGNAL:
        key = arguments["dedupe_key"]
        _, is_new = acting.send_signal(
            execution_id, arguments["name"], arguments["payload"], dedupe_key=key
        )
        return is_new
    if action is Action.RETRY:
        acting.retry(execution_id)
        return True
    if action is Action.PAUSE:
        return acting.pause(execution_id)
    if action is Action.RESUME:
        return acting.resume(execution_id)
    return acting.cancel(execution_id, compensate=action is Action.CANCEL)


def _read_arguments(operation: BulkOperation) -> dict[str, Any]:
    if operation.action != Action.SIGNAL:
        return {}
    name = operation.arguments["name"]
    payload = engine().payloads.decode(
        operation.arguments["payload"], f"Payload of signal {name!r}"
    )
    return {"name": name, "payload": payload, "dedupe_key": f"bulk {operation.pk}"}


def _note_refusal(operation: BulkOperation, execution_id: UUID | None, detail: str) -> None:
    if len(operation.refusals) >= MAX_REFUSALS and execution_id is not None:
        return
    entry = {"id": None if execution_id is None else str(execution_id), "detail": detail}
    operation.refusals = [*operation.refusals, entry]
    rows = BulkOperation.objects.using(settings().database).filter(pk=operation.pk)
    rows.filter(status=BulkStatus.RUNNING.value).update(refusals=operation.refusals)


def _finish(operation: BulkOperation, status: BulkStatus) -> None:
    rows = BulkOperation.objects.using(settings().database).filter(pk=operation.pk)
    rows.filter(status=BulkStatus.RUNNING.value).update(
        status=status.value, finished_at=engine().store.now()
    )
    logger.info("Bulk operation ended", extra={"bulk": str(operation.pk), "status": status.value})


def _tell(operation: BulkOperation | None) -> dict[str, Any]:
    if operation is None:  # deleted meanwhile: there is nothing left to do
        return {"is_over": True, "handled": 0, "total": 0}
    return {
        "is_over": operation.status != BulkStatus.RUNNING.value,
        "handled": operation.succeeded + operation.refused,
        "total": operation.total,
    }
