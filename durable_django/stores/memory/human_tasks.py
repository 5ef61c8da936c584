"""Human tasks: what slices open, remind of and withdraw, and what people do with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.claim import Claim
from durable_django.domain.event import CODE, Actor, ActorKind, EventType, NewEvent
from durable_django.domain.execution import Execution
from durable_django.domain.identifiers import is_or_is_in
from durable_django.domain.status import (
    CheckpointStatus,
    Interrupt,
    TaskStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.task import NewTask, Principal, Task
from durable_django.domain.task_moves import (
    NOT_NEEDED,
    assigned,
    cancelled,
    claimed,
    completed,
    escalated,
    event_of,
    expired,
    opened,
    released,
    reminded,
    why_withdrawn,
)
from durable_django.domain.wait import Suspension
from durable_django.exceptions import TaskNotFoundError, TaskOverError
from durable_django.ports.checkpoint_store import LeaseLost
from durable_django.stores.memory.stepping import close
from durable_django.stores.memory.tables import MemoryTables, Record

_Move = Callable[[Task, datetime], Task]
#: From the task before and after the act.
_Tale = Callable[[Task, Task], NewEvent]


class HumanTasks(MemoryTables):
    """`TaskStore`, and what is written of tasks with a wait and with an end."""

    # --- with a wait, and with an end ---

    def _insert_tasks(
        self, record: Record, asking: Sequence[tuple[Checkpoint, NewTask]], now: datetime
    ) -> None:
        """Insert the tasks and their open attempts."""
        if any(_active(record, new.key) for _, new in asking):
            raise LeaseLost(record.execution.id)
        for checkpoint, new in asking:
            record.insert_checkpoint(replace(checkpoint, started_at=checkpoint.started_at or now))
            record.tasks[new.id] = opened(new, now)
            _forget_timer(record, checkpoint.key)

    def _cancel_tasks(
        self, record: Record, now: datetime, keys: Collection[str] | None = None
    ) -> None:
        """Cancel the active tasks of these calls, and of those inside them (None: of all)."""
        why = NOT_NEEDED if keys is not None else _why_withdrawn(record.execution)
        for task in _active(record):
            if keys is None or is_or_is_in(task.key, keys):
                record.tasks[task.id] = cancelled(task, None, why, now)

    # --- what people do ---

    def claim_task(self, task_id: UUID, user: str, actor: Actor = CODE) -> Task:
        def tale(_: Task, after: Task) -> NewEvent:
            return event_of(after, EventType.TASK_CLAIMED, actor, user=user)

        return self._act(task_id, lambda task, now: claimed(task, user, now), tale)

    def release_task(
        self, task_id: UUID, user: str | None, actor: Actor = CODE, reason: str = ""
    ) -> Task:
        def tale(before: Task, after: Task) -> NewEvent:
            return event_of(after, EventType.TASK_RELEASED, actor, reason, user=before.assignee)

        return self._act(task_id, lambda task, now: released(task, user, now), tale)

    def assign_task(
        self,
        task_id: UUID,
        *,
        to: Principal | str,
        owner: str = "",
        expected_user: str | None = None,
        actor: Actor = CODE,
        reason: str = "",
    ) -> Task:
        def move(task: Task, now: datetime) -> Task:
            return assigned(task, to, owner=owner, expected_user=expected_user, now=now)

        def tale(before: Task, after: Task) -> NewEvent:
            kind = EventType.TASK_DELEGATED if owner else EventType.TASK_REASSIGNED
            return event_of(after, kind, actor, reason, **{"from": before.assignee, "to": str(to)})

        return self._act(task_id, move, tale)

    def complete_task(
        self, task_id: UUID, user: str, data: str, comment: str = "", actor: Actor = CODE
    ) -> Task:
        def tale(_: Task, after: Task) -> NewEvent:
            return event_of(after, EventType.TASK_COMPLETED, actor, user=user)

        def move(task: Task, now: datetime) -> Task:
            return completed(task, user, data, comment, actor, now)

        return self._end(task_id, move, tale)

    def cancel_task(self, task_id: UUID, actor: Actor = CODE, reason: str = "") -> Task:
        def tale(_: Task, after: Task) -> NewEvent:
            return event_of(after, EventType.TASK_CANCELLED, actor, reason)

        return self._end(task_id, lambda task, now: cancelled(task, actor, reason, now), tale)

    def _act(self, task_id: UUID, move: _Move, tale: _Tale) -> Task:
        with self._lock:
            record = self._record_of(task_id)
            before = record.tasks[task_id]
            after = move(before, self.now())
            if after is not before:
                record.tasks[task_id] = after
                record.add_event(tale(before, after), self.now())
            return after

    def _end(self, task_id: UUID, move: _Move, tale: _Tale) -> Task:
        with self._lock:
            record = self._record_of(task_id)
            # Refused, if at all, before anything is written: there is no rolling back here.
            move(record.tasks[task_id], self.now())
            key = record.tasks[task_id].key
            if not self._tell(record.execution.id, WaitKind.TASK, key):
                raise TaskOverError(task_id, TaskStatus.CANCELLED)
            record.settle_timer(key, TimerStatus.CANCELLED)
            return self._act(task_id, move, tale)

    # --- reading ---

    def load_task(self, task_id: UUID) -> Task:
        with self._lock:
            return self._record_of(task_id).tasks[task_id]

    def list_tasks(self, execution_id: UUID) -> list[Task]:
        with self._lock:
            record = self._records.get(execution_id)
            found = list(record.tasks.values()) if record else []
        return sorted(found, key=lambda task: task.id)

    # --- what a slice writes ---

    def expire_task(self, claim: Claim, checkpoint: Checkpoint) -> Interrupt | Suspension:
        with self._lock:
            record = self._fenced(claim)
            now = self.now()
            if interrupt := record.interrupt_at(now):
                return interrupt
            active = _active(record, checkpoint.key)
            if record.show_new_signals(claim) or not active:
                return Suspension.SIGNALLED
            stored = record.checkpoints.get((checkpoint.key, checkpoint.attempt))
            if stored is None or stored.status is not CheckpointStatus.INTENT:
                raise LeaseLost(claim.execution_id)
            close(record, checkpoint, now)
            record.settle_timer(checkpoint.key, TimerStatus.FIRED)
            record.tasks[active[0].id] = expired(active[0], now)
            return Suspension.SUSPENDED

    def remind_task(self, claim: Claim, task_id: UUID) -> Interrupt | None:
        return self._move(claim, task_id, reminded, EventType.TASK_REMINDED)

    def escalate_task(self, claim: Claim, task_id: UUID) -> Interrupt | None:
        return self._move(claim, task_id, escalated, EventType.TASK_ESCALATED)

    def _move(self, claim: Claim, task_id: UUID, move: _Move, kind: EventType) -> Interrupt | None:
        by = Actor(kind=ActorKind.WORKER, id=claim.execution.lease_owner)
        with self._lock:
            if interrupt := self._fenced(claim).interrupt_at(self.now()):
                return interrupt
            self._act(task_id, move, lambda _, after: event_of(after, kind, by))
            return None

    # --- rows ---

    def _record_of(self, task_id: UUID) -> Record:
        for record in self._records.values():
            if task_id in record.tasks:
                return record
        raise TaskNotFoundError(task_id)


def _why_withdrawn(execution: Execution) -> str:
    is_cancelled = execution.cancel_requested_at is not None
    return why_withdrawn(
        execution.status, is_cancelled=is_cancelled, reason=execution.cancel_reason
    )


def _active(record: Record, key: str | None = None) -> list[Task]:
    return [
        task for task in record.tasks.values() if task.status.is_active and key in (None, task.key)
    ]


def _forget_timer(record: Record, key: str) -> None:
    """Let the timeout of an earlier task of the call be over: a new task has its own time."""
    timer = record.timers.get(key)
    if timer is not None and timer.status is TimerStatus.CANCELLED:
        record.timers[key] = replace(timer, status=TimerStatus.FIRED)
