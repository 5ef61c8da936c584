"""All that happened to an execution, in one list: what it did, and what people did to it.

Ordered by time; at one instant, in the order in which such things follow from each other. What a
table does not date is left out, or dated by what is known and marked as approximate: when a timer
was registered (the call before it had ended), and when a signal expired (the execution's end).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from durable_django.control.history.sources import (
    moments_of_acts,
    moments_of_attempts,
    moments_of_execution,
    moments_of_signals,
    moments_of_timers,
)
from durable_django.control.history.values import HistoryEntry, HistoryType, Moment
from durable_django.control.items import ItemCount
from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.event import Event
from durable_django.domain.execution import Execution
from durable_django.domain.signal import Signal
from durable_django.domain.timer import Timer

__all__ = ["HistoryEntry", "HistoryType", "build_history", "history_json"]


def build_history(  # noqa: PLR0913 -- one for each table an execution has rows in
    execution: Execution,
    checkpoints: Sequence[Checkpoint],
    timers: Iterable[Timer],
    signals: Iterable[Signal],
    events: Sequence[Event],
    *,
    maps: Mapping[str, ItemCount] = MappingProxyType({}),
    describe_error: Callable[[str], str] = str,
) -> list[HistoryEntry]:
    """Return everything that is known to have happened, oldest first.

    Of the items of a map, which need not be among the checkpoints, only their numbers (`maps`).
    `describe_error` turns the `Type: message` of an error into what may be shown of it. Reasons
    that people gave are returned as they are.
    """
    moments: list[Moment] = [
        *moments_of_execution(execution, events, describe_error),
        *moments_of_acts(events),
        *moments_of_signals(signals, execution),
        *moments_of_attempts(checkpoints, maps, describe_error),
        *moments_of_timers(timers, execution, checkpoints),
    ]
    return [moment.entry for moment in sorted(moments, key=lambda moment: moment.order)]


def history_json(entries: Iterable[HistoryEntry]) -> list[dict[str, Any]]:
    """Return the entries as JSON values: instants as ISO 8601 text, absent things as null or ''."""
    return [{name: _to_json(value) for name, value in asdict(entry).items()} for entry in entries]


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
