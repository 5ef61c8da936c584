"""Clock: what time it is, and waiting for it to pass."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time and passes it. Instants are aware UTC."""

    @property
    def patience(self) -> timedelta:
        """The longest time that somebody who waits on this clock lets pass between two looks."""

    def now(self) -> datetime:
        """Return the present instant."""

    def sleep(self, duration: timedelta) -> None:
        """Return once `duration` has passed on this clock."""
