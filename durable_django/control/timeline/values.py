"""What a timeline is made of: rows, and what lies on them.

All instants come from what is stored. What the tones of a segment mean, and what they cannot say:

* `queued`: it could have gone on, and nothing ran: it waited for a worker, or was paused. From the
  start to the first attempt, from the end of one call to the beginning of the next, from the end
  of a back-off to the next attempt, from a due timer or an accepted signal to its being noticed.
  A planned start (`start_at`) is not stored and counts as queued. Where a person's retry lies in
  between, it had ended, and nothing is drawn.
* `backoff`: an attempt failed, and its policy put off the next one.
* `waiting`: a sleep until its timer was due, or a wait until its signal was accepted or timed out.
  A timer's row does not say when it was registered: it begins where the call before it ended.
* `ran`, `failed`, `compensated`, `undo`, `undo_failed`: an attempt, from its intent to its outcome.
  One that a crash interrupted and that was run again is one segment, from its first beginning.
* `running`: an attempt under a live lease. `open`: it was begun and its end was never recorded.
* `reused`: a fork took the outcome over; it ran in the execution that was forked.
* `under_way`: begun and not ended, and no worker need be at it: a child, a human task, a check
  between two turns, the items of a map.
* `dropped`: given up, because its group was decided without it.
* `group`: from the first beginning among branches side by side to the group's decision.

Messages of errors are shown through the hook `describe_error`: callers redact there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from durable_django.control.items import ItemCount
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.event import Event
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.status import CheckpointKind
from durable_django.domain.timer import Timer


class SegmentKind(StrEnum):
    """What went on in a segment; the module says what each means."""

    QUEUED = "queued"
    BACKOFF = "backoff"
    WAITING = "waiting"
    RAN = "ran"
    FAILED = "failed"
    COMPENSATED = "compensated"
    RUNNING = "running"
    OPEN = "open"
    UNDO = "undo"
    UNDO_FAILED = "undo_failed"
    REUSED = "reused"
    UNDER_WAY = "under_way"
    GROUP = "group"
    DROPPED = "dropped"


#: Nothing of the workflow ran then.
IDLE_KINDS = frozenset({SegmentKind.QUEUED, SegmentKind.BACKOFF, SegmentKind.WAITING})


class MarkKind(StrEnum):
    """What happened at an instant."""

    DELIVERED = "delivered"
    PENDING = "pending"
    EXPIRED = "expired"
    DEAD = "dead"
    DUE = "due"
    TIMED_OUT = "timed_out"
    #: The worker was gone by then, and another one took over.
    WORKER_LOST = "worker_lost"


class RowKind(StrEnum):
    """What a row is about: a durable call, or what is not one."""

    STEP = CheckpointKind.STEP.value
    SLEEP = CheckpointKind.SLEEP.value
    SIGNAL = CheckpointKind.SIGNAL.value
    UNDO = CheckpointKind.UNDO.value
    EVENT = CheckpointKind.EVENT.value
    CHILD = CheckpointKind.CHILD.value
    #: Branches side by side; the rows after it, as long as they are deeper, are its branches.
    GROUP = CheckpointKind.GROUP.value
    #: One for all of its items.
    MAP = CheckpointKind.MAP.value
    ITEM = CheckpointKind.ITEM.value
    POLL = CheckpointKind.POLL.value
    TASK = CheckpointKind.TASK.value
    #: A branch that is a body of its own.
    BRANCH = "branch"
    #: A timer whose call left no checkpoint: a sleep's, or that of a wait with a timeout.
    TIMER = "timer"
    #: Signals of one name that nothing has consumed.
    INBOX = "inbox"
    #: The execution as a whole: it waits for a worker or a person, or runs between two calls.
    STATE = "state"


#: What lies on these rows may take long although nothing of this execution runs.
LONG_KINDS = frozenset(
    {
        RowKind.CHILD,
        RowKind.GROUP,
        RowKind.MAP,
        RowKind.POLL,
        RowKind.TASK,
        RowKind.BRANCH,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What went on from one instant to another."""

    kind: SegmentKind
    starts_at: datetime
    #: Not before `starts_at`; after now if it lasts until an instant that is known already.
    ends_at: datetime
    #: Of an attempt; 0 of what is none.
    attempt: int = 0
    #: In a sentence, for people.
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What happened at one instant."""

    kind: MarkKind
    at: datetime
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One durable call, or several of one name in a timeline that would be too long."""

    #: Of the call; empty if the row is about none.
    key: str
    name: str
    label: str
    kind: RowKind
    #: Ordered by time.
    segments: tuple[Segment, ...] = ()
    marks: tuple[Mark, ...] = ()
    #: What came of it, in a few words.
    summary: str = ""
    #: How many calls it stands for.
    calls: int = 1
    #: How deep it stands among branches; 0 in the body.
    depth: int = 0
    #: Of a child that may be seen: its execution.
    execution_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """What there is to draw of one execution."""

    execution_id: UUID
    workflow_name: str
    begins_at: datetime
    #: Not before `begins_at`; after now if something is due later.
    ends_at: datetime
    #: None once it has ended.
    now: datetime | None
    #: Ordered by the first start; rows about no call come last.
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is stored of one execution, and when it was looked at."""

    execution: Execution
    checkpoints: Sequence[Checkpoint] = ()
    timers: Sequence[Timer] = ()
    signals: Sequence[Signal] = ()
    events: Sequence[Event] = ()
    #: The store's clock, aware UTC.
    now: datetime
    #: Turns the text of an error into what may be shown of it.
    describe_error: Callable[[str], str] = str
    #: How far its maps have come, by the keys of their calls.
    maps: Mapping[str, ItemCount] = field(default_factory=dict)
    #: Its children that may be seen.
    children: Mapping[UUID, Execution] = field(default_factory=dict)
