"""The children of a map: started in batches, and kept as items when the map has completed."""

# ruff: noqa: D103 -- each public function keeps the promise of the port method of its name
# ruff: noqa: S608 -- only our own fragments go into SQL; values are parameters

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import NewExecution
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    Interrupt,
    WaitKind,
)
from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.checkpoint_rows import close_intent
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.fencing import try_fence, write_or_interrupt
from durable_django.stores.orm.rows import CHECKPOINTS, EXECUTIONS
from durable_django.stores.orm.starting import WorkflowRows, insert_executions

_ENDED_BADLY = (ExecutionStatus.FAILED.value, ExecutionStatus.CANCELLED.value)


def start_map_children(
    db: Database,
    workflows: WorkflowRows,
    claim: Claim,
    call: str,  # noqa: ARG001 -- the keys of the children begin with it
    children: Sequence[NewExecution],
) -> Interrupt | None:
    def write() -> bool:
        if not try_fence(db, claim, db.moment()):
            return False
        # Only the slice that holds the parent starts its children: nobody comes in between.
        rows = WorkflowExecution.objects.using(db.alias).filter(
            parent_id=claim.execution_id,
            parent_wait=WaitKind.MAP.value,
            parent_key__in=[child.parent_key for child in children],
        )
        ids = [child.id for child in children]
        in_vain = Q(status__in=_ENDED_BADLY) | Q(parent_key__in=_undone(db, claim, children))
        rows.filter(in_vain).exclude(pk__in=ids).update(parent_wait="")
        known = set(rows.values_list("parent_key", flat=True))
        insert_executions(
            db, workflows, [child for child in children if child.parent_key not in known]
        )
        return True

    return write_or_interrupt(db, claim, lambda: db.slice_transact(write))


def settle_map(
    db: Database, claim: Claim, checkpoint: Checkpoint, compensation: str
) -> Interrupt | None:
    def write() -> bool:
        moment = db.moment()
        if not try_fence(db, claim, moment):
            return False
        if not close_intent(db, claim, checkpoint, moment):
            raise LeaseLost(claim.execution_id)
        _keep_items(db, checkpoint, compensation)
        return True

    return write_or_interrupt(db, claim, lambda: db.slice_transact(write))


def _undone(db: Database, claim: Claim, children: Sequence[NewExecution]) -> list[str]:
    """Return the items whose last outcome was undone, so that their children count no more."""
    rows = StepCheckpoint.objects.using(db.alias).filter(
        execution_id=claim.execution_id,
        kind=CheckpointKind.ITEM.value,
        key__in=[child.parent_key for child in children],
    )
    last = dict(rows.order_by("attempt").values_list("key", "status"))
    return [key for key, status in last.items() if status == CheckpointStatus.COMPENSATED.value]


def _keep_items(db: Database, checkpoint: Checkpoint, compensation: str) -> None:
    """Copy the children's outcomes, in one statement: there may be many thousands."""
    prefix = f"{checkpoint.key}/"
    lost = ErrorRecord(type="WorkflowCancelledError", message="it was cancelled")
    sql = (
        f"INSERT INTO {CHECKPOINTS} (execution_id, call_key, name, position, branch_position,"
        " kind, attempt, epoch, status, action, compensation, input, input_digest, output, error,"
        " is_final, retry_at, idempotency_key, started_at, completed_at)"
        " SELECT parent_id, parent_key, %s, %s, 0, 'item', %s, %s,"
        " CASE status WHEN 'completed' THEN 'completed' ELSE 'failed' END,"
        " workflow_name, CASE status WHEN 'completed' THEN %s ELSE '' END, '', '', output,"
        " CASE status WHEN 'completed' THEN NULL ELSE COALESCE(error, %s) END,"
        " CASE status WHEN 'completed' THEN FALSE ELSE TRUE END, NULL, '', started_at, finished_at"
        f" FROM {EXECUTIONS} WHERE parent_id = %s AND parent_wait = 'map'"
        f" AND SUBSTR(parent_key, 1, {len(prefix):d}) = %s"
    )
    told = [checkpoint.name, checkpoint.position, checkpoint.attempt, checkpoint.epoch]
    found = [db.uuid(checkpoint.execution_id), prefix]
    db.execute(sql, [*told, compensation, lost.to_text(), *found])
