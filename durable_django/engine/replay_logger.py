"""A logger for workflow bodies: silent while the body only replays."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from durable_django.engine.slice_state import SliceState

logger = logging.getLogger("durable_django.workflow")


class ReplayLogger(logging.LoggerAdapter[logging.Logger]):
    """Adds the execution's id and workflow to each record, and drops records during replay."""

    def __init__(self, state: SliceState) -> None:
        super().__init__(logger, {})
        self._state = state

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 -- the name is logging's
        """Say no while recorded calls lie ahead, so that nothing is logged twice."""
        silent = self._state.replay.is_replaying or self._state.is_undoing
        return not silent and super().isEnabledFor(level)

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Add what the record is about."""
        facts = {
            "execution_id": str(self._state.execution_id),
            "workflow": self._state.execution.workflow_name,
        }
        return msg, {**kwargs, "extra": {**(kwargs.get("extra") or {}), **facts}}
