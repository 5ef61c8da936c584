"""What somebody did to an execution: who, what, when and why. The audit's unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

MAX_REASON_LENGTH = 500


class ActorKind(StrEnum):
    """What kind of somebody acted."""

    #: A person who was logged in, in the admin or over REST.
    USER = "user"
    #: Whoever held a signed link.
    HOOK = "hook"
    #: A shell.
    COMMAND = "command"
    #: A process that advances executions.
    WORKER = "worker"
    #: Another execution: a parent that ended, or one that took the key over.
    WORKFLOW = "workflow"
    #: A schedule.
    SCHEDULE = "schedule"
    #: The project's own code, or nobody who was named.
    CODE = "code"


class EventType(StrEnum):
    """What was done."""

    STARTED = "started"
    SIGNALLED = "signalled"
    CANCEL_REQUESTED = "cancel_requested"
    PAUSE_REQUESTED = "pause_requested"
    RESUMED = "resumed"
    RETRIED = "retried"
    FORKED = "forked"
    TIMER_FIRED = "timer_fired"
    #: A signed link was made that sends one signal.
    HOOK_MINTED = "hook_minted"
    HOOK_REVOKED = "hook_revoked"
    TASK_CLAIMED = "task_claimed"
    TASK_RELEASED = "task_released"
    TASK_REASSIGNED = "task_reassigned"
    TASK_DELEGATED = "task_delegated"
    TASK_COMPLETED = "task_completed"
    TASK_CANCELLED = "task_cancelled"
    TASK_REMINDED = "task_reminded"
    TASK_ESCALATED = "task_escalated"
    #: A signed link was made that completes one task.
    TASK_LINK_MINTED = "task_link_minted"
    #: Nobody's act: a worker found the execution held by one that had gone, and took it over.
    WORKER_LOST = "worker_lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acted. `id` finds them again (a primary key); `name` is for people."""

    kind: ActorKind = ActorKind.CODE
    id: str = ""
    name: str = ""

    def __str__(self) -> str:
        """Return it for people: `alice`, `command`, `hook 7f3a…`."""
        return self.name or (f"{self.kind} {self.id}" if self.id else str(self.kind))


#: Nobody in particular: the project's own code.
CODE = Actor()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to be written; `details` are JSON and never payloads."""

    execution_id: UUID
    type: EventType
    actor: Actor = CODE
    #: Why, in the actor's words.
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as it was written. Never changed, and deleted only with its execution."""

    #: Rises with the order in which the events of one execution were committed.
    id: int
    execution_id: UUID
    type: EventType
    actor: Actor = CODE
    reason: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    #: The database's clock, aware UTC.
    created_at: datetime


def replaced_by(execution_id: UUID, successor_id: UUID, key: str) -> NewEvent:
    """Return the event of an execution that is cancelled for one that took over its key."""
    return NewEvent(
        execution_id=execution_id,
        type=EventType.CANCEL_REQUESTED,
        actor=Actor(kind=ActorKind.WORKFLOW, id=str(successor_id)),
        reason=f"Replaced: execution {successor_id} was started with its key.",
        details={"compensate": True, "key": key, "replaced_by": str(successor_id)},
    )
