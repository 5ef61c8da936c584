"""Advance the work at once, in the thread that made it: for tests and for trying things out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Self

from durable_django.dispatchers.needs import DispatcherNeeds


def _at_once(act: Callable[[], object]) -> object:
    return act()


class InlineDispatcher:
    """Runs due work after the commit, in the thread that committed.

    What a slice wakes while it runs is advanced after it, not inside it. While one thread runs,
    what others wake is left to it.
    """

    def __init__(
        self,
        run: Callable[[str], object],
        after_commit: Callable[[Callable[[], object]], object] = _at_once,
    ) -> None:
        self._run = run
        self._after_commit = after_commit
        self._lock = threading.Lock()
        #: Queues to look into, in the order they were woken.
        self._woken: dict[str, None] = {}
        self._is_running = False

    @classmethod
    def build(cls, needs: DispatcherNeeds) -> Self:
        """Return one that drains the engine."""
        return cls(needs.drain, needs.after_commit)

    def wake(self, queue: str = "default", slots: int = 1) -> None:
        """Run what is due in `queue` once the current transaction commits."""
        self._after_commit(lambda: self._look(queue))

    def _look(self, queue: str) -> None:
        with self._lock:
            self._woken[queue] = None
            if self._is_running:
                return
            self._is_running = True
        try:
            while (name := self._take()) is not None:
                self._run(name)
        except BaseException:
            with self._lock:
                self._woken.clear()
                self._is_running = False
            raise

    def _take(self) -> str | None:
        """Return the next queue; None, and not running any more, if there is none."""
        with self._lock:
            if not self._woken:
                self._is_running = False
                return None
            name = next(iter(self._woken))
            del self._woken[name]
            return name
