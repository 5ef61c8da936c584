"""The door for tests: time to turn by hand, a store without a database, values with defaults.

Authors of a store inherit `durable_django.testing.store_contract.CheckpointStoreContract`, which
needs pytest; nothing here does.
"""

from __future__ import annotations

from durable_django.stores.memory import InMemoryCheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.driver import DurableDriver, build_test_engine
from durable_django.testing.factories import (
    make_asking,
    make_checkpoint,
    make_claim,
    make_error,
    make_execution,
    make_new_execution,
    make_outcome,
    make_schedule,
    make_signal,
    make_task,
    make_tick,
    make_timer,
)

__all__ = [
    "DurableDriver",
    "InMemoryCheckpointStore",
    "ManualClock",
    "build_test_engine",
    "make_asking",
    "make_checkpoint",
    "make_claim",
    "make_error",
    "make_execution",
    "make_new_execution",
    "make_outcome",
    "make_schedule",
    "make_signal",
    "make_task",
    "make_tick",
    "make_timer",
]
