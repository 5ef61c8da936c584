"""A durable timer: wake this execution at that instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from durable_django.domain.status import TimerStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """Fires once, never before `fire_at`, which is fixed when the timer is first registered."""

    execution_id: UUID
    #: The key of the durable call it belongs to: a sleep, or a wait's timeout.
    key: str
    fire_at: datetime
    status: TimerStatus = TimerStatus.PENDING
