"""A branch of a group: what it is, how it is run, and what may come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from durable_django.domain.wait import Wait
from durable_django.engine.slice_state import SliceState
from durable_django.engine.suspension import BranchStopped, ReplayEnded, WorkflowSuspended


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """One of the things that a group does side by side."""

    name: str
    #: Does it, as far as it goes now, on the branch's own state; returns its result.
    work: Callable[[SliceState], Any]
    #: Whether it is one durable call, whose key is the branch's; else a body with calls of its own.
    is_call: bool = True
    #: Whether it only waits: no code of the user's runs in it.
    is_wait: bool = False


class BranchStatus(StrEnum):
    """How far a branch has come."""

    #: Not begun, because there was no room or no need any more.
    UNBEGUN = "unbegun"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    #: It was stopped because the group was decided without it.
    DROPPED = "dropped"

    @property
    def is_settled(self) -> bool:
        """Whether it has an outcome of its own."""
        return self in (BranchStatus.DONE, BranchStatus.FAILED)


@dataclass(slots=True)
class Outcome:
    """What has come of one branch so far."""

    status: BranchStatus = BranchStatus.UNBEGUN
    value: Any = None
    error: Exception | None = None
    #: Of a branch that waits.
    waits: list[Wait] = field(default_factory=list)


def run_branch(branch: Branch, state: SliceState) -> Outcome:
    """Run a branch as far as it goes now.

    What must stop the whole slice is noted in what the branches share, and stops the others too.
    """
    try:
        value = branch.work(state)
        state.raise_swallowed()
        if not branch.is_call:
            with state.locked():
                state.replay.finish()
    except Exception as error:  # noqa: BLE001 -- the branch's outcome; the group decides on it
        return _outcome_of_error(branch, state, error)
    except BaseException as reason:  # noqa: BLE001 -- carried to the thread of the slice
        return _stopped(state, reason)
    else:
        return Outcome(BranchStatus.DONE, value=value)
    finally:
        state.is_over = True


def _outcome_of_error(branch: Branch, state: SliceState, error: Exception) -> Outcome:
    if state.latch is not None:  # the body swallowed its reason to leave, and raised
        return _stopped(state, state.latch)
    try:
        if not branch.is_call and not state.is_undoing:
            with state.locked():
                state.replay.finish(error)
    except BaseException as reason:  # noqa: BLE001 -- a mismatch parks the execution
        return _stopped(state, reason)
    return Outcome(BranchStatus.FAILED, error=error)


def _stopped(state: SliceState, reason: BaseException) -> Outcome:
    if isinstance(reason, WorkflowSuspended):
        wait = reason.wait
        return Outcome(BranchStatus.WAITING, waits=list(wait.parts or (wait,)))
    if not isinstance(reason, BranchStopped | ReplayEnded) and state.share is not None:
        state.share.stop = state.share.stop or reason
    return Outcome(BranchStatus.DROPPED)
