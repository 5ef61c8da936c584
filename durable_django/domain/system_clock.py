"""The clock on the wall."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """This machine's time, as aware UTC; sleeping blocks the calling thread."""

    #: See `ports.clock.Clock`.
    patience = timedelta(milliseconds=100)

    def now(self) -> datetime:
        """Return the present instant."""
        return datetime.now(UTC)

    def sleep(self, duration: timedelta) -> None:
        """Return once `duration` has passed; at once if it is not positive."""
        time.sleep(max(duration.total_seconds(), 0.0))
