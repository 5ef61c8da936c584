from __future__ import annotations

import pytest

from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.stores.memory.schedules import InMemoryScheduleStore
from durable_django.stores.orm.schedules import OrmScheduleStore
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import InMemoryCheckpointStore, ManualClock
from durable_django.testing.store_contract.scheduling import ScheduleStoreContract

_: tuple[type[ScheduleStore], ...] = (InMemoryScheduleStore, OrmScheduleStore)


class TestInMemoryScheduleStore(ScheduleStoreContract):
    @pytest.fixture
    def store(self) -> CheckpointStore:
        return InMemoryCheckpointStore(clock=ManualClock())

    @pytest.fixture
    def schedules(self, store: CheckpointStore) -> ScheduleStore:
        return InMemoryScheduleStore(store)


@pytest.mark.django_db
class TestOrmScheduleStore(ScheduleStoreContract):
    @pytest.fixture
    def store(self, db: None) -> CheckpointStore:
        return OrmCheckpointStore(clock=ManualClock())

    @pytest.fixture
    def schedules(self, store: CheckpointStore) -> ScheduleStore:
        return OrmScheduleStore()
