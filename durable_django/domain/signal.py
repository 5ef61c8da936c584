"""A named message to one execution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from durable_django.domain.status import SignalStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """Accepted once; consumed exactly once in order of `position`, or visible as what became of it."""

    id: UUID
    execution_id: UUID
    name: str
    #: Encoded.
    payload: str
    #: 1, 2, … per execution, in the order of acceptance.
    position: int
    status: SignalStatus = SignalStatus.PENDING
    dedupe_key: str | None = None
    created_at: datetime
    delivered_at: datetime | None = None
