"""Tell the observers, and let none of them change what happens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from durable_django.ports.observer import Observer

logger = logging.getLogger(__name__)


class Notifier:
    """Calls one hook on every observer; one that raises is logged and passed over."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def tell(self, hook: Callable[[Observer], object]) -> None:
        """Call `hook` with each observer."""
        for observer in self._observers:
            try:
                hook(observer)
            except Exception:  # an observer is somebody else's code and only listens
                logger.exception("Observer failed", extra={"observer": type(observer).__name__})
