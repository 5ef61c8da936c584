"""Limit: how many executions that share a key may be under way at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from durable_django.domain.identifiers import MAX_KEY_LENGTH, check_key
from durable_django.domain.work_queue import MAX_RUNNING
from durable_django.exceptions import DefinitionError

#: What a key computed from the arguments may be.
LimitKey = str | int | UUID
#: The executions that wait for one key (`on_conflict="queue"`) go one after the other, as they came.
_LINE_PREFIX = "~key/"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `max` executions of a workflow with the same key are under way at once.

    Under way: from their admission to their end, also while they sleep, are paused or parked. The
    others are held back, and admitted in the order in which they became due, head starts of
    priorities included. One that waits for a child under the same limit keeps its own place while
    it waits: leave room for both, or give the child another limit.

    Args:
        max: 1 or more. Of starts that say different numbers for one key, the latest counts: what
            is under way beyond a lower one goes on, and nothing is admitted until it has drained.
        key: A text, or a function of the workflow's arguments, which it is given by name, that
            returns a text, a whole number or a UUID: `lambda tenant, **_: tenant`. Without one,
            all executions of the workflow share the limit.
    """

    max: int
    key: str | Callable[..., LimitKey] | None = None

    def __post_init__(self) -> None:
        """Refuse what could not work, where it is written."""
        if type(self.max) is not int or not 1 <= self.max <= MAX_RUNNING:
            raise DefinitionError(
                f"A limit is a whole number from 1 to {MAX_RUNNING}, not {self.max!r:.80}."
            )
        if isinstance(self.key, str):
            check_key("key of a limit", self.key)
        elif self.key is not None and not callable(self.key):
            raise DefinitionError(
                f"The key of a limit is a text or a function of the arguments, not "
                f"{type(self.key).__name__}."
            )

    def check_takes(self, workflow: str, signature: inspect.Signature) -> None:
        """Refuse a function of the key that does not take the workflow's arguments by name.

        Raises:
            DefinitionError: The message says what to write instead.
        """
        if self.key is None or isinstance(self.key, str):
            return
        try:
            inspect.signature(self.key).bind(**dict.fromkeys(signature.parameters))
        except (TypeError, ValueError) as error:
            raise DefinitionError(
                f"Workflow {workflow!r}: the key of its limit is given the arguments by name, and "
                f"does not take them ({error}). Write `lambda tenant, **_: tenant`."
            ) from None

    def key_for(self, workflow: str, arguments: Mapping[str, Any]) -> str:
        """Return the key that executions of the workflow with these arguments share.

        Raises:
            DefinitionError: The function returned something else than a text, a whole number or a
                UUID, or a text that is not legal or too long.
        """
        if self.key is None:
            return workflow
        key = self.key if isinstance(self.key, str) else self.key(**arguments)
        if isinstance(key, bool) or not isinstance(key, str | int | UUID):
            raise DefinitionError(
                f"The key of the limit of workflow {workflow!r} is a text, a whole number or a "
                f"UUID; the function returned {type(key).__name__}."
            )
        shared = f"{workflow}/{check_key(f'key of the limit of workflow {workflow!r}', str(key))}"
        if len(shared) > MAX_KEY_LENGTH:
            raise DefinitionError(
                f"The key {str(key)!r:.80} of the limit of workflow {workflow!r} is too long: with "
                f"the workflow's name it has {len(shared)} characters; {MAX_KEY_LENGTH} are legal."
            )
        return shared


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFigures:
    """How far a limit is used."""

    key: str
    max: int
    #: Under way.
    admitted: int
    #: Held back; those of them that only wait for their start to come are not `ready`.
    waiting: int
    ready: int


def line_key(workflow: str, key: str) -> str:
    """Return the key of the line of those that are started with `on_conflict="queue"`."""
    plain = f"{_LINE_PREFIX}{workflow}/{key}"
    if len(plain) <= MAX_KEY_LENGTH:
        return plain
    return _LINE_PREFIX + sha256(plain.encode()).hexdigest()


def refused_line(workflow: str, key: str, execution_id: UUID, limit_key: str) -> DefinitionError:
    """Return the error of a start that would stand in line behind what is under another limit."""
    return DefinitionError(
        f"Execution {execution_id} has key {key!r} of workflow {workflow!r} and is under the limit "
        f"{limit_key!r}: nothing can be queued behind it, because an execution is under one limit "
        f"at most. Use on_conflict='replace' or another key, or wait for its end."
    )


def is_line(limit_key: str) -> bool:
    """Say whether nobody is admitted before those who came earlier, whatever their priority."""
    return limit_key.startswith(_LINE_PREFIX)
