"""What an explanation is made of, and what it is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from durable_django.control.calls import Call
from durable_django.control.items import ItemCount
from durable_django.control.waiting import CurrentWait
from durable_django.control.wording import say_instant
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.limit import LimitFigures
from durable_django.domain.signal import Signal
from durable_django.domain.task import Task
from durable_django.domain.timer import Timer
from durable_django.domain.work_queue import QueueControl


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An act that the execution's state allows."""

    #: A `control.acting.Action`.
    action: str
    #: What it would do, in a sentence or two.
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something that is known, for a list of names and values."""

    #: Stable, for programs.
    code: str
    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited:
    """One of the things that it waits for."""

    #: A `WaitKind`.
    kind: str
    #: Of the call that waits; empty if that is not known.
    key: str
    #: What people call it, and what a sender must.
    name: str
    #: What it is and how it stands, in a sentence or two.
    text: str
    #: When it is over by itself.
    until: datetime | None
    #: Of a child that may be seen.
    execution_id: str
    #: Of a human task that was given; whether it may be seen is not asked here.
    task_id: str
    #: The `Action` that gives it what it waits for; empty if there is none.
    action: str
    #: What the action is about: the name of a signal, the key of a timer.
    argument: str
    #: The key of the timer that may be fired; empty if there is none, or it is due.
    timer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The answers; texts are plain and in the current language."""

    #: In a few words.
    headline: str
    #: Why it is here.
    reason: str
    #: What will wake it.
    next: str
    #: What a person can do about it.
    advice: str
    #: Since when it stands so, as far as is known.
    since: datetime | None
    #: When that ends by itself, if it does.
    until: datetime | None
    #: Whether it should have gone on by now, and has not.
    is_late: bool
    actions: tuple[Offer, ...]
    facts: tuple[Fact, ...]
    #: What it waits for by name; one of them is enough to wake it.
    waits: tuple[Waited, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answers for one kind of state."""

    headline: str
    reason: str
    next: str
    advice: str
    since: datetime | None = None
    until: datetime | None = None
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that is stored of one execution, and when it was looked at."""

    execution: Execution
    checkpoints: Sequence[Checkpoint]
    calls: Sequence[Call]
    timers: Sequence[Timer]
    signals: Sequence[Signal]
    now: datetime
    #: The one thing that it waits for.
    wait: CurrentWait | None
    #: All that it waits for.
    waits: Sequence[CurrentWait]
    error: ErrorRecord | None
    describe_error: Callable[[str], str]
    #: Its human tasks, if it waits for one.
    tasks: Sequence[Task] = ()
    #: Those of its children that it waits for and that may be seen, by id.
    children: Mapping[UUID, Execution] = field(default_factory=dict)
    #: How far its maps have come, by the keys of their calls.
    maps: Mapping[str, ItemCount] = field(default_factory=dict)
    #: How far the limit is used that holds it back.
    limit: LimitFigures | None = None
    #: How its queue is controlled, if it is due.
    control: QueueControl | None = None

    def say(self, instant: datetime) -> str:
        """Return an instant in words."""
        return say_instant(instant)

    def say_error(self, error: ErrorRecord | None) -> str:
        """Return what may be shown of an error, in one line; `?` if there is none."""
        if error is None:
            return "?"
        message = self.describe_error(error.message)
        return f"{error.type}: {message}" if message else error.type
