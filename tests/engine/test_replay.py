from __future__ import annotations

from uuid import UUID

import pytest

from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.engine.records import StepMismatch, epoch_undone
from durable_django.engine.replay import Replay
from durable_django.exceptions import NonDeterminismError
from durable_django.testing import make_checkpoint, make_outcome

ID = UUID(int=7)
STEP, SLEEP, UNDO = CheckpointKind.STEP, CheckpointKind.SLEEP, CheckpointKind.UNDO
FAILED, COMPENSATED = CheckpointStatus.FAILED, CheckpointStatus.COMPENSATED


def done(key, position, **fields):
    return make_outcome(ID, key, position=position, **fields)


def failed(key, position, **fields):
    return done(key, position, status=FAILED, **({"is_final": True} | fields))


def reopened(key, position):
    """What a retry makes of the failure that ended the execution."""
    return failed(key, position, is_final=False)


@pytest.fixture
def mismatches():
    return []


@pytest.fixture
def replay(mismatches):
    def make(*checkpoints, epoch=0, **options):
        return Replay(ID, epoch, checkpoints, mismatches.append, **options)

    return make


def differences(mismatches):
    return [(m.position, m.recorded, m.current) for m in mismatches]


class TestEnter:
    def test_a_failure_that_a_retry_did_not_reopen_stands(self, replay):
        assert replay(failed("a", 1), done("b", 2), epoch=1).enter(STEP, "a").settled

    def test_what_was_begun_before_a_retry_is_still_open(self, replay):
        assert replay(make_checkpoint(ID, "a"), epoch=1).enter(STEP, "a").open_intent

    def test_a_call_is_found_by_name_and_occurrence(self, replay):
        walk = replay(done("a", 1, output="1"), done("a#2", 2, output="2"))

        calls = [walk.enter(STEP, "a") for _ in range(3)]

        assert [call.key for call in calls] == ["a", "a#2", "a#3"]
        assert [call.settled and call.settled.output for call in calls] == ["1", "2", None]

    def test_an_intent_is_open_and_not_settled(self, replay):
        call = replay(make_checkpoint(ID, "a")).enter(STEP, "a")

        assert call.settled is None
        assert call.open_intent is not None

    def test_a_failure_that_is_not_final_is_not_settled(self, replay):
        call = replay(failed("a", 1, is_final=False)).enter(STEP, "a")

        assert call.settled is None
        assert (call.open_intent, call.next_attempt) == (None, 2)

    def test_a_retry_sets_failures_aside_and_goes_on_counting_attempts(self, replay):
        call = replay(failed("a", 1, attempt=3, is_final=False), epoch=1).enter(STEP, "a")

        assert (call.settled, call.attempts, call.next_attempt) == (None, [], 4)

    def test_a_retry_keeps_what_was_completed(self, replay):
        assert replay(done("a", 1), epoch=1).enter(STEP, "a").settled

    def test_a_retry_does_again_what_was_undone(self, replay):
        call = replay(done("a", 1, status=COMPENSATED), epoch=1).enter(STEP, "a")

        assert (call.settled, call.times_undone) == (None, 1)

    def test_what_is_undone_in_this_epoch_is_settled(self, replay):
        call = replay(done("a", 1, status=COMPENSATED)).enter(STEP, "a")

        assert (call.settled.status, call.times_undone) == (COMPENSATED, 0)

    def test_attempts_are_in_order_wherever_they_were_recorded(self, replay):
        """A step that the code moved up has its later attempt at an earlier position."""
        later = failed("a", 1, attempt=2, is_final=False)
        walk = replay(later, failed("a", 3, attempt=1, is_final=False))

        assert walk.enter(STEP, "a").next_attempt == 3


