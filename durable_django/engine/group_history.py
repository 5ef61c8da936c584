"""What an earlier walk recorded inside a group, and whether the group's outcome still stands on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from durable_django.domain.status import CheckpointStatus
from durable_django.engine.branches import BranchStatus, Outcome
from durable_django.engine.dropping import was_dropped
from durable_django.engine.group_record import GroupRecord, read_record
from durable_django.engine.records import Call
from durable_django.engine.slice_state import SliceState

_NOW = {
    BranchStatus.DONE: "completes",
    BranchStatus.FAILED: "fails",
}


def compare(
    state: SliceState, call: Call, record: GroupRecord, outcomes: Mapping[str, Outcome]
) -> None:
    """Report branches that the code does not declare any more, or that end otherwise than they did.

    One that the code declares since then is reported where all branches were waited for: nobody
    can say what would have come of it. An undoing has nothing to undo in it.
    """
    for name in sorted(record.names() - outcomes.keys()):
        report_gone(state, call, name)
    if state.is_undoing:
        return
    for name, outcome in outcomes.items():
        recorded = record.statuses.get(name)
        if recorded is None and record.took_all:
            _report(
                state, call, "no such branch", f"branch {name!r} of {call.key!r}, which is over"
            )
        elif record.counts(name) and outcome.status is not recorded:
            current = _NOW.get(outcome.status, "goes on")
            _report(state, call, f"branch {name!r} of {call.key!r}: {recorded}", f"it {current}")


def report_gone(state: SliceState, call: Call, name: str) -> None:
    """Report a branch that was begun, and that the code does not declare any more."""
    _report(state, call, f"branch {name!r} of {call.key!r}", "no such branch")


def _report(state: SliceState, call: Call, recorded: str, current: str) -> None:
    state.replay.records.report(call.position, recorded, current)


def is_stale(state: SliceState, call: Call, record: GroupRecord) -> bool:
    """Say whether the group is to be walked anew, because of what a retry does again in it.

    Something in a branch that counts was undone since, or failed and is made again.
    """
    records = state.replay.records
    return any(
        not was_dropped(row)
        for name in record.names()
        if record.counts(name)
        for row in records.set_aside_inside(f"{call.key}/{name}")
    )


def reopen_failures(state: SliceState, call: Call) -> None:
    """Have all that failed in a group be made again, if the group failed and was retried.

    The retry itself knows of one of them, which ended the execution.
    """
    last = call.history[-1] if call.history else None
    if last is None or last.status is not CheckpointStatus.FAILED or last.is_final:
        return
    for key in read_record(last).failed_calls:
        state.replay.records.set_aside(key, last.epoch)


def find_gone(state: SliceState, call: Call, declared: Collection[str]) -> list[str]:
    """Return the branches that have begun, and that the code does not declare any more."""
    inside = f"{call.key}/"
    begun = state.replay.records.begun_in(call.key)
    asleep = {
        key[len(inside) :].partition("/")[0] for key in state.claim.timers if key.startswith(inside)
    }
    return sorted((begun | asleep).difference(declared))
