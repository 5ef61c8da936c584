"""What a process has done since it began, for its heartbeat."""

from __future__ import annotations

import threading


class Tally:
    """Counts claims and slices over all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.claimed = 0
        self.finished = 0

    def add(self, *, claimed: int = 0, finished: int = 0) -> None:
        """Add to the counts."""
        with self._lock:
            self.claimed += claimed
            self.finished += finished
