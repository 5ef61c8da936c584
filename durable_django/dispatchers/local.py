"""Wake the worker in this very process; what it does not serve, somebody else is told of."""

from __future__ import annotations

from collections.abc import Callable, Collection

from durable_django.ports.dispatcher import Dispatcher


class LocalDispatcher:
    """For a worker's own engine: what a slice starts or wakes is looked for at once."""

    def __init__(
        self,
        queues: Collection[str],
        notify: Callable[[], object],
        *,
        after_commit: Callable[[Callable[[], object]], object],
        others: Dispatcher,
    ) -> None:
        self._queues = frozenset(queues)
        self._notify = notify
        self._after_commit = after_commit
        self._others = others

    def wake(self, queue: str = "default", slots: int = 1) -> None:
        """Have `queue` looked into once the current transaction commits."""
        if queue in self._queues:
            self._after_commit(self._notify)
        else:
            self._others.wake(queue, slots)
