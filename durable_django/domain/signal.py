"""A named message to one execution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from durable_django.domain.status import SignalStatus, WaitKind


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


#: No name of a signal begins like this.
EVENT_PREFIX = "~event/"


def topic_of(name: str, key: str) -> str:
    """Return the mailbox name under which an event of this name and key arrives."""
    digest = f"/{sha256(key.encode()).hexdigest()[:16]}" if key else ""
    return f"{EVENT_PREFIX}{name}{digest}"


def event_name_of(topic: str) -> str:
    """Return the event's name, for people."""
    return topic.removeprefix(EVENT_PREFIX).partition("/")[0]


def wait_kind_of(mailbox_name: str) -> WaitKind:
    """Return what kind of wait a signal of this name ends."""
    return WaitKind.EVENT if mailbox_name.startswith(EVENT_PREFIX) else WaitKind.SIGNAL
