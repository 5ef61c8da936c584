from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from tests.crash_points import deaths
from tests.crash_points.deaths import DieEverywhere

#: From each point that is tried to the next. Two leave nothing out: they are the points before
#: each act, and what is before one act is after the last. The others are slower, and differ in
#: what they hold together, not in where a process can die.
STRIDES = {"sqlite": 2, "postgresql": 12, "mariadb": 24}
#: One act has few points, and the last is looked for one by one.
LONGEST_OF_ONE_ACT = 6


@pytest.fixture
def is_full() -> bool:
    """Whether every point is tried: with `DURABLE_CRASH_POINTS=full`."""
    return os.environ.get("DURABLE_CRASH_POINTS") == "full"


@pytest.fixture
def die_everywhere(tmp_path: Path, stride: int) -> DieEverywhere:
    """Arrange a scene, act on it and die, at every point there is, or every so manieth of them."""
    return partial(
        deaths.die_everywhere, directory=tmp_path, stride=min(stride, LONGEST_OF_ONE_ACT)
    )


@pytest.fixture
def stride(is_full: bool) -> int:  # noqa: FBT001 -- a fixture
    """The stride of this run."""
    return 1 if is_full else STRIDES[settings.DATABASE]