class TestMismatch:
    def test_none_where_all_fits(self, replay, mismatches):
        walk = replay(done("a", 1), done("b", 2, kind=SLEEP))
        walk.enter(STEP, "a")
        walk.enter(SLEEP, "b")
        walk.enter(STEP, "c")
        walk.finish()

        assert mismatches == []

    def test_another_name(self, replay, mismatches):
        replay(done("a", 1)).enter(STEP, "b")

        assert differences(mismatches) == [(1, "step 'a'", "step 'b'")]

    def test_another_kind(self, replay, mismatches):
        replay(done("a", 1)).enter(SLEEP, "a")

        assert differences(mismatches) == [(1, "step 'a'", "sleep 'a'")]

    def test_a_recorded_call_that_comes_late(self, replay, mismatches):
        walk = replay(done("b", 1))
        walk.enter(STEP, "a")
        walk.enter(STEP, "b")

        assert differences(mismatches) == [
            (1, "step 'b'", "step 'a'"),
            (1, "step 'b'", "step 'b' elsewhere"),
        ]

    def test_a_body_that_ends_early(self, replay, mismatches):
        walk = replay(done("a", 1), done("b", 2))
        walk.enter(STEP, "a")
        walk.finish()

        assert differences(mismatches) == [(2, "step 'b'", "nothing (the body has ended)")]

    def test_a_body_that_raises_early(self, replay, mismatches):
        replay(done("a", 1)).finish(ValueError("odd"))

        assert differences(mismatches) == [
            (1, "step 'a'", "nothing (the body has raised ValueError)")
        ]

    def test_undos_are_not_calls_of_the_body(self, replay, mismatches):
        replay(done("~undo/a", 1, kind=UNDO)).finish()

        assert mismatches == []

    def test_it_says_what_to_do(self):
        mismatch = StepMismatch(execution_id=ID, position=2, recorded="step 'a'", current="nothing")

        error = mismatch.to_error()

        assert isinstance(error, NonDeterminismError)
        assert (error.execution_id, error.position) == (ID, 2)
        assert "recorded step 'a' at position 2" in str(error)
        assert "new version" in str(error)

    def test_what_came_after_a_failure_that_is_retried_need_not_come_again(
        self, replay, mismatches
    ):
        walk = replay(done("a", 1), reopened("b", 2), done("notify", 3), epoch=1)
        for name in ("a", "b", "ship"):
            walk.enter(STEP, name)
        walk.finish()

        assert mismatches == []

    def test_what_came_before_it_must(self, replay, mismatches):
        replay(done("a", 1), reopened("b", 2), epoch=1).enter(STEP, "x")

        assert differences(mismatches) == [(1, "step 'a'", "step 'x'")]

    def test_what_the_retry_itself_recorded_must(self, replay, mismatches):
        rows = (reopened("a", 1), done("notify", 2), done("a", 1, attempt=2, epoch=1))
        walk = replay(*rows, done("ship", 2, epoch=1), epoch=1)
        walk.enter(STEP, "a")
        walk.enter(STEP, "bill")

        assert differences(mismatches) == [(2, "step 'ship'", "step 'bill'")]

    def test_what_it_comes_by_again_is_reused_wherever_it_stands(self, replay, mismatches):
        walk = replay(reopened("a", 1), done("notify", 2, output="1"), epoch=1)
        for name in ("a", "ship"):
            walk.enter(STEP, name)

        assert walk.enter(STEP, "notify").settled.output == "1"
        assert mismatches == []


class TestIsReplaying:
    def walk(self, walk, calls):
        seen = [walk.is_replaying]
        for number in range(calls):
            walk.enter(STEP, f"s{number + 1}")
            seen.append(walk.is_replaying)
        return seen

    def test_until_the_last_recorded_call(self, replay):
        assert self.walk(replay(done("s1", 1), done("s2", 2)), 3) == [True, True, False, False]

    def test_until_the_call_that_was_waited_at(self, replay):
        walk = replay(done("s1", 1), has_waited=True)

        assert self.walk(walk, 3) == [True, True, False, False]

    def test_an_attempt_that_waits_is_recorded_itself(self, replay):
        walk = replay(done("s1", 1), failed("s2", 2, is_final=False), has_waited=True)

        assert self.walk(walk, 3) == [True, True, False, False]

    def test_never_on_the_first_run(self, replay):
        assert self.walk(replay(), 2) == [False, False, False]


class TestRewind:
    def test_it_begins_again_with_what_was_noted_since(self, replay):
        walk = replay()
        walk.enter(STEP, "a")
        walk.note(done("a", 1, output="1"))

        walk.rewind()

        assert walk.is_replaying
        assert walk.enter(STEP, "a").settled.output == "1"

    def test_what_is_noted_takes_the_place_of_its_intent(self, replay):
        walk = replay()
        call = walk.enter(STEP, "a")
        walk.note(make_checkpoint(ID, "a"))
        walk.note(done("a", 1))

        assert [row.status for row in call.attempts] == ["completed"]


class TestUndoing:
    """A retry of an undoing begins an epoch and no new run."""

    def rows(self):
        return (
            failed("hopeless", 1),
            done("a", 2, compensation="x.undo", status=COMPENSATED),
            done("b", 3, compensation="x.undo"),
            failed("fail", 4),
            done("~undo/a", 2, kind=UNDO),
            failed("~undo/b", 3, kind=UNDO),
        )

    def test_what_happened_in_the_run_still_counts(self, replay):
        walk = replay(*self.rows(), epoch=1, is_undoing=True)

        settled = [walk.enter(STEP, name).settled for name in ("hopeless", "a", "b", "fail")]

        assert [str(row.status) for row in settled] == [
            "failed",
            "compensated",
            "completed",
            "failed",
        ]

    def test_an_undo_that_failed_is_tried_afresh(self, replay):
        walk = replay(*self.rows(), epoch=1, is_undoing=True)

        call = walk.enter_undo(self.rows()[2])

        assert (call.settled, call.next_attempt) == (None, 2)

    def test_what_an_earlier_run_undid_does_not_count(self, replay):
        rows = (
            done("a", 1, compensation="x.undo", attempt=2, epoch=1),
            done("b", 2, compensation="x.undo", status=COMPENSATED, epoch=0),
        )
        walk = replay(*rows, epoch=2, is_undoing=True)
        walk.enter(STEP, "a")

        assert walk.enter(STEP, "b").settled is None

    def test_with_nothing_left_only_the_epoch_counts(self):
        assert epoch_undone([done("a", 1)], 3) == 3
