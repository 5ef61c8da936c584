from __future__ import annotations

from enum import StrEnum

import pytest

from durable_django.domain import status as module
from durable_django.domain.status import (
    CLAIMABLE_STATUSES,
    HELD_STATUSES,
    TERMINAL_STATUSES,
    TRANSITIONS,
    ExecutionStatus,
    sources_of,
)

Status = ExecutionStatus
ENUMS = [
    value
    for value in vars(module).values()
    if isinstance(value, type) and issubclass(value, StrEnum) and value is not StrEnum
]


class TestTransitions:
    def test_the_table_knows_every_status(self) -> None:
        assert set(TRANSITIONS) == set(ExecutionStatus)

    def test_the_table_leads_nowhere_else(self) -> None:
        assert {target for targets in TRANSITIONS.values() for target in targets} <= set(Status)

    def test_every_status_can_be_reached_from_pending(self) -> None:
        reached, edge = {Status.PENDING}, {Status.PENDING}
        while edge:
            edge = {target for source in edge for target in TRANSITIONS[source]} - reached
            reached |= edge

        assert reached == set(Status)

    @pytest.mark.parametrize("source", sorted(set(Status) - TERMINAL_STATUSES))
    def test_every_status_but_the_ends_can_be_left_for_an_end(self, source: Status) -> None:
        reached, edge = {source}, {source}
        while edge:
            edge = {target for one in edge for target in TRANSITIONS[one]} - reached
            reached |= edge

        assert reached & TERMINAL_STATUSES

    def test_the_ends_are_left_only_by_a_retry_of_a_failure(self) -> None:
        left = {end: TRANSITIONS[end] for end in TERMINAL_STATUSES if TRANSITIONS[end]}

        assert left == {Status.FAILED: {Status.PENDING}}

    def test_only_a_running_execution_completes(self) -> None:
        assert sources_of(Status.COMPLETED) == {Status.RUNNING}

    def test_what_compensates_never_runs_forwards_again(self) -> None:
        assert TRANSITIONS[Status.COMPENSATING] <= {
            Status.COMPENSATING,
            Status.FAILED,
            Status.CANCELLED,
            Status.PARKED,
        }

    @pytest.mark.parametrize("target", Status)
    def test_sources_are_the_table_read_backwards(self, target: Status) -> None:
        assert sources_of(target) == {one for one in Status if target in TRANSITIONS[one]}


class TestStatusSets:
    @pytest.mark.parametrize("status", Status)
    def test_terminal_is_what_has_ended(self, status: Status) -> None:
        ended = {Status.COMPLETED, Status.FAILED, Status.CANCELLED}

        assert status.is_terminal is (status in ended)

    def test_what_is_held_is_claimable_once_its_lease_ends(self) -> None:
        assert HELD_STATUSES < CLAIMABLE_STATUSES

    def test_what_has_ended_or_needs_a_person_is_not_claimable(self) -> None:
        assert set(Status) - CLAIMABLE_STATUSES == {
            *TERMINAL_STATUSES,
            Status.PAUSED,
            Status.PARKED,
        }

    def test_every_claimable_status_may_become_held(self) -> None:
        for status in CLAIMABLE_STATUSES:
            assert TRANSITIONS[status] & HELD_STATUSES


class TestValues:
    @pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
    def test_a_value_is_its_name_in_lower_case(self, enum: type[StrEnum]) -> None:
        values = {member.name: member.value for member in enum if member.value}

        assert values == {name: name.lower() for name in values}

    @pytest.mark.parametrize("enum", ENUMS, ids=lambda enum: enum.__name__)
    def test_an_unknown_value_is_refused(self, enum: type[StrEnum]) -> None:
        with pytest.raises(ValueError, match="sideways"):
            enum("sideways")
