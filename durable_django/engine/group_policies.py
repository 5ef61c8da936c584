"""When a group of branches is decided, and how. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from durable_django.engine.branches import BranchStatus, Outcome
from durable_django.exceptions import DefinitionError, ParallelFailedError


@dataclass(frozen=True, slots=True)
class Decision:
    """The end of a group: who decided it, and the error if it failed."""

    #: The branch that ended first, where that matters; else empty.
    by: str = ""
    error: Exception | None = None


class GroupPolicy(Protocol):
    """Judges how far the branches have come; they are in the order of their declaration."""

    def judge(self, group: str, outcomes: Mapping[str, Outcome]) -> Decision | None:
        """Return the decision, or None if the group must go on."""


class FailFast:
    """All must complete; the first failure ends the group."""

    def judge(self, group: str, outcomes: Mapping[str, Outcome]) -> Decision | None:
        """See `GroupPolicy.judge`."""
        for name, outcome in outcomes.items():
            if outcome.status is BranchStatus.FAILED:
                return Decision(name, outcome.error)
        is_done = all(outcome.status is BranchStatus.DONE for outcome in outcomes.values())
        return Decision() if is_done else None


class CompleteAll:
    """All are brought to their ends, whatever these are."""

    def judge(self, group: str, outcomes: Mapping[str, Outcome]) -> Decision | None:
        """See `GroupPolicy.judge`."""
        return Decision() if all(o.status.is_settled for o in outcomes.values()) else None


class FirstSuccess:
    """The first that completes ends the group; it fails if all do."""

    def judge(self, group: str, outcomes: Mapping[str, Outcome]) -> Decision | None:
        """See `GroupPolicy.judge`."""
        for name, outcome in outcomes.items():
            if outcome.status is BranchStatus.DONE:
                return Decision(name)
        errors = {name: outcome.error for name, outcome in outcomes.items() if outcome.error}
        if len(errors) == len(outcomes):
            return Decision(error=ParallelFailedError(group, errors))
        return None


class FirstEnd:
    """The first that ends, well or not, ends the group."""

    def judge(self, group: str, outcomes: Mapping[str, Outcome]) -> Decision | None:
        """See `GroupPolicy.judge`."""
        for name, outcome in outcomes.items():
            if outcome.status.is_settled:
                return Decision(name, outcome.error)
        return None


_POLICIES: dict[str, GroupPolicy] = {
    "fail_fast": FailFast(),
    "complete_all": CompleteAll(),
    "first_success": FirstSuccess(),
}


def policy_of(name: str) -> GroupPolicy:
    """Return the policy that code names.

    Raises:
        DefinitionError: There is none of this name.
    """
    try:
        return _POLICIES[name]
    except KeyError:
        raise DefinitionError(
            f"{name!r} is no policy of a parallel block; there are {', '.join(_POLICIES)}."
        ) from None
