"""What a history is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID


class HistoryType(StrEnum):
    """What happened."""

    CREATED = "created"
    BEGAN = "began"
    ATTEMPT_BEGAN = "attempt_began"
    ATTEMPT_COMPLETED = "attempt_completed"
    ATTEMPT_FAILED = "attempt_failed"
    UNDO_BEGAN = "undo_began"
    UNDO_COMPLETED = "undo_completed"
    UNDO_FAILED = "undo_failed"
    TIMER_REGISTERED = "timer_registered"
    TIMER_DUE = "timer_due"
    TIMER_CANCELLED = "timer_cancelled"
    SLEEP_PASSED = "sleep_passed"
    WAIT_TIMED_OUT = "wait_timed_out"
    SIGNAL_ACCEPTED = "signal_accepted"
    SIGNAL_DELIVERED = "signal_delivered"
    SIGNAL_EXPIRED = "signal_expired"
    SIGNAL_DEAD = "signal_dead"
    EVENT_ACCEPTED = "event_accepted"
    EVENT_DELIVERED = "event_delivered"
    CHILD_STARTED = "child_started"
    CHILD_COMPLETED = "child_completed"
    CHILD_FAILED = "child_failed"
    #: The branches of a group came to a decision; `details` say which, and how each branch stood.
    GROUP_DECIDED = "group_decided"
    GROUP_FAILED = "group_failed"
    MAP_BEGAN = "map_began"
    MAP_COMPLETED = "map_completed"
    MAP_FAILED = "map_failed"
    CHECKS_BEGAN = "checks_began"
    CHECK_SUCCEEDED = "check_succeeded"
    CHECKS_FAILED = "checks_failed"
    #: Given up, because its group was decided without it.
    DROPPED = "dropped"
    #: Somebody acted; `details["act"]` is the `EventType`.
    ACT = "act"
    PAUSED = "paused"
    PARKED = "parked"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Rank(IntEnum):
    """What comes first of what happened at one instant."""

    CREATION = 0
    BEGINNING = 1
    ACT = 2
    ARRIVAL = 3
    CALL = 4
    END = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """Something that happened, once."""

    at: datetime
    type: HistoryType
    #: Of the call, or of the signal's name.
    key: str = ""
    #: 0 if it is about no attempt.
    attempt: int = 0
    #: `Type: message`, through the caller's hook.
    error: str = ""
    #: Who did it, for people; empty if it was the engine.
    actor: str = ""
    #: An `ActorKind`; empty if it was the engine.
    actor_kind: str = ""
    #: What finds them again: of another execution or a schedule its id.
    actor_id: str = ""
    #: Why, in the actor's words.
    reason: str = ""
    #: The event's id, which rises in the order of the acts; None of all else.
    event_id: int | None = None
    signal_id: UUID | None = None
    #: Of a child that it is about.
    child_id: UUID | None = None
    #: When something is due: a timer, the next attempt.
    due_at: datetime | None = None
    #: Whether `at` is only known to be near.
    is_approximate: bool = False
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An entry with its place among those of the same instant."""

    entry: HistoryEntry
    rank: Rank
    #: Compared only within a rank.
    place: tuple[int, ...] = ()
    name: str = ""

    @property
    def order(self) -> tuple[datetime, Rank, tuple[int, ...], str]:
        """What the history is sorted by."""
        return self.entry.at, self.rank, self.place, self.name
