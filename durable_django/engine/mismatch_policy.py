"""What follows when the code no longer fits its checkpoints."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

from durable_django.engine.records import StepMismatch
from durable_django.exceptions import ConfigurationError

logger = logging.getLogger(__name__)

MismatchPolicy = Literal["park", "warn"] | Callable[[StepMismatch], object]


def mismatch_policy(policy: MismatchPolicy) -> Callable[[StepMismatch], object]:
    """Return what to do when the code does not fit the checkpoints.

    "park" stops the execution for a person, "warn" logs and goes on by name; a function may do
    either: raise `NonDeterminismError` to park.

    Raises:
        ConfigurationError: It is none of these.
    """
    if callable(policy):
        return policy
    if policy == "park":
        return _park
    if policy == "warn":
        return _warn
    raise ConfigurationError(
        f"The policy for step mismatches is 'park', 'warn' or a function, not {policy!r}."
    )


def _park(mismatch: StepMismatch) -> None:
    raise mismatch.to_error()


def _warn(mismatch: StepMismatch) -> None:
    logger.warning("%s", mismatch.to_error())
