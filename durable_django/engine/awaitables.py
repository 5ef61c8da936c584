"""What `ctx.race`, `ctx.wait_any` and `ctx.wait_all` may wait for, as code writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from durable_django.domain.identifiers import check_key, check_name
from durable_django.engine.branches import Branch
from durable_django.engine.child_manager import ChildManager
from durable_django.engine.child_plans import ChildOptions
from durable_django.engine.signal_manager import NO_DEFAULT, SignalManager
from durable_django.engine.slice_state import SliceState
from durable_django.engine.timer_manager import TimerManager
from durable_django.exceptions import DefinitionError

#: Events share the mailbox's column with a prefix and a digest of their key.
MAX_EVENT_LENGTH = 150


@dataclass(frozen=True, slots=True)
class Signal:
    """The next signal of a name; its payload is the result."""

    name: str

    def __post_init__(self) -> None:
        """Refuse a name that no sender could use."""
        check_name("signal", self.name)

    def branch(self, label: str) -> Branch:
        """Return the branch that waits for it."""

        def work(state: SliceState) -> Any:
            with state.durable_call(f"Wait for signal {self.name!r}"):
                return SignalManager(state).wait(label, None, NO_DEFAULT, mailbox=self.name)

        return Branch(name=label, work=work, is_wait=True)


@dataclass(frozen=True, slots=True)
class Event:
    """The next broadcast of a name and key; its payload is the result."""

    name: str
    key: str = ""

    def __post_init__(self) -> None:
        """Refuse what nobody could broadcast."""
        check_event(self.name, self.key)

    def branch(self, label: str) -> Branch:
        """Return the branch that waits for it."""

        def work(state: SliceState) -> Any:
            with state.durable_call(f"Wait for event {self.name!r}"):
                return SignalManager(state).wait_event(label, self.name, self.key, None, NO_DEFAULT)

        return Branch(name=label, work=work, is_wait=True)


@dataclass(frozen=True, slots=True, init=False)
class Timer:
    """A time that passes: `Timer(days=3)`, `Timer(until=instant)`; the result is None."""

    duration: timedelta | None
    until: datetime | None

    def __init__(
        self,
        duration: timedelta | None = None,
        *,
        until: datetime | None = None,
        **units: float,
    ) -> None:
        given = [duration is not None, until is not None, bool(units)]
        if sum(given) != 1:
            raise DefinitionError("A Timer has a duration, units such as days=3, or until=…")
        object.__setattr__(self, "duration", timedelta(**units) if units else duration)
        object.__setattr__(self, "until", until)

    def branch(self, label: str) -> Branch:
        """Return the branch that waits for it."""

        def work(state: SliceState) -> None:
            with state.durable_call(f"Sleep {label!r}"):
                timers = TimerManager(state)
                if self.duration is not None:
                    timers.sleep(label, self.duration)
                elif self.until is not None:
                    timers.sleep_until(label, self.until)

        return Branch(name=label, work=work, is_wait=True)


@dataclass(frozen=True, slots=True, init=False)
class Child:
    """A child execution; its result is the result. If it loses, it is cancelled."""

    workflow: Any
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __init__(self, workflow: Any, *args: Any, **kwargs: Any) -> None:
        object.__setattr__(self, "workflow", workflow)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "kwargs", kwargs)

    def branch(self, label: str) -> Branch:
        """Return the branch that waits for it."""

        def work(state: SliceState) -> Any:
            options = ChildOptions(kwargs=self.kwargs)
            with state.durable_call(f"Child {label!r}"):
                return ChildManager(state).child(label, self.workflow, self.args, options)

        return Branch(name=label, work=work, is_wait=True)


Awaitable = Signal | Event | Timer | Child


def as_awaitable(what: object) -> Awaitable:
    """Return what code gave; a name alone is a signal's.

    Raises:
        DefinitionError: It is nothing that can be waited for.
    """
    if isinstance(what, str):
        return Signal(what)
    if isinstance(what, Signal | Event | Timer | Child):
        return what
    raise DefinitionError(f"{what!r:.60} cannot be waited for; Signal, Event, Timer and Child can.")


def check_event(name: str, key: str) -> None:
    """Refuse an event's name or key that is not legal.

    Raises:
        DefinitionError: The message says which and why.
    """
    check_name("event", name)
    if len(name) > MAX_EVENT_LENGTH:
        raise DefinitionError(f"An event's name has {MAX_EVENT_LENGTH} characters at most.")
    if key:
        check_key("event key", key)
