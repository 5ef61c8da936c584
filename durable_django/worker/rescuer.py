"""Rescuer: advance queues beside the cluster, when the cluster does not come."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Rescuer:
    """Pumps each queue in a thread of its own: neither ticker nor other queues wait for it."""

    def __init__(
        self, pump: Callable[[str], object], on_thread_exit: Callable[[], object] = lambda: None
    ) -> None:
        self._pump = pump
        self._on_thread_exit = on_thread_exit
        self._threads: dict[str, threading.Thread] = {}

    def __call__(self, queue: str) -> None:
        """Begin to pump the queue, unless it is pumped already."""
        former = self._threads.get(queue)
        if former is not None and former.is_alive():
            return
        thread = threading.Thread(
            target=self._run, args=(queue,), name="durable-rescuer", daemon=True
        )
        self._threads[queue] = thread
        thread.start()

    def _run(self, queue: str) -> None:
        try:
            self._pump(queue)
        except Exception:  # the ticker calls again as long as it is needed
            logger.exception("Rescue failed", extra={"queue": queue})
        finally:
            self._on_thread_exit()
