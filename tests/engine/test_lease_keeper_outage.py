from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from durable_django.domain.claim import Claim
from durable_django.engine.lease_keeper import LeaseKeeper
from durable_django.stores.memory import InMemoryCheckpointStore
from durable_django.testing.factories import make_claim

WAIT_S = 10


class CutStore(InMemoryCheckpointStore):
    """Fails until its connection was dropped, as a database does that was restarted."""

    def __init__(self) -> None:
        super().__init__()
        self.was_dropped = False
        self.renewed = threading.Event()

    def renew(self, claims: Iterable[Claim], lease: timedelta) -> set[UUID]:
        if not self.was_dropped:
            raise ConnectionError
        self.renewed.set()
        return {claim.execution_id for claim in claims}

    def drop(self) -> None:
        self.was_dropped = True


def test_after_a_failure_it_renews_again_on_a_new_connection() -> None:
    store = CutStore()
    keeper = LeaseKeeper(store, timedelta(seconds=0.3), on_thread_exit=store.drop)
    claim = make_claim()
    keeper.hold([claim])
    assert store.renewed.wait(WAIT_S)
    keeper.close()
