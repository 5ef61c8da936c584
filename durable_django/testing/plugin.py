"""The pytest plugin: the fixture `durable`. Found by pytest through the package's entry point."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest

from durable_django.testing.driver import DurableDriver


@pytest.fixture
def durable(db: None) -> Iterator[DurableDriver]:  # noqa: ARG001 -- asked for, so that it is there
    """A `DurableDriver` on the test's database: start, advance, signal, crash_everywhere."""
    # By path: pytest loads this plugin before Django has its settings.
    harness = import_module("durable_django.testing.django_harness")
    with harness.durable_harness() as driver:
        yield driver
