"""What was recorded, by call, and which of it counts. Walks are tested in `test_replay`."""

from __future__ import annotations

import pytest

from durable_django.domain.identifiers import new_id
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.engine.branches import BranchStatus
from durable_django.engine.dropping import was_dropped
from durable_django.engine.group_history import find_gone, is_stale, reopen_failures
from durable_django.engine.group_record import GroupRecord, write_record
from durable_django.engine.records import Records, position_in, scope_of
from durable_django.testing import make_checkpoint, make_error, make_outcome, make_timer

ID = new_id()
FAILED, INTENT = CheckpointStatus.FAILED, CheckpointStatus.INTENT
COMPENSATED = CheckpointStatus.COMPENSATED


def row(key, status=CheckpointStatus.COMPLETED, **fields):
    return make_outcome(ID, key, status=status, **fields)


def records(*rows, epoch=0, is_undoing=False):
    return Records(ID, epoch, rows, lambda _: None, is_undoing=is_undoing)


class TestScopes:
    @pytest.mark.parametrize(
        ("key", "scope"),
        [("a", ""), ("g/a", "g"), ("g/b#2/c", "g/b#2"), ("~undo/g/a", "~undo/g")],
    )
    def test_a_call_belongs_to_the_branch_its_key_begins_with(self, key, scope):
        assert scope_of(key) == scope

    def test_in_a_branch_its_own_position_is_the_one_that_counts(self):
        step = row("g/a", position=7, branch_position=2)

        assert (position_in("", step), position_in("g", step)) == (7, 2)

    def test_what_a_walk_comes_by_is_its_own_scope_s(self):
        found = records(
            row("first", position=1),
            row("g", position=2, kind=CheckpointKind.GROUP),
            row("g/a", position=2, branch_position=1),
            row("g/b/x", position=2, branch_position=1),
            row("g/b/y", position=2, branch_position=2),
            row("~undo/first", position=1, kind=CheckpointKind.UNDO),
        )

        def keys(scope):
            return {place: one.key for place, one in found.recorded_at(scope).items()}

        assert keys("") == {1: "first", 2: "g"}
        assert keys("g") == {1: "g/a"}
        assert keys("g/b") == {1: "g/b/x", 2: "g/b/y"}


class TestGroups:
    @pytest.fixture
    def found(self):
        return records(
            row("g/a", INTENT),
            row("g/b/x"),
            row("g/b/y", INTENT),
            row("g/c/in/z", INTENT),
            row("ga", INTENT),
            row("g2/a", INTENT),
        )

    def test_what_is_open_inside_is_found_however_deep(self, found):
        assert {one.key for one in found.open_inside("g")} == {"g/a", "g/b/y", "g/c/in/z"}

    def test_branches_that_have_begun_are_known_by_their_names(self, found):
        assert found.begun_in("g") == {"a", "b", "c"}
        assert found.begun_in("g/c") == {"in"}
        assert found.begun_in("none") == set()

    @pytest.mark.parametrize(
        ("key", "expected"),
        [("g/a", True), ("g/b", True), ("g/c/in", True), ("g/none", False), ("g/b/xx", False)],
    )
    def test_a_branch_has_begun_when_anything_of_it_is_recorded(self, found, key, expected):
        assert found.has_begun(key) is expected

    def test_what_is_noted_replaces_what_was_known(self, found):
        found.note(row("g/a"))

        assert {one.key for one in found.open_inside("g")} == {"g/b/y", "g/c/in/z"}


class TestWhatCounts:
    def test_a_failure_that_is_not_final_counts_in_its_epoch(self):
        failed = row("a", FAILED)

        assert records(failed).last_of("a") == failed
        assert records(failed, epoch=1).last_of("a") is None

    def test_what_was_undone_counts_in_the_run_that_undid_it(self):
        undone = row("a", COMPENSATED, compensation="shop.undo")
        left = row("b", compensation="shop.undo")

        assert records(undone, epoch=1).last_of("a") is None
        assert records(undone, left, epoch=1, is_undoing=True).last_of("a") == undone

    def test_set_aside_are_the_last_attempts_that_count_no_more(self):
        rows = [
            row("g/a/x", COMPENSATED),
            row("g/a/y", FAILED, attempt=1),
            row("g/a/y", attempt=2),
            row("g/b", FAILED),
            row("g/bb", FAILED),
        ]
        found = records(*rows, epoch=1)

        assert {one.key for one in found.set_aside_inside("g/a")} == {"g/a/x"}
        assert {one.key for one in found.set_aside_inside("g/b")} == {"g/b"}
        assert records(*rows).set_aside_inside("g/a") == []

    def test_failures_can_be_set_aside_up_to_an_epoch(self):
        found = records(
            row("a", FAILED, is_final=True), row("a", FAILED, is_final=True, attempt=2, epoch=2)
        )

        found.set_aside("a", 1)
        assert found.last_of("a").epoch == 2
        found.set_aside("a", 2)
        assert found.last_of("a") is None


