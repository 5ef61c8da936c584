"""What a map's own attempts say: which items it was given, and how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.error_record import ErrorRecord
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.domain.wait import Suspension
from durable_django.engine.map_result import MapResult, read_total, write_items
from durable_django.engine.records import Call
from durable_django.engine.slice_state import SliceState
from durable_django.engine.witnesses import path_of
from durable_django.exceptions import MapFailedError

#: Results that are in memory at once.
WINDOW = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MapEnd:
    """How a map ended."""

    failed: int
    total: int
    has_failed: bool = False
    #: The first of the failures, by item.
    errors: Mapping[str, str] = field(default_factory=dict)

    def to_error(self, key: str) -> MapFailedError:
        """Return it as the error that the body sees."""
        return MapFailedError(key, self.failed, self.total, self.errors)

    def to_value(self) -> dict[str, Any]:
        """Return it as what is stored."""
        told: dict[str, Any] = {"failed": self.failed}
        return (
            {**told, "total": self.total, "errors": dict(self.errors)} if self.has_failed else told
        )


def open_map(
    state: SliceState,
    call: Call,
    function: Callable[..., Any],
    keys: Sequence[str],
    undo: Callable[[Any], object] | None,
) -> Checkpoint:
    """Return the map's open attempt, begun now if it is not, with a witness of its items."""
    if call.open_intent is not None:
        return call.open_intent
    attempt = Checkpoint(
        execution_id=state.execution_id,
        key=call.key,
        name=call.name,
        position=call.position,
        branch_position=call.branch_position,
        kind=CheckpointKind.MAP,
        attempt=call.next_attempt,
        epoch=state.execution.epoch,
        action=path_of(function),
        compensation="" if undo is None else path_of(undo),
        input_digest=write_items(keys),
        started_at=state.now(),
    )
    state.heed(state.write(state.needs.store.record_intent, state.claim, attempt))
    state.opened(attempt)
    return attempt


def check_same_items(state: SliceState, call: Call, keys: Sequence[str]) -> None:
    """Report items that are not those the map was given when it was begun."""
    last = call.attempts[-1] if call.attempts else None
    if last is None or last.input_digest == write_items(keys):
        return
    state.replay.records.report(
        call.position,
        f"map {call.key!r} of {read_total(last)} items",
        f"a map of {len(keys)} items, which are not the same or in another order",
    )


def close_map(
    state: SliceState, call: Call, end: MapEnd, takes_items: str | None = None
) -> Checkpoint:
    """Record how the map ended; other branches are kept out.

    With `takes_items`, the import path of their undo or '', its children's results become items.
    """
    attempt = call.open_intent
    assert attempt is not None  # noqa: S101 -- it was opened before its items were run
    outcome = replace(
        attempt,
        status=CheckpointStatus.COMPLETED,
        output=state.needs.payloads.encode(end.to_value(), f"Map {call.key!r}"),
        completed_at=state.now(),
    )
    if end.has_failed:
        error = state.needs.errors.record(end.to_error(call.key))
        outcome = replace(
            outcome, status=CheckpointStatus.FAILED, is_final=True, error=error.to_text()
        )
    write_end(state, outcome, takes_items)
    if end.has_failed:
        state.tell(lambda o: o.step_failed(state.execution, outcome))
    else:
        state.tell(lambda o: o.step_completed(state.execution, outcome))
    return outcome


def write_end(state: SliceState, outcome: Checkpoint, takes_items: str | None) -> None:
    """Write the end of a map's attempt, with its children's results if they are to be kept."""
    store = state.needs.store
    if takes_items is None:
        answer = state.write(store.settle, state.claim, outcome)
        state.heed(None if isinstance(answer, Suspension) else answer)
    else:
        state.heed(state.write(store.settle_map, state.claim, outcome, takes_items))
    state.wrote(outcome)


def interrupted(state: SliceState, attempt: Checkpoint) -> Checkpoint:
    """Return the attempt of a map that is undone before its end: a retry makes it again."""
    error = ErrorRecord(type="MapInterrupted", message="its workflow ended before it did")
    return replace(
        attempt,
        status=CheckpointStatus.FAILED,
        error=error.to_text(),
        completed_at=state.now(),
    )


def result_of(
    state: SliceState,
    call: Call,
    settled: Checkpoint,
    keys: Sequence[str],
    read: Callable[[int, int], list[Any]],
) -> MapResult[Any]:
    """Return the results of a map that has ended, or raise that it failed."""
    told = state.decode(settled.output or "null", f"Map {call.key!r}")
    if settled.status is CheckpointStatus.FAILED:
        state.fail(call, MapEnd(**told, has_failed=True).to_error(call.key))

    def note(key: str, error: Exception) -> None:
        state.note_raised(error, f"{call.key}/{key}")

    return MapResult(keys, told["failed"], read, WINDOW, note)
