from __future__ import annotations

import pytest

from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import ManualClock
from durable_django.testing.store_contract import CheckpointStoreContract


@pytest.mark.django_db
class TestOrmCheckpointStore(CheckpointStoreContract):
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def store(self, clock: ManualClock, db: None) -> CheckpointStore:
        return OrmCheckpointStore(alias="default", clock=clock)
