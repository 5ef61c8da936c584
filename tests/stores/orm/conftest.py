from __future__ import annotations

import pytest

from durable_django.stores.orm.store import OrmCheckpointStore


@pytest.fixture
def store() -> OrmCheckpointStore:
    """A store on the database's own clock."""
    return OrmCheckpointStore()
