from __future__ import annotations

from contextlib import nullcontext

import pytest

from durable_django.domain.status import Interrupt, WaitKind
from durable_django.domain.wait import Wait
from durable_django.engine.branches import Branch, BranchStatus, run_branch
from durable_django.engine.suspension import (
    BranchStopped,
    ReplayEnded,
    WorkflowInterrupted,
    WorkflowSuspended,
)


class Share:
    stop = None


class Replay:
    def __init__(self):
        self.finished = []

    def finish(self, error=None):
        self.finished.append(error)


class State:
    """As much of a slice's state as a branch looks at."""

    def __init__(self, *, is_undoing=False):
        self.latch = None
        self.is_over = False
        self.is_undoing = is_undoing
        self.share = Share()
        self.replay = Replay()

    def raise_swallowed(self):
        if self.latch is not None:
            raise self.latch

    def locked(self):
        return nullcontext()


def run(work, *, state=None, is_call=True):
    state = state or State()
    outcome = run_branch(Branch(name="b", work=work, is_call=is_call), state)
    assert state.is_over
    return outcome, state


def raising(error):
    def work(state):
        raise error

    return work


A = Wait(kind=WaitKind.SIGNAL, name="a", key="a")
B = Wait(kind=WaitKind.TIMER, name="b", key="b")


def test_what_it_returns_is_its_value():
    outcome, _ = run(lambda state: 7)

    assert (outcome.status, outcome.value) == (BranchStatus.DONE, 7)


def test_an_error_is_its_outcome():
    error = ValueError("broken")

    outcome, state = run(raising(error))

    assert (outcome.status, outcome.error) == (BranchStatus.FAILED, error)
    assert state.share.stop is None


@pytest.mark.parametrize(
    ("wait", "waits"),
    [(A, [A]), (Wait(kind=WaitKind.SEVERAL, name="|", parts=(A, B)), [A, B])],
)
def test_one_that_waits_tells_what_for(wait, waits):
    outcome, _ = run(raising(WorkflowSuspended(wait)))

    assert (outcome.status, outcome.waits) == (BranchStatus.WAITING, waits)


@pytest.mark.parametrize("reason", [BranchStopped(), ReplayEnded()], ids=repr)
def test_one_that_was_stopped_stops_nobody_else(reason):
    outcome, state = run(raising(reason))

    assert outcome.status is BranchStatus.DROPPED
    assert state.share.stop is None


@pytest.mark.parametrize(
    "reason", [WorkflowInterrupted(Interrupt.CANCEL), KeyboardInterrupt(), SystemExit()], ids=repr
)
def test_whatever_else_leaves_it_stops_the_slice(reason):
    outcome, state = run(raising(reason))

    assert outcome.status is BranchStatus.DROPPED
    assert state.share.stop is reason


def test_the_first_reason_to_stop_stays():
    first, state = KeyboardInterrupt(), State()
    state.share.stop = first

    run(raising(SystemExit()), state=state)

    assert state.share.stop is first


def test_a_reason_that_was_swallowed_is_told_all_the_same():
    def work(state):
        state.latch = WorkflowSuspended(A)
        return "swallowed"

    outcome, _ = run(work)

    assert outcome.status is BranchStatus.WAITING


def test_a_reason_that_an_error_hides_is_told_all_the_same():
    def work(state):
        state.latch = WorkflowSuspended(A)
        raise ValueError("instead")

    outcome, _ = run(work)

    assert (outcome.status, outcome.error) == (BranchStatus.WAITING, None)


def test_only_a_body_of_its_own_is_asked_for_calls_it_no_longer_makes():
    error = ValueError("broken")

    assert run(lambda state: 1)[1].replay.finished == []
    assert run(lambda state: 1, is_call=False)[1].replay.finished == [None]
    assert run(raising(error), is_call=False)[1].replay.finished == [error]


def test_while_undoing_a_body_that_fails_is_not_asked():
    _, state = run(raising(ValueError()), state=State(is_undoing=True), is_call=False)

    assert state.replay.finished == []
