from __future__ import annotations

from dataclasses import is_dataclass

import pytest

from durable_django import testing
from durable_django.domain.identifiers import new_id
from durable_django.domain.status import CheckpointStatus, ExecutionStatus


class TestFactories:
    @pytest.mark.parametrize(
        "name", ["make_new_execution", "make_execution", "make_claim", "make_error"]
    )
    def test_each_needs_no_argument(self, name: str) -> None:
        assert is_dataclass(getattr(testing, name)())

    @pytest.mark.parametrize(
        "name", ["make_checkpoint", "make_outcome", "make_signal", "make_timer", "make_task"]
    )
    def test_what_belongs_to_an_execution_says_to_which(self, name: str) -> None:
        execution_id = new_id()

        assert getattr(testing, name)(execution_id).execution_id == execution_id

    def test_fields_are_given_as_keywords(self) -> None:
        execution = testing.make_execution(fence=7, status=ExecutionStatus.COMPENSATING)

        claim = testing.make_claim(execution, signals=[testing.make_signal(execution.id)])

        assert (claim.fence, claim.status) == (7, ExecutionStatus.COMPENSATING)
        assert len(claim.signals) == 1

    def test_an_unknown_field_is_refused(self) -> None:
        with pytest.raises(TypeError, match="colour"):
            testing.make_execution(colour="red")

    def test_an_outcome_is_completed_unless_it_says_otherwise(self) -> None:
        outcome = testing.make_outcome(new_id())
        failure = testing.make_outcome(new_id(), status=CheckpointStatus.FAILED)

        assert outcome.status is CheckpointStatus.COMPLETED
        assert failure.status is CheckpointStatus.FAILED

    def test_every_new_execution_has_an_id_of_its_own(self) -> None:
        assert testing.make_new_execution().id != testing.make_new_execution().id
