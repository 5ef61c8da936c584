"""Tell nobody: workers find due work by looking."""

from __future__ import annotations


class NullDispatcher:
    """Carries no hints; `durable_worker` and `durable_recover` poll."""

    def wake(self, queue: str = "default", slots: int = 1) -> None:
        """Do nothing."""
