"""Heartbeats: which processes say that they are alive."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from durable_django.domain.heartbeat import Heartbeat


class Heartbeats(Protocol):
    """Keeps each process's last sign of life, for people; liveness hangs on the lease alone."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Note that the process is alive now, by the store's clock."""

    def forget(self, heartbeat_id: str) -> None:
        """Remove a process that ended as it should."""

    def delete_stale(self, age: timedelta) -> int:
        """Remove processes that have been silent for longer than `age`; return how many."""

    def list(self) -> list[Heartbeat]:
        """Return all processes, the one that was heard of last first."""
