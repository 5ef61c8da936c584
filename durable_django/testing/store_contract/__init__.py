"""What every CheckpointStore must do, as tests to inherit.

The author of a store writes:

    class TestMyStore(CheckpointStoreContract):
        @pytest.fixture
        def clock(self) -> ManualClock:
            return ManualClock()

        @pytest.fixture
        def store(self, clock: ManualClock) -> MyStore:
            return MyStore(clock=clock)  # empty, and telling this clock's time

Each test is one promise of the port. After each, nothing in the store may be stuck.
"""

from __future__ import annotations

from durable_django.testing.store_contract.contract import CheckpointStoreContract
from durable_django.testing.store_contract.liveness import assert_nothing_stuck

__all__ = ["CheckpointStoreContract", "assert_nothing_stuck"]
