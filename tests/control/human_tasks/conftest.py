from __future__ import annotations

import pytest

from durable_django.testing.driver import DurableDriver


@pytest.fixture(autouse=True)
def store(durable: DurableDriver) -> DurableDriver:
    """Put the engine in place whose clock is turned by hand."""
    return durable
