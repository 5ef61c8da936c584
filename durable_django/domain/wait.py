"""Why a slice stops here, and what will wake the execution again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from durable_django.domain.status import WaitKind
from durable_django.exceptions import DefinitionError

#: No wait is longer; one that has no end is a wait for a signal without a timeout.
LONGEST_WAIT = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What a suspension waits for. At most one of `alarm` and `after` is set.

    With neither it has no alarm of its own: only a signal, a cancel, a resume or the time to live
    wakes it.
    """

    kind: WaitKind
    #: The name that people read and, for a signal, that a sender must use.
    name: str = ""
    #: The key of the durable call that waits.
    key: str = ""
    alarm: datetime | None = None
    #: Relative to the store's clock at the moment the suspension is written.
    after: timedelta | None = None
    #: Whether the alarm is a durable timer that is registered now, under `key`.
    registers_timer: bool = False


class Suspension(StrEnum):
    """What a store answers to a request to suspend."""

    SUSPENDED = "suspended"
    #: Not suspended: signals arrived since the slice looked last; they are in the claim now.
    SIGNALLED = "signalled"


def check_wait(what: str, duration: timedelta) -> None:
    """Refuse a wait whose end no database could hold.

    Raises:
        DefinitionError: It is negative, or longer than a hundred years.
    """
    if not timedelta(0) <= duration <= LONGEST_WAIT:
        raise DefinitionError(
            f"{what} lasts {duration}; it must be from 0 to {LONGEST_WAIT.days} days."
        )
