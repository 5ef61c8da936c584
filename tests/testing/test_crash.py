from __future__ import annotations

import inspect

from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.crash import OTHERS, WORKER_WRITES


def test_a_crashing_store_has_every_method_of_the_port():
    methods = {name for name, _ in inspect.getmembers(CheckpointStore, inspect.isfunction)}
    known = [*WORKER_WRITES, *OTHERS]

    assert sorted(known) == sorted(name for name in methods if not name.startswith("_"))


def test_whatever_a_slice_writes_with_is_a_write():
    methods = inspect.getmembers(CheckpointStore, inspect.isfunction)
    taking_a_claim = {n for n, m in methods if "claim" in inspect.signature(m).parameters}

    assert taking_a_claim - {"record_progress"} <= set(WORKER_WRITES)
