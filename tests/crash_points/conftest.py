from __future__ import annotations

import os

import pytest
from django.conf import settings

#: From each point that is tried to the next. Two leave nothing out: they are the points before
#: each act, and what is before one act is after the last.
STRIDES = {"sqlite": 2, "postgresql": 4, "mariadb": 10}


@pytest.fixture
def stride() -> int:
    """The stride of this run; with `DURABLE_CRASH_POINTS=full` every point is tried."""
    if os.environ.get("DURABLE_CRASH_POINTS") == "full":
        return 1
    return STRIDES[settings.DATABASE]
