"""How a group ends: its decision is recorded with the end of all that its branches wait with.

A decision that has children cancelled is written before they are: a crash in between must not
find a child that was cancelled because of it, and take that for what decided the group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.identifiers import is_or_is_in
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.domain.wait import Suspension
from durable_django.engine.branches import BranchStatus, Outcome
from durable_django.engine.cancelling import cancel_opened
from durable_django.engine.dropping import close_dropped
from durable_django.engine.group_policies import Decision
from durable_django.engine.group_record import GroupRecord, read_record, write_record
from durable_django.engine.records import Call
from durable_django.engine.slice_state import SliceState

#: What stays open while it waits, and is closed when its branch is dropped.
_STAYS_OPEN = frozenset(
    {
        CheckpointKind.CHILD,
        CheckpointKind.TASK,
        CheckpointKind.POLL,
        CheckpointKind.MAP,
        CheckpointKind.GROUP,
    }
)
_HAS_CHILDREN = frozenset({CheckpointKind.CHILD, CheckpointKind.MAP})


def find_decision(state: SliceState, call: Call) -> GroupRecord | None:
    """Return the decision that an earlier slice wrote, and did not bring to its end."""
    begun = call.open_intent
    # One from before a retry stood on what the retry may do again.
    if begun is None or begun.epoch != state.execution.epoch:
        return None
    return read_record(begun)


def settle_group(
    state: SliceState, call: Call, outcomes: Mapping[str, Outcome], decision: Decision | None
) -> bool:
    """Record how the group ended (None: its time was up); False if there is news that may change it."""
    with state.locked():
        opened = _open_calls(state, call)
        checkpoint = _decided(state, call, outcomes, decision)
        if decision is not None and any(one.kind in _HAS_CHILDREN for one in opened):
            _write_ahead(state, call, checkpoint)
    cancel_opened(state, opened, f"{call.key} of its parent was decided without it")
    stale = [row for row in call.history if _is_open(row) and row.attempt != checkpoint.attempt]
    dropped = close_dropped(state, [*opened, *stale], checkpoint)
    with state.locked():
        answer = state.write(
            state.needs.store.settle,
            state.claim,
            checkpoint,
            fired=[call.key] if decision is None else [],
            # Whatever waits in the branches, also in those that this walk did not come to.
            released=[call.key],
            dropped=dropped,
            unless_news=decision is None,
        )
        if answer is Suspension.SIGNALLED:
            return False
        if not isinstance(answer, Suspension):
            state.heed(answer)
        _note(state, call, checkpoint, dropped)
    _tell(state, checkpoint)
    return True


def _open_calls(state: SliceState, call: Call) -> list[Checkpoint]:
    inside = state.replay.records.open_inside(call.key)
    return [one for one in inside if one.kind in _STAYS_OPEN]


def _is_open(row: Checkpoint) -> bool:
    return row.status is CheckpointStatus.INTENT


def _decided(
    state: SliceState, call: Call, outcomes: Mapping[str, Outcome], decision: Decision | None
) -> Checkpoint:
    error = decision.error if decision is not None else None
    record = GroupRecord(
        statuses=_statuses(outcomes),
        by=decision.by if decision is not None else "",
        has_failed=error is not None,
        has_timed_out=decision is None,
        failed_calls=() if error is None else _failed_calls(state, call, outcomes),
    )
    told = None if error is None else state.needs.errors.record(error)
    return write_record(record, _new_checkpoint(state, call), told)


def _statuses(outcomes: Mapping[str, Outcome]) -> dict[str, BranchStatus]:
    """Return what came of the branches; how far the others were does not matter any more."""
    found = {name: outcome.status for name, outcome in outcomes.items()}
    return {n: s if s.is_settled else BranchStatus.DROPPED for n, s in found.items()}


def _failed_calls(
    state: SliceState, call: Call, outcomes: Mapping[str, Outcome]
) -> tuple[str, ...]:
    errors = {n: o.error for n, o in outcomes.items() if o.error is not None}
    return tuple(
        state.find_failed_call(error) or f"{call.key}/{name}" for name, error in errors.items()
    )


def _new_checkpoint(state: SliceState, call: Call) -> Checkpoint:
    begun, now = call.open_intent, state.now()
    is_written = begun is not None and begun.epoch == state.execution.epoch
    return Checkpoint(
        execution_id=state.execution_id,
        key=call.key,
        name=call.name,
        position=call.position,
        branch_position=call.branch_position,
        kind=CheckpointKind.GROUP,
        attempt=begun.attempt if begun is not None and is_written else call.next_attempt,
        epoch=state.execution.epoch,
        status=CheckpointStatus.COMPLETED,
        started_at=now,
        completed_at=now,
    )


def _write_ahead(state: SliceState, call: Call, decided: Checkpoint) -> None:
    """Write what was decided, unless an earlier slice did."""
    if find_decision(state, call) is not None:
        return
    attempt = replace(
        decided,
        status=CheckpointStatus.INTENT,
        is_final=False,
        output=None,
        error=None,
        completed_at=None,
    )
    state.heed(state.write(state.needs.store.record_intent, state.claim, attempt))
    state.opened(attempt)


def _note(
    state: SliceState, call: Call, checkpoint: Checkpoint, dropped: Sequence[Checkpoint]
) -> None:
    timers, starting = state.claim.timers, state.starting
    for key in [key for key in timers if is_or_is_in(key, [call.key])]:
        del timers[key]
    for name, child in list(starting.items()):
        if is_or_is_in(child.parent_key, [call.key]):
            del starting[name]
    for one in dropped:
        state.replay.note(one)
    state.wrote(checkpoint)
    state.passed(call, checkpoint)


def _tell(state: SliceState, checkpoint: Checkpoint) -> None:
    if checkpoint.status is CheckpointStatus.FAILED:
        state.tell(lambda o: o.step_failed(state.execution, checkpoint))
    else:
        state.tell(lambda o: o.step_completed(state.execution, checkpoint))
