"""Which step this thread is running an action for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from durable_django.exceptions import DurableCallError


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInfo:
    """What an action may know of the attempt it runs in."""

    execution_id: UUID
    #: The step's key: its name, and from the second occurrence on `name#2`, `name#3`, …
    key: str
    #: From 1.
    attempt: int
    #: The same over all attempts and crashes: hand it to the other side of a payment or a message.
    idempotency_key: str


_current: ContextVar[StepInfo | None] = ContextVar("durable_django_step", default=None)


def find_current_step() -> StepInfo | None:
    """Return the step whose action is running here, or None."""
    return _current.get()


def current_step() -> StepInfo:
    """Return the step whose action is running here.

    Raises:
        DurableCallError: No action of a step is running in this thread.
    """
    step = _current.get()
    if step is None:
        raise DurableCallError("current_step() is for the action of a step, and none is running.")
    return step


@contextmanager
def running(step: StepInfo) -> Iterator[None]:
    """Mark the block as the action of `step`."""
    token = _current.set(step)
    try:
        yield
    finally:
        _current.reset(token)
