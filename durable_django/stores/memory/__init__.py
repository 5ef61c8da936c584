"""A CheckpointStore of dictionaries, for tests and for trying things out.

As strict as a database: the same predicates, the same errors, the same order. What it cannot do
is roll back what an atomic action did to the outside world, or survive its process.
"""

from __future__ import annotations

from durable_django.stores.memory.store import InMemoryCheckpointStore

__all__ = ["InMemoryCheckpointStore"]
