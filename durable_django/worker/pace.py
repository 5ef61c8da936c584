"""How long slices take lately, and so how many executions are worth claiming at once.

What is claimed and not begun is kept from other workers: a lot of it is right when slices take
milliseconds, and wrong when they take seconds.
"""

from __future__ import annotations

#: As many are claimed as will be begun within this time.
AHEAD_S = 0.2
#: How much the latest slice counts against all before.
_WEIGHT = 0.2


class Pace:
    """A moving average of the length of slices."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._average: float | None = None

    def note(self, seconds: float) -> None:
        """Take the length of one more slice into account."""
        if self._average is None:
            self._average = seconds
        else:
            self._average += _WEIGHT * (seconds - self._average)

    def enough(self, threads: int) -> int:
        """Return how many executions keep `threads` threads busy for a while; at least one each."""
        least = max(threads, 1)
        if self._average is None:
            return min(2 * least, self._most)
        ahead = AHEAD_S * least / max(self._average, 1e-6)
        return max(least, min(int(ahead), self._most))
