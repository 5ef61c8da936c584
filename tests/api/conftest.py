from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.cache import cache

from durable_django.control.permissions import Permission
from tests.api.stories import ALL, ApiClient, registered_stories

# Thousands of requests: once is enough.
collect_ignore = [] if settings.DATABASE == "sqlite" else ["test_schemathesis.py"]


@pytest.fixture(autouse=True)
def no_throttles_spent() -> None:
    cache.clear()


@pytest.fixture
def stories() -> Iterator[None]:
    with registered_stories():
        yield


@pytest.fixture
def alice(db: None, stories: None) -> ApiClient:
    """Somebody who may do everything."""
    return ApiClient(*ALL, name="alice")


@pytest.fixture
def viewer(db: None, stories: None) -> ApiClient:
    """Somebody who may look, but not at payloads."""
    return ApiClient(Permission.VIEW, name="viewer")
