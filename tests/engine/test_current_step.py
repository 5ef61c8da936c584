from __future__ import annotations

from uuid import UUID

import pytest

from durable_django.engine.current_step import (
    StepInfo,
    current_step,
    find_current_step,
    running,
)
from durable_django.exceptions import DurableCallError

STEP = StepInfo(execution_id=UUID(int=7), key="charge", attempt=1, idempotency_key="k")


def test_there_is_none_outside_of_an_action():
    assert find_current_step() is None
    with pytest.raises(DurableCallError, match="none is running"):
        current_step()


def test_the_innermost_counts():
    inner = StepInfo(execution_id=UUID(int=8), key="inner", attempt=1, idempotency_key="k")

    with running(STEP):
        with running(inner):
            assert current_step() is inner
        assert current_step() is STEP


def test_it_ends_with_an_error_too():
    with pytest.raises(ValueError, match="odd"), running(STEP):
        raise ValueError("odd")

    assert find_current_step() is None
