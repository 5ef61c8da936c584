"""A sign of life of a process that advances executions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """What a process says of itself, for people's eyes: nothing is decided on it."""

    #: The engine's owner: fresh per process.
    id: str
    host: str
    pid: int
    #: What it runs as, such as "qcluster" or "durable_worker".
    kind: str
    queues: tuple[str, ...] = ()
    #: Executions claimed, and slices ended, since it began.
    claimed: int = 0
    finished: int = 0
    #: Told by the store; None in what a process hands in.
    started_at: datetime | None = None
    beat_at: datetime | None = None
