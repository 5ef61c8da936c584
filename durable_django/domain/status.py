"""The status of an execution, a checkpoint, a timer and a signal, and the legal moves between.

Only the engine decides a move, and a store writes it as a conditional update whose predicate
repeats the statuses it may start from.
"""

from __future__ import annotations

from enum import StrEnum


class ExecutionStatus(StrEnum):
    """Where one run of a workflow stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUSPENDED = "suspended"
    COMPENSATING = "compensating"
    PAUSED = "paused"
    PARKED = "parked"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the execution has ended; only an explicit `retry` leaves FAILED again."""
        return self in TERMINAL_STATUSES


TERMINAL_STATUSES = frozenset(
    {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED}
)
#: A worker may claim an execution in one of these once its alarm has come.
CLAIMABLE_STATUSES = frozenset(
    {
        ExecutionStatus.PENDING,
        ExecutionStatus.RUNNING,
        ExecutionStatus.SUSPENDED,
        ExecutionStatus.COMPENSATING,
    }
)
#: A slice holds an execution in one of these; only its fence may write.
HELD_STATUSES = frozenset({ExecutionStatus.RUNNING, ExecutionStatus.COMPENSATING})

_P, _R, _S, _C = (
    ExecutionStatus.PENDING,
    ExecutionStatus.RUNNING,
    ExecutionStatus.SUSPENDED,
    ExecutionStatus.COMPENSATING,
)
TRANSITIONS: dict[ExecutionStatus, frozenset[ExecutionStatus]] = {
    _P: frozenset({_R, ExecutionStatus.PAUSED}),
    _R: frozenset(
        {
            _R,
            _S,
            _C,
            ExecutionStatus.COMPLETED,
            ExecutionStatus.FAILED,
            ExecutionStatus.CANCELLED,
            ExecutionStatus.PARKED,
            ExecutionStatus.PAUSED,
        }
    ),
    _S: frozenset({_R, _S, ExecutionStatus.PAUSED}),
    _C: frozenset({_C, ExecutionStatus.FAILED, ExecutionStatus.CANCELLED, ExecutionStatus.PARKED}),
    ExecutionStatus.PAUSED: frozenset({_S}),
    ExecutionStatus.PARKED: frozenset({_P, _S, _C}),
    ExecutionStatus.FAILED: frozenset({_P}),
    ExecutionStatus.COMPLETED: frozenset(),
    ExecutionStatus.CANCELLED: frozenset(),
}


def sources_of(target: ExecutionStatus) -> frozenset[ExecutionStatus]:
    """Return the statuses from which `target` may be reached in one move."""
    return frozenset(source for source, targets in TRANSITIONS.items() if target in targets)


class CheckpointStatus(StrEnum):
    """What is known of one attempt of one step."""

    INTENT = "intent"
    COMPLETED = "completed"
    FAILED = "failed"
    COMPENSATED = "compensated"


class TimerStatus(StrEnum):
    """Whether a durable timer is still to fire."""

    PENDING = "pending"
    FIRED = "fired"
    CANCELLED = "cancelled"


class SignalStatus(StrEnum):
    """What became of a signal that was accepted.

    EXPIRED: the execution was cancelled or ran out of time first. DEAD: it ended otherwise
    without asking for the signal.
    """

    PENDING = "pending"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    DEAD = "dead"


class CheckpointKind(StrEnum):
    """Which durable call a checkpoint belongs to."""

    STEP = "step"
    SLEEP = "sleep"
    SIGNAL = "signal"
    UNDO = "undo"
    #: A broadcast event that was awaited.
    EVENT = "event"
    #: Another execution that this one started, awaited or not.
    CHILD = "child"
    #: Branches side by side: a parallel block, a race, a wait for any or for all.
    GROUP = "group"
    #: A function or a workflow applied to many items.
    MAP = "map"
    #: One item of a map. A claim does not load these: there may be thousands.
    ITEM = "item"
    #: A check that is made again and again until it says yes.
    POLL = "poll"
    #: Something a person was asked to do.
    TASK = "task"


class WaitKind(StrEnum):
    """Why an execution is suspended, that is: what can wake it."""

    NOTHING = ""
    TIMER = "timer"
    SIGNAL = "signal"
    RETRY = "retry"
    EVENT = "event"
    #: The end of another execution that it started.
    CHILD = "child"
    #: The items of a map.
    MAP = "map"
    #: The next time to check.
    POLL = "poll"
    #: A person.
    TASK = "task"
    #: Any of several things; `waiting_for` lists them.
    SEVERAL = "several"
    #: Held back until others of its limit have ended; it has not begun.
    LIMIT = "limit"
    #: A worker gave it back unbegun, or a person resumed it: it goes on as soon as one is free.
    YIELD = "yield"
    #: The worker that claimed it does not know its workflow (a rolling deploy).
    DEFERRED = "deferred"


class ParkReason(StrEnum):
    """Why an execution stopped and needs a person."""

    NONDETERMINISM = "nondeterminism"
    UNKNOWN_WORKFLOW = "unknown_workflow"
    POISON = "poison"
    PAYLOAD = "payload"
    FAILURE = "failure"
    COMPENSATION_FAILED = "compensation_failed"


class Guarantee(StrEnum):
    """Who advances an execution.

    BACKGROUND: any worker. FOREGROUND: only the process that called `run()`; after its crash
    the execution waits for `durable_recover`, which hands it to the workers.
    """

    BACKGROUND = "background"
    FOREGROUND = "foreground"


class Interrupt(StrEnum):
    """Why a slice must stop before its next action although it still owns the execution."""

    CANCEL = "cancel"
    PAUSE = "pause"
    EXPIRED = "expired"


class ParentClosePolicy(StrEnum):
    """What becomes of a child that has not ended when its parent ends."""

    CANCEL = "cancel"
    ABANDON = "abandon"


class OnConflict(StrEnum):
    """What a start does whose key belongs to an execution of the workflow already."""

    #: Return the existing execution, ended or not.
    RETURN = "return"
    #: Refuse.
    RAISE = "raise"
    #: Cancel the existing execution, unless it has ended, and start; the key is the new one's.
    REPLACE = "replace"
    #: Start, and begin when all earlier ones with the key have ended; the key is the new one's.
    QUEUE = "queue"


class TaskStatus(StrEnum):
    """Where a human task stands."""

    OPEN = "open"
    #: Somebody has it.
    CLAIMED = "claimed"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    #: Its time was up first.
    EXPIRED = "expired"

    @property
    def is_active(self) -> bool:
        """Whether somebody may still complete it."""
        return self in (TaskStatus.OPEN, TaskStatus.CLAIMED)


class QueueMode(StrEnum):
    """What the workers take from a queue."""

    OPEN = "open"
    #: Only what has begun already, and the children it waits for, until none of it is left.
    DRAINING = "draining"
    PAUSED = "paused"


class BulkStatus(StrEnum):
    """Where one act on many executions stands."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
