from __future__ import annotations

import pytest

from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing import InMemoryCheckpointStore, ManualClock
from durable_django.testing.store_contract import CheckpointStoreContract

_: type[CheckpointStore] = InMemoryCheckpointStore


class TestInMemoryCheckpointStore(CheckpointStoreContract):
    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def store(self, clock: ManualClock) -> CheckpointStore:
        return InMemoryCheckpointStore(clock=clock)
