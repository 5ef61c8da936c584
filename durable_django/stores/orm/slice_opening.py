"""What is written when a slice begins to wait: children, tasks, subscriptions, timers."""

# ruff: noqa: D103 -- each public function keeps the promise of the port method of its name

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.execution import NewExecution
from durable_django.domain.status import CheckpointStatus, Interrupt
from durable_django.domain.wait import Wait
from durable_django.exceptions import ExecutionKeyConflictError
from durable_django.models import (
    EventSubscription,
    StepCheckpoint,
    WorkflowTimer,
)
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.orm.checkpoint_rows import insert_intent, insert_outcome
from durable_django.stores.orm.database import Database, Moment
from durable_django.stores.orm.fencing import try_fence, write_or_interrupt
from durable_django.stores.orm.human_tasks import insert_tasks
from durable_django.stores.orm.rows import to_datetime
from durable_django.stores.orm.starting import WorkflowRows, insert_executions


def open_waits(db: Database, workflows: WorkflowRows, claim: Claim, wait: Wait) -> Interrupt | None:
    def write() -> bool:
        moment = db.moment()
        if not try_fence(db, claim, moment):
            return False
        write_opened(db, workflows, claim, wait, moment)
        return True

    return write_or_interrupt(db, claim, lambda: db.slice_transact(write))


def start_child(
    db: Database,
    workflows: WorkflowRows,
    claim: Claim,
    checkpoint: Checkpoint,
    child: NewExecution,
) -> Interrupt | None:
    def write() -> bool:
        moment = db.moment()
        if not try_fence(db, claim, moment):
            return False
        _insert_children(db, workflows, [child])
        if not insert_outcome(db, claim, checkpoint, moment):
            raise LeaseLost(claim.execution_id)
        return True

    return write_or_interrupt(db, claim, lambda: db.slice_transact(write))


def opens_anything(wait: Wait) -> bool:
    """Say whether more is written than the execution's own row."""
    return any(
        part.starting or part.asking or part.topic or part.postponed or part.registers_timer
        for part in wait.parts or (wait,)
    )


def write_opened(
    db: Database, workflows: WorkflowRows, claim: Claim, wait: Wait, moment: Moment
) -> None:
    """Write what the wait opens; the execution's row is locked, and the fence was proved."""
    for part in wait.parts or (wait,):
        if part.starting:
            _start(db, workflows, claim, part.starting, moment)
        if part.asking:
            insert_tasks(db, claim, part.asking, moment)
        if part.topic:
            _subscribe(db, claim, part)
        if part.postponed is not None:
            _postpone(db, part.postponed)


def timer_instants(db: Database, claim: Claim, wait: Wait) -> dict[str, datetime]:
    """Return when the timers fire that the wait registers, by the keys of their calls."""
    parts = [part for part in wait.parts or (wait,) if part.registers_timer]
    # A new task has a time of its own, whatever became of an earlier one.
    unknown = [p.key for p in parts if p.key not in claim.timers and not p.asking]
    earlier = _cancelled_unfired(db, claim, unknown) if claim.execution.epoch and unknown else {}
    instants = {
        key: claim.timers[key].fire_at for part in parts if (key := part.key) in claim.timers
    }
    instants |= earlier
    now = None
    for part in parts:
        if part.key in instants:
            continue
        if part.after is not None:
            now = now or db.now()
            instants[part.key] = now + part.after
        elif part.alarm is not None:
            instants[part.key] = part.alarm
        else:
            raise ValueError(f"The wait {part.key!r} registers a timer and says no instant.")
    return instants


def register_timers(db: Database, claim: Claim, instants: Mapping[str, datetime]) -> None:
    """Register the timers that are not registered yet."""
    WorkflowTimer.objects.using(db.alias).bulk_create(
        [
            WorkflowTimer(execution_id=claim.execution_id, key=key, fire_at=fire_at)
            for key, fire_at in instants.items()
            if key not in claim.timers
        ],
        update_conflicts=True,
        update_fields=["fire_at", "status"],
        unique_fields=None if db.connection.vendor == "mysql" else ["execution", "key"],
    )


def _cancelled_unfired(db: Database, claim: Claim, keys: Sequence[str]) -> dict[str, datetime]:
    """Return the instants of timers that a retry found cancelled: they still count."""
    rows = WorkflowTimer.objects.using(db.alias).filter(
        execution_id=claim.execution_id, key__in=keys, status="cancelled"
    )
    return {key: to_datetime(fire_at) for key, fire_at in rows.values_list("key", "fire_at")}


def _start(
    db: Database,
    workflows: WorkflowRows,
    claim: Claim,
    pairs: Sequence[tuple[Checkpoint, NewExecution]],
    moment: Moment,
) -> None:
    _insert_children(db, workflows, [child for _, child in pairs])
    for checkpoint, _ in pairs:
        if not insert_intent(db, claim, checkpoint, moment, "1 = 1"):
            raise LeaseLost(claim.execution_id)


def _insert_children(db: Database, workflows: WorkflowRows, new: Sequence[NewExecution]) -> None:
    """Insert children that the engine found to be free of key conflicts.

    Raises:
        ExecutionKeyConflictError: A key was taken since it looked.
    """
    for child, (found, is_new) in zip(new, insert_executions(db, workflows, new), strict=True):
        if not is_new:
            raise ExecutionKeyConflictError(child.workflow_name, child.key or "", found.id)


def _postpone(db: Database, attempt: Checkpoint) -> None:
    StepCheckpoint.objects.using(db.alias).filter(
        execution_id=attempt.execution_id,
        key=attempt.key,
        attempt=attempt.attempt,
        status=CheckpointStatus.INTENT.value,
    ).update(retry_at=attempt.retry_at)


def _subscribe(db: Database, claim: Claim, part: Wait) -> None:
    EventSubscription.objects.using(db.alias).bulk_create(
        [EventSubscription(execution_id=claim.execution_id, call_key=part.key, topic=part.topic)],
        ignore_conflicts=True,
    )
