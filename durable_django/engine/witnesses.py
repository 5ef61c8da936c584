"""What a step was recorded with besides its name: its action and arguments.

They are no drift when they differ, because functions are renamed and arguments may hold what
varies: people are told, and the record is used all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from durable_django.domain.checkpoint import Checkpoint
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import PayloadError

logger = logging.getLogger(__name__)


def tell_differences(
    recorded: Checkpoint, action: Callable[..., Any], args: tuple[Any, ...], payloads: Payloads
) -> None:
    """Log a warning if a step is not quite what was recorded."""
    differing = []
    if recorded.action != path_of(action):
        differing.append(f"action ({recorded.action} before, {path_of(action)} now)")
    if not _has_same_input(recorded, args, payloads):
        differing.append("arguments")
    if differing:
        logger.warning(
            "Step %r of execution %s was recorded with another %s",
            recorded.key,
            recorded.execution_id,
            " and other ".join(differing),
        )


def _has_same_input(recorded: Checkpoint, args: tuple[Any, ...], payloads: Payloads) -> bool:
    try:
        text = payloads.encode(args, "Arguments") if args else ""
    except PayloadError:
        return False
    if not text or not recorded.input_digest:
        return bool(text) == bool(recorded.input_digest)
    return payloads.is_digest_of(recorded.input_digest, text)


def path_of(action: Callable[..., Any]) -> str:
    """Return the import path of an action, for people and as a witness."""
    while isinstance(action, partial):
        action = action.func
    name = getattr(action, "__qualname__", None) or type(action).__qualname__
    module = getattr(action, "__module__", None) or type(action).__module__
    return f"{module}.{name}"[:255]
