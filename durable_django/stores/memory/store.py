"""The whole port, put together from its chapters."""

from __future__ import annotations

from durable_django.stores.memory.children import Children
from durable_django.stores.memory.claiming import Claiming
from durable_django.stores.memory.ending import Ending
from durable_django.stores.memory.reading import Reading
from durable_django.stores.memory.starting import Starting
from durable_django.stores.memory.steering import Steering
from durable_django.stores.memory.stepping import Stepping
from durable_django.stores.memory.waiting import Waiting


class InMemoryCheckpointStore(
    Children, Waiting, Starting, Steering, Reading, Claiming, Stepping, Ending
):
    """Every transition under one lock, so that each is atomic among threads.

    There is no caller's transaction to join: what a method writes stays. Values are copied or
    frozen, so nothing that was read changes afterwards.
    """
