"""Where a scenario takes place: on the store in memory, or in the database."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group

from durable_django import runtime
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.stores.memory import InMemoryCheckpointStore
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import ManualClock, django_harness

MEMORY = pytest.param("memory", id="memory")
ORM = pytest.param("orm", id="orm", marks=pytest.mark.django_db)
#: For scenarios whose claim is about threads, which a test's own transaction would hide.
memory_only = pytest.mark.parametrize("world", [MEMORY], indirect=True)
#: For scenarios whose claim is about transactions.
orm_only = pytest.mark.parametrize("world", [ORM], indirect=True)


class World(Protocol):
    """Where a scenario takes place: a store, and what the actions of its steps leave behind."""

    def new_store(self, clock: ManualClock) -> CheckpointStore: ...
    def isolate(self) -> AbstractContextManager[object]: ...
    def needs(self) -> dict[str, Any]: ...
    def write(self, entry: str) -> None: ...
    def entries(self) -> list[str]: ...


class MemoryWorld:
    def __init__(self) -> None:
        self._entries: list[str] = []

    def new_store(self, clock: ManualClock) -> CheckpointStore:
        self._entries.clear()
        return InMemoryCheckpointStore(clock=clock)

    def isolate(self) -> AbstractContextManager[object]:
        return nullcontext()

    def needs(self) -> dict[str, Any]:
        return {}

    def write(self, entry: str) -> None:
        self._entries.append(entry)

    def entries(self) -> list[str]:
        return list(self._entries)


class OrmWorld:
    def new_store(self, clock: ManualClock) -> CheckpointStore:
        return OrmCheckpointStore(clock=clock)

    def isolate(self) -> AbstractContextManager[object]:
        return django_harness._rolled_back()

    def needs(self) -> dict[str, Any]:
        return {
            "payloads": runtime.build_payloads(runtime.settings()),
            "transaction_depth": runtime.transaction_depth,
        }

    def write(self, entry: str) -> None:
        # Group.name is unique, and an entry need not be.
        Group.objects.create(name=f"{uuid4()} {entry}")

    def entries(self) -> list[str]:
        names = Group.objects.order_by("id").values_list("name", flat=True)
        return [name.split(" ", 1)[1] for name in names]
