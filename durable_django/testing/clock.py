"""A clock that stands until it is told to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from threading import Lock

_START = datetime(2026, 1, 1, tzinfo=UTC)


class ManualClock:
    """Implements the Clock port; whoever sleeps on it moves it, so a month passes at once.

    Thread-safe. Instants are aware UTC; any other is refused with ValueError.
    """

    #: See `ports.clock.Clock`: nobody loses anything by long looks.
    patience = timedelta(hours=1)

    def __init__(self, start: datetime = _START) -> None:
        self._now = _utc(start)
        self._lock = Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def sleep(self, duration: timedelta) -> None:
        """Advance by `duration`; not at all if it is not positive."""
        self.advance(max(duration, timedelta(0)))

    def advance(self, by: timedelta = timedelta(0), **units: float) -> datetime:
        """Move on by `by` plus `units` (as in `advance(hours=2)`); return the new instant.

        Raises:
            ValueError: That would go back; `set` can.
        """
        step = by + timedelta(**units)
        if step < timedelta(0):
            raise ValueError(f"A clock advances by 0 or more, not by {step}; set() moves it back.")
        with self._lock:
            self._now += step
            return self._now

    def set(self, instant: datetime) -> None:
        """Put the clock to `instant`, forwards or back."""
        instant = _utc(instant)
        with self._lock:
            self._now = instant


def _utc(instant: datetime) -> datetime:
    if instant.utcoffset() != timedelta(0):
        raise ValueError(f"An instant is aware and UTC, not {instant!r}.")
    return instant
