"""Dispatcher: have some process look for due work soon."""

from __future__ import annotations

from typing import Protocol


class Dispatcher(Protocol):
    """Carries hints. The database is the truth: a hint may be lost, doubled or late."""

    def wake(self, queue: str = "default", slots: int = 1) -> None:
        """Have up to `slots` workers look into `queue` soon, once the current transaction commits.

        Never raises because the transport is unwell: what is not carried now, the poll finds.
        """
