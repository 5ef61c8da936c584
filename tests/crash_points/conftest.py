from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from django.conf import settings

from tests.crash_points import deaths
from tests.crash_points.deaths import DieEverywhere

#: From each point that is tried to the next. Two leave nothing out: they are the points before
#: each act, and what is before one act is after the last.
STRIDES = {"sqlite": 2, "postgresql": 4, "mariadb": 10}


@pytest.fixture
def is_full() -> bool:
    """Whether every point is tried: with `DURABLE_CRASH_POINTS=full`."""
    return os.environ.get("DURABLE_CRASH_POINTS") == "full"


@pytest.fixture
def die_everywhere(tmp_path: Path, is_full: bool) -> DieEverywhere:  # noqa: FBT001 -- a fixture
    """Arrange a scene, act on it and die, at every point there is."""
    return partial(deaths.die_everywhere, directory=tmp_path, is_full=is_full)


@pytest.fixture
def stride(is_full: bool) -> int:  # noqa: FBT001 -- a fixture
    """The stride of this run."""
    return 1 if is_full else STRIDES[settings.DATABASE]
