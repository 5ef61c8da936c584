"""Groups: branches side by side, from their first step to the group's recorded outcome.

All branches of a group belong to one execution. Each is walked as far as it goes; then the group
is decided, or the execution waits for whatever any of its branches waits for. The decision is one
transaction with the end of all that the undecided branches wait with. What a group recorded says
which branches count: only these are walked by a replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.engine.branch_share import BranchShare
from durable_django.engine.branches import Branch, BranchStatus, Outcome, run_branch
from durable_django.engine.group_ending import find_decision, settle_group
from durable_django.engine.group_history import (
    compare,
    find_gone,
    is_stale,
    reopen_failures,
    report_gone,
)
from durable_django.engine.group_policies import Decision, GroupPolicy
from durable_django.engine.group_record import GroupRecord, read_record
from durable_django.engine.group_waits import combined, opened, timeout_of
from durable_django.engine.records import Call
from durable_django.engine.slice_state import SliceState
from durable_django.engine.suspension import ReplayEnded, WorkflowSuspended
from durable_django.exceptions import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupOptions:
    """How a group is run."""

    policy: GroupPolicy
    #: At most so many branches are under way at once; None: all.
    max_concurrency: int | None = None
    #: The group is decided by then at the latest.
    timeout: timedelta | None = None


@dataclass(slots=True, kw_only=True)
class GroupResult:
    """How a group ended."""

    call: Call
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    decision: Decision = field(default_factory=Decision)
    has_timed_out: bool = False


class GroupManager:
    """Runs the groups of one slice."""

    def __init__(self, state: SliceState) -> None:
        self._state = state

    def run(self, name: str, branches: Sequence[Branch], options: GroupOptions) -> GroupResult:
        """Return how the group ended, or leave the body because it has not.

        A failure of the group is in the result: who calls decides what to raise.
        """
        _check(name, branches, options)
        state = self._state
        state.check_call(f"Group {name!r}")
        with state.latching():
            with state.locked():
                call = state.replay.enter(CheckpointKind.GROUP, name)
            run = _GroupRun(state, call, branches, options)
            with _inside(state, call.key):
                return run.run()


class _GroupRun:
    """One walk through one group."""

    def __init__(
        self, state: SliceState, call: Call, branches: Sequence[Branch], options: GroupOptions
    ) -> None:
        self._state = state
        self._call = call
        self._options = options
        self._branches = {branch.name: (place, branch) for place, branch in enumerate(branches)}
        self._outcomes = {branch.name: Outcome() for branch in branches}
        self._share = BranchShare.within(self._state.share)

    def run(self) -> GroupResult:
        settled, is_undoing = self._call.settled, self._state.is_undoing
        if settled is not None:
            record = read_record(settled)
            with self._state.locked():
                stands = is_undoing or not is_stale(self._state, self._call, record)
            if stands:
                return self._recorded(settled, record)
        elif is_undoing:
            self._walk_again(list(self._branches))
            raise ReplayEnded
        return self._live()

    def _live(self) -> GroupResult:
        """Bring the group to its end, or leave the body to wait."""
        with self._state.locked():
            self._state.check_may_begin()
            reopen_failures(self._state, self._call)
            for name in find_gone(self._state, self._call, self._branches):
                report_gone(self._state, self._call, name)
        record = find_decision(self._state, self._call)
        if record is not None:
            return self._finish(record)
        while True:
            seen = self._state.claim.signal_count
            decision = self._walk_all()
            if decision is None and seen != self._state.claim.signal_count:
                continue  # a branch met news that another one, walked before it, may wait for
            if decision is None and not self._is_late():
                self._suspend()
            if settle_group(self._state, self._call, self._outcomes, decision):
                return self._result(decision)

    def _finish(self, record: GroupRecord) -> GroupResult:
        """Do what is left to do after a decision that an earlier slice wrote."""
        decision = self._walk_recorded(record)
        settle_group(self._state, self._call, self._outcomes, decision)
        return self._result(decision)

    def _walk_all(self) -> Decision | None:
        """Run all branches as far as they go now; return the decision, if there is one by then."""
        self._walk(self._in_order())
        while ready := self._ready():
            self._walk(ready)
        return self._decide()

    # --- what is recorded ---

    def _recorded(self, settled: Checkpoint, record: GroupRecord) -> GroupResult:
        decision = self._walk_recorded(record)
        self._state.passed(self._call, settled)
        return self._result(decision, has_timed_out=record.has_timed_out)

    def _walk_recorded(self, record: GroupRecord) -> Decision:
        """Walk through the branches that count; the others too, where they may be undone."""
        state, is_undoing = self._state, self._state.is_undoing
        self._walk_again([n for n in self._branches if is_undoing or record.counts(n)])
        for name, outcome in self._outcomes.items():
            if not record.counts(name):
                outcome.status = BranchStatus.DROPPED
            elif is_undoing and not outcome.status.is_settled:
                raise ReplayEnded
        compare(state, self._call, record, self._outcomes)
        error = self._outcomes[record.by].error if record.by in self._outcomes else None
        decision = Decision(record.by, error)
        if record.has_failed and error is None:
            decision = self._options.policy.judge(self._call.key, self._outcomes) or decision
        return decision

    # --- walking ---

    def _in_order(self) -> list[str]:
        """Return the branches in the order to walk them: what has ended, what waits, the rest."""
        records = self._state.replay.records

        def place(name: str) -> tuple[bool, bool, bool, int]:
            number, branch = self._branches[name]
            key = f"{self._call.key}/{name}"
            last = records.last_of(key) if branch.is_call else None
            ended = last is not None and self._is_outcome(last)
            return not ended, not branch.is_wait, not records.has_begun(key), number

        with self._share.lock:
            return sorted(self._branches, key=place)

    def _is_outcome(self, checkpoint: Checkpoint) -> bool:
        return checkpoint.status is CheckpointStatus.COMPLETED or checkpoint.is_final

    def _walk_again(self, names: Sequence[str]) -> None:
        """Walk through branches that are recorded, in the order in which they are declared."""
        for name in names:
            place, branch = self._branches[name]
            with self._share.lock:  # it looks at all records, and other branches may be writing
                state = self._new_state(place, branch)
            self._outcomes[name] = run_branch(branch, state)
        self._raise_stop()

    def _walk(self, names: Sequence[str]) -> None:
        """Run the branches as far as they go now; those that only wait come first."""
        waits = [name for name in names if self._branches[name][1].is_wait]
        works = [name for name in names if name not in waits]
        self._share = BranchShare.within(self._state.share)
        for name in waits:
            self._run(name)
        if works and waits and self._share.stop is None:
            with self._share.lock:
                self._open_early()
        jobs = [lambda name=name: self._run(name) for name in works]
        self._state.needs.branches.run(jobs, self._options.max_concurrency)
        self._raise_stop()

    def _raise_stop(self) -> None:
        if self._share.stop is not None:
            raise self._share.stop

    def _run(self, name: str) -> None:
        """Run one branch, unless the group is decided or full. Never raises."""
        try:
            place, branch = self._branches[name]
            with self._share.lock:
                if self._share.is_decided or self._is_full(name):
                    return
                state = self._new_state(place, branch)
                self._outcomes[name] = Outcome(BranchStatus.WAITING)
            outcome = run_branch(branch, state)
            with self._share.lock:
                self._outcomes[name] = outcome
                if outcome.status is BranchStatus.WAITING and not branch.is_wait:
                    self._open_early()
                self._share.has_outcome = self._decide() is not None
        except BaseException as reason:  # noqa: BLE001 -- carried to the thread of the slice
            self._share.stop = self._share.stop or reason

    def _ready(self) -> list[str]:
        """Return the branches that there was no room for, and is now."""
        if self._decide() is not None:
            return []
        unbegun = [n for n, o in self._outcomes.items() if o.status is BranchStatus.UNBEGUN]
        with self._share.lock:
            return [name for name in unbegun if not self._is_full(name)]

    def _new_state(self, place: int, branch: Branch) -> SliceState:
        call, walk = self._call, self._state.replay
        if branch.is_call:
            # Its place in the group is that of its declaration, whenever it is walked.
            own = walk.branch(call.key, call.position, passed=place)
        else:
            own = walk.branch(f"{call.key}/{branch.name}", call.position)
        return self._state.branch(own, self._share)

    def _is_full(self, name: str) -> bool:
        most = self._options.max_concurrency
        if most is None or self._state.replay.records.has_begun(f"{self._call.key}/{name}"):
            return False
        under_way = [o for o in self._outcomes.values() if o.status is BranchStatus.WAITING]
        return len(under_way) >= most

    # --- deciding ---

    def _decide(self) -> Decision | None:
        return self._options.policy.judge(self._call.key, self._outcomes)

    def _is_late(self) -> bool:
        timer = self._state.claim.timers.get(self._call.key)
        return timer is not None and timer.fire_at <= self._state.claim.now

    def _result(
        self, decision: Decision | None, *, has_timed_out: bool | None = None
    ) -> GroupResult:
        return GroupResult(
            call=self._call,
            outcomes=self._outcomes,
            decision=decision or Decision(),
            has_timed_out=decision is None if has_timed_out is None else has_timed_out,
        )

    # --- waiting ---

    def _suspend(self) -> None:
        parts = [wait for outcome in self._outcomes.values() for wait in outcome.waits]
        if self._options.timeout is not None:
            parts.append(timeout_of(self._state, self._call, self._options.timeout))
        self._state.stop(WorkflowSuspended(combined(parts)))

    def _open_early(self) -> None:
        """Start what branches wait for before other branches are run, which may take long."""
        parts = [
            wait
            for outcome in self._outcomes.values()
            for wait in outcome.waits
            if wait.starting or wait.asking
        ]
        if not parts:
            return
        state = self._state
        state.heed(state.write(state.needs.store.open_waits, state.claim, combined(parts)))
        for outcome in self._outcomes.values():
            outcome.waits = [opened(state, wait) for wait in outcome.waits]


@contextmanager
def _inside(state: SliceState, group: str) -> Iterator[None]:
    """Have the body's own context refuse durable calls while branches run."""
    outer, state.group = state.group, group
    try:
        yield
    finally:
        state.group = outer


def _check(name: str, branches: Sequence[Branch], options: GroupOptions) -> None:
    counted = Counter(branch.name for branch in branches)
    for twice in [one for one, count in counted.items() if count > 1]:
        raise DefinitionError(f"Group {name!r} has two branches {twice!r}: give each its name.")
    most = options.max_concurrency
    if most is not None and (type(most) is not int or most < 1):
        raise DefinitionError(f"Group {name!r}: max_concurrency is a whole number from 1 on.")
