"""What an explanation is made of, and what it is made from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from durable_django.control.calls import Call, CurrentWait
from durable_django.control.wording import say_instant
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.timer import Timer


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
    wait: CurrentWait | None
    error: ErrorRecord | None
    describe_error: Callable[[str], str]

    def say(self, instant: datetime) -> str:
        """Return an instant in words."""
        return say_instant(instant)

    def say_error(self, error: ErrorRecord | None) -> str:
        """Return what may be shown of an error, in one line; `?` if there is none."""
        if error is None:
            return "?"
        message = self.describe_error(error.message)
        return f"{error.type}: {message}" if message else error.type
