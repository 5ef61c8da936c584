"""The store's clock, without asking the store each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from durable_django.ports.checkpoint_store import CheckpointStore


class StoreTime:
    """Tells the store's time from the monotonic clock, and compares them now and then.

    For deciding when to look, never what is due: that the store says.
    """

    def __init__(
        self,
        store: CheckpointStore,
        compare_every: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._compare_every = compare_every
        self._monotonic = monotonic
        self._known: tuple[float, datetime] | None = None

    def now(self) -> datetime:
        """Return the store's clock, a few milliseconds off at most."""
        before = self._monotonic()
        if self._known is None or before - self._known[0] >= self._compare_every:
            instant = self._store.now()
            after = self._monotonic()
            self._known = ((before + after) / 2, instant)
        at, instant = self._known
        return instant + timedelta(seconds=self._monotonic() - at)

    def seconds_until(self, instant: datetime) -> float:
        """Return how far away an instant is; negative if it is past."""
        return (instant - self.now()).total_seconds()
