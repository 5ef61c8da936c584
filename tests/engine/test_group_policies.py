from __future__ import annotations

import pytest

from durable_django.engine.branches import BranchStatus, Outcome
from durable_django.engine.group_policies import FirstEnd, policy_of
from durable_django.exceptions import DefinitionError, ParallelFailedError

BROKEN = ValueError("broken")
DONE = Outcome(BranchStatus.DONE, value=1)
FAILED = Outcome(BranchStatus.FAILED, error=BROKEN)
WAITING = Outcome(BranchStatus.WAITING)
UNBEGUN = Outcome()
DROPPED = Outcome(BranchStatus.DROPPED)


def judge(policy, *outcomes):
    named = dict(zip("abcdef", outcomes, strict=False))
    decision = policy.judge("g", named)
    return decision and (decision.by, decision.error)


class TestFailFast:
    policy = policy_of("fail_fast")

    @pytest.mark.parametrize(
        ("outcomes", "expected"),
        [
            ((), ("", None)),
            ((DONE, DONE), ("", None)),
            ((DONE, WAITING), None),
            ((DONE, UNBEGUN), None),
            ((DONE, DROPPED), None),
            ((WAITING, FAILED), ("b", BROKEN)),
            ((UNBEGUN, FAILED, FAILED), ("b", BROKEN)),
        ],
    )
    def test_all_must_complete_and_the_first_failure_ends_it(self, outcomes, expected):
        assert judge(self.policy, *outcomes) == expected


class TestCompleteAll:
    policy = policy_of("complete_all")

    @pytest.mark.parametrize(
        ("outcomes", "expected"),
        [
            ((), ("", None)),
            ((DONE, FAILED), ("", None)),
            ((FAILED, WAITING), None),
            ((DONE, UNBEGUN), None),
        ],
    )
    def test_all_are_brought_to_their_ends(self, outcomes, expected):
        assert judge(self.policy, *outcomes) == expected


class TestFirstSuccess:
    policy = policy_of("first_success")

    @pytest.mark.parametrize(
        ("outcomes", "expected"),
        [
            ((FAILED, DONE, WAITING), ("b", None)),
            ((FAILED, WAITING), None),
            ((FAILED, UNBEGUN), None),
        ],
    )
    def test_the_first_that_completes_ends_it(self, outcomes, expected):
        assert judge(self.policy, *outcomes) == expected

    def test_without_one_all_errors_are_told(self):
        decision = self.policy.judge("g", {"a": FAILED, "b": FAILED})

        assert isinstance(decision.error, ParallelFailedError)
        assert decision.error.errors == {"a": BROKEN, "b": BROKEN}

    def test_of_nothing_nothing_succeeds(self):
        assert isinstance(self.policy.judge("g", {}).error, ParallelFailedError)


class TestFirstEnd:
    @pytest.mark.parametrize(
        ("outcomes", "expected"),
        [
            ((WAITING, DONE), ("b", None)),
            ((WAITING, FAILED, DONE), ("b", BROKEN)),
            ((WAITING, UNBEGUN), None),
        ],
    )
    def test_the_first_that_ends_ends_it(self, outcomes, expected):
        assert judge(FirstEnd(), *outcomes) == expected


def test_an_unknown_policy_is_refused_by_name():
    with pytest.raises(DefinitionError, match=r"'best' is no policy.*complete_all"):
        policy_of("best")
