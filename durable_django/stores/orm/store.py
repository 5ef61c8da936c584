"""The CheckpointStore on Django's database: PostgreSQL, SQLite, MariaDB or MySQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.event import Event, NewEvent
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.signal import Signal
from durable_django.domain.status import ExecutionStatus, Interrupt, ParkReason
from durable_django.domain.timer import Timer
from durable_django.domain.wait import Suspension, Wait
from durable_django.ports.clock import Clock
from durable_django.stores.orm import (
    children,
    claiming,
    events,
    forking,
    housekeeping,
    leasing,
    map_children,
    outside_acts,
    reading,
    slice_endings,
    slice_opening,
    slice_steps,
    slice_waits,
    starting,
)
from durable_django.stores.orm.database import Database
from durable_django.stores.orm.human_tasks_store import OrmTaskStore
from durable_django.stores.orm.queue_store import OrmQueueStore

PRIORITY_SECONDS = 10
T = TypeVar("T")


class OrmCheckpointStore(OrmTaskStore, OrmQueueStore):
    """Implements `CheckpointStore`; each method is one statement or one short transaction.

    Needs `USE_TZ = True` and a database whose `TIME_ZONE` option is not set. What a slice writes
    is refused (`DurableCallError`) inside the caller's `atomic()`, because it could not commit;
    Django's `TestCase` does not count as one.

    Args:
        alias: The database. Writes that an atomic step makes through another alias are not part
            of its transaction.
        clock: Where the present comes from; None means the database's own clock.
        priority_seconds: The head start that one step of priority gives.
    """

    def __init__(
        self,
        alias: str = "default",
        clock: Clock | None = None,
        priority_seconds: int = PRIORITY_SECONDS,
    ) -> None:
        self._db = Database(alias, clock, priority_seconds)
        self._workflows = starting.WorkflowRows()

    def now(self) -> datetime:
        return self._db.now()

    def is_inside_transaction(self) -> bool:
        """Say whether the caller's `atomic()` is open, so that no durable call may stand here."""
        return self._db.is_inside_transaction()

    # --- outside acts ---

    def transact(self, work: Callable[[], T]) -> T:
        return self._db.act_transact(work)

    def add_event(self, event: NewEvent) -> None:
        events.add_event(self._db, event)

    def insert_executions(self, new: Sequence[NewExecution]) -> list[tuple[Execution, bool]]:
        return starting.insert_executions(self._db, self._workflows, new)

    def add_signal(
        self, execution_id: UUID, name: str, payload: str, dedupe_key: str | None = None
    ) -> tuple[Signal, bool]:
        return outside_acts.add_signal(self._db, execution_id, name, payload, dedupe_key)

    def request_cancel(self, execution_id: UUID, reason: str, *, compensates: bool) -> bool:
        return outside_acts.request_cancel(self._db, execution_id, reason, compensates=compensates)

    def request_pause(self, execution_id: UUID) -> bool:
        return outside_acts.request_pause(self._db, execution_id)

    def resume(self, execution_id: UUID) -> bool:
        return outside_acts.resume(self._db, execution_id)

    def retry(self, execution_id: UUID) -> ExecutionStatus:
        return outside_acts.retry(self._db, execution_id)

    def insert_fork(self, new: NewExecution, before_position: int) -> Execution:
        return forking.insert_fork(self._db, self._workflows, new, before_position)

    def hasten(self, execution_id: UUID, key: str) -> bool:
        return outside_acts.hasten(self._db, execution_id, key)

    # --- reading ---

    def load_execution(self, execution_id: UUID) -> Execution:
        return reading.load_execution(self._db, execution_id)

    def find_execution_by_key(self, workflow_name: str, key: str) -> Execution | None:
        return reading.find_execution_by_key(self._db, workflow_name, key)

    def list_executions(
        self,
        *,
        status: Collection[ExecutionStatus] = (),
        workflow_name: str | None = None,
        queue: str | None = None,
        limit: int = 100,
    ) -> list[Execution]:
        return reading.list_executions(
            self._db, status=status, workflow_name=workflow_name, queue=queue, limit=limit
        )

    def list_checkpoints(self, execution_id: UUID) -> list[Checkpoint]:
        return reading.list_checkpoints(self._db, execution_id)

    def list_timers(self, execution_id: UUID) -> list[Timer]:
        return reading.list_timers(self._db, execution_id)

    def list_signals(self, execution_id: UUID) -> list[Signal]:
        return reading.list_signals(self._db, execution_id)

    def list_events(self, execution_id: UUID, *, after: int, limit: int) -> list[Event]:
        return events.list_events(self._db, execution_id, after=after, limit=limit)

    # --- claiming and leases ---

    def claim_one(self, execution_id: UUID, lease: timedelta, owner: str) -> Claim | None:
        return claiming.claim_one(self._db, execution_id, lease, owner)

    def renew(self, claims: Iterable[Claim], lease: timedelta) -> set[UUID]:
        return leasing.renew(self._db, claims, lease)

    def release(self, claim: Claim, wait: Wait) -> None:
        slice_waits.release(self._db, claim, wait)

    def abandon(self, claim: Claim, error: ErrorRecord, delay: timedelta) -> None:
        slice_waits.abandon(self._db, claim, error, delay)

    def clear_recoveries(self, claim: Claim) -> None:
        slice_endings.clear_recoveries(self._db, claim)

    def note_begun(self, claim: Claim) -> None:
        leasing.note_begun(self._db, claim)

    def adopt_orphans(self, limit: int, grace: timedelta = timedelta(0)) -> list[UUID]:
        return leasing.adopt_orphans(self._db, limit, grace)

    # --- what a slice writes ---

    def record_intent(
        self, claim: Claim, checkpoint: Checkpoint, *, must_survive: bool = False
    ) -> Interrupt | None:
        return slice_steps.record_intent(self._db, claim, checkpoint, must_survive=must_survive)

    def record_outcome(self, claim: Claim, checkpoint: Checkpoint) -> None:
        slice_steps.record_outcome(self._db, claim, checkpoint)

    def run_atomic(
        self, claim: Claim, checkpoint: Checkpoint, action: Callable[[], Checkpoint]
    ) -> Checkpoint | Interrupt:
        """Run `action` and insert the checkpoint it returns, in one transaction.

        Calls the action again if the database rolled the transaction back as a deadlock's victim,
        also if it was the action that met the deadlock.
        """
        return slice_steps.run_atomic(self._db, claim, checkpoint, action)

    def fire_timer(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | None:
        return slice_waits.fire_timer(self._db, claim, checkpoint)

    def deliver_signal(
        self, claim: Claim, checkpoint: Checkpoint, signal: Signal
    ) -> Interrupt | None:
        return slice_waits.deliver_signal(self._db, claim, checkpoint, signal)

    def expire_wait(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
        return slice_waits.expire_wait(self._db, claim, checkpoint)

    def suspend(self, claim: Claim, wait: Wait) -> Interrupt | Suspension:
        return slice_waits.suspend(self._db, self._workflows, claim, wait)

    def open_waits(self, claim: Claim, wait: Wait) -> Interrupt | None:
        return slice_opening.open_waits(self._db, self._workflows, claim, wait)

    def settle(
        self,
        claim: Claim,
        checkpoint: Checkpoint,
        *,
        fired: Collection[str] = (),
        released: Collection[str] = (),
        dropped: Collection[Checkpoint] = (),
        unless_news: bool = False,
    ) -> Interrupt | Suspension:
        return slice_waits.settle(
            self._db,
            claim,
            checkpoint,
            fired=fired,
            released=released,
            dropped=dropped,
            unless_news=unless_news,
        )

    def start_child(
        self, claim: Claim, checkpoint: Checkpoint, child: NewExecution
    ) -> Interrupt | None:
        return slice_opening.start_child(self._db, self._workflows, claim, checkpoint, child)

    def start_map_children(
        self, claim: Claim, call: str, children: Sequence[NewExecution]
    ) -> Interrupt | None:
        return map_children.start_map_children(self._db, self._workflows, claim, call, children)

    def settle_map(
        self, claim: Claim, checkpoint: Checkpoint, compensation: str
    ) -> Interrupt | None:
        return map_children.settle_map(self._db, claim, checkpoint, compensation)

    # --- children, items, subscribers ---

    def find_executions(self, ids: Collection[UUID]) -> dict[UUID, Execution]:
        return children.find_executions(self._db, ids)

    def list_children(
        self,
        parent_id: UUID,
        *,
        keys: Collection[str] | None = None,
        open_only: bool = False,
        after: UUID | None = None,
        limit: int = 100,
    ) -> list[Execution]:
        return children.list_children(
            self._db, parent_id, keys=keys, open_only=open_only, after=after, limit=limit
        )

    def count_children(self, parent_id: UUID, call: str) -> dict[ExecutionStatus, int]:
        return children.count_children(self._db, parent_id, call)

    def list_calls(self, execution_id: UUID) -> list[Checkpoint]:
        return children.list_calls(self._db, execution_id)

    def list_items(self, execution_id: UUID, keys: Collection[str]) -> list[Checkpoint]:
        return children.list_items(self._db, execution_id, keys)

    def list_subscribers(self, topic: str, *, after: UUID | None, limit: int) -> list[UUID]:
        return children.list_subscribers(self._db, topic, after=after, limit=limit)

    def record_progress(self, claim: Claim, progress: dict[str, object]) -> None:
        slice_endings.record_progress(self._db, claim, progress)

    def complete(self, claim: Claim, output: str) -> Interrupt | None:
        return slice_endings.complete(self._db, claim, output)

    def begin_compensation(
        self, claim: Claim, ending: ExecutionStatus, error: ErrorRecord | None
    ) -> None:
        slice_endings.begin_compensation(self._db, claim, ending, error)

    def record_undo(self, claim: Claim, undo: Checkpoint, undone: Checkpoint) -> None:
        slice_steps.record_undo(self._db, claim, undo, undone)

    def run_atomic_undo(
        self, claim: Claim, undo: Checkpoint, undone: Checkpoint, action: Callable[[], Checkpoint]
    ) -> Checkpoint:
        """Run an undo in one transaction; see `run_atomic`."""
        return slice_steps.run_atomic_undo(self._db, claim, undo, undone, action)

    def finish(self, claim: Claim, status: ExecutionStatus, error: ErrorRecord | None) -> None:
        slice_endings.finish(self._db, claim, status, error)

    def park(self, claim: Claim, reason: ParkReason, error: ErrorRecord) -> None:
        slice_endings.park(self._db, claim, reason, error)

    def pause(self, claim: Claim) -> None:
        slice_endings.pause(self._db, claim)

    # --- housekeeping ---

    def delete_finished(
        self, *, before: datetime, statuses: Collection[ExecutionStatus], limit: int
    ) -> int:
        return housekeeping.delete_finished(self._db, before=before, statuses=statuses, limit=limit)

    def count_finished(self, *, before: datetime, statuses: Collection[ExecutionStatus]) -> int:
        return housekeeping.count_finished(self._db, before=before, statuses=statuses)
