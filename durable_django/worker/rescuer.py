"""Rescuer: advance a queue beside the cluster, when the cluster does not come."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Rescuer:
    """Pumps a queue in a thread of its own, so that the ticker ticks on; one at a time."""

    def __init__(
        self, pump: Callable[[str], object], on_thread_exit: Callable[[], object] = lambda: None
    ) -> None:
        self._pump = pump
        self._on_thread_exit = on_thread_exit
        self._thread: threading.Thread | None = None

    def __call__(self, queue: str) -> None:
        """Begin to pump the queue, unless one is pumped already."""
        if self._thread is not None and self._thread.is_alive():
            return
        self._thread = threading.Thread(
            target=self._run, args=(queue,), name="durable-rescuer", daemon=True
        )
        self._thread.start()

    def _run(self, queue: str) -> None:
        try:
            self._pump(queue)
        except Exception:  # the ticker calls again as long as it is needed
            logger.exception("Rescue failed", extra={"queue": queue})
        finally:
            self._on_thread_exit()
