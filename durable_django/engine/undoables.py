"""What an undoing undoes, as the walk through the body tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.retry_policy import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Undoable:
    """A completed step, and how the code undoes it."""

    checkpoint: Checkpoint
    handler: Callable[[Any], object]
    #: The step's result, as the body saw it.
    result: Any
    retry: RetryPolicy
    atomic: bool
    times_undone: int


class UndoSource(Protocol):
    """Many completed steps that are not held in memory."""

    @property
    def whole(self) -> Checkpoint | None:
        """The outcome of the call that they are parts of, if it has one."""

    def newest_first(self) -> Iterator[Undoable]:
        """Yield them, the last one first."""