class State:
    """As much of a slice's state as a group's history looks at."""

    def __init__(self, *rows, epoch=1, timers=()):
        class Replay:
            pass

        class Claim:
            pass

        self.replay, self.claim = Replay(), Claim()
        self.replay.records = records(*rows, epoch=epoch)
        self.claim.timers = {key: make_timer(ID, key) for key in timers}

    def group(self):
        return self.replay.records.call("g", "g", CheckpointKind.GROUP, 1)


DONE_AND_DROPPED = GroupRecord(
    statuses={"a": BranchStatus.DONE, "b": BranchStatus.DROPPED, "c": BranchStatus.FAILED}
)


class TestGroupHistory:
    @pytest.mark.parametrize(
        ("inside", "expected"),
        [
            pytest.param(row("g/a"), False, id="as it was"),
            pytest.param(row("g/a", COMPENSATED), True, id="undone"),
            pytest.param(row("g/a/x", COMPENSATED), True, id="undone within"),
            pytest.param(row("g/c", FAILED), True, id="failed and made again"),
            pytest.param(row("g/c", FAILED, is_final=True), False, id="failed for good"),
            pytest.param(row("g/b", COMPENSATED), False, id="undone where it does not count"),
            pytest.param(row("g/b/x", FAILED), False, id="dropped"),
            pytest.param(
                row("g/a/in/x", FAILED, error=make_error(type="BranchDropped").to_text()),
                False,
                id="dropped by a group within",
            ),
            pytest.param(row("gg/a", COMPENSATED), False, id="elsewhere"),
        ],
    )
    def test_an_outcome_stands_on_what_counts(self, inside, expected):
        state = State(inside)

        assert is_stale(state, state.group(), DONE_AND_DROPPED) is expected

    def test_all_that_failed_at_once_is_made_again_after_a_retry(self):
        record = GroupRecord(
            statuses={"a": BranchStatus.FAILED, "b": BranchStatus.FAILED},
            by="a",
            has_failed=True,
            failed_calls=("g/a", "g/b/x"),
        )
        group = write_record(record, row("g", kind=CheckpointKind.GROUP), make_error())
        reopened = make_checkpoint(
            ID, "g", kind=CheckpointKind.GROUP, status=FAILED, action=group.action
        )
        rows = [row("g/a", FAILED), row("g/b/x", FAILED, is_final=True), row("g/b/y")]
        state = State(reopened, *rows)

        reopen_failures(state, state.group())

        last = state.replay.records.last_of
        assert (last("g/a"), last("g/b/x"), last("g/b/y").status) == (None, None, "completed")

    def test_without_a_retry_failures_stay(self):
        failed = row("g/a", FAILED, is_final=True)
        state = State(failed)

        reopen_failures(state, state.group())

        assert state.replay.records.last_of("g/a") == failed

    def test_branches_that_are_gone_are_found_by_record_or_timer(self):
        state = State(row("g/a", INTENT), row("g/b/x"), timers=["g/c/nap", "g/d", "other/e"])

        assert find_gone(state, state.group(), {"a", "c"}) == ["b", "d"]
        assert find_gone(state, state.group(), "abcd") == []


@pytest.mark.parametrize(
    ("attempt", "expected"),
    [
        (row("a", FAILED, error=make_error(type="BranchDropped").to_text()), True),
        (row("a", FAILED, error=make_error().to_text()), False),
        (row("a", FAILED), False),
        (row("a", FAILED, is_final=True, error=make_error(type="BranchDropped").to_text()), False),
        (row("a"), False),
    ],
)
def test_a_dropped_attempt_is_told_from_others(attempt, expected):
    assert was_dropped(attempt) is expected
