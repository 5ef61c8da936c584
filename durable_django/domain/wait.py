"""Why a slice stops here, and what will wake the execution again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.execution import NewExecution
from durable_django.domain.status import WaitKind
from durable_django.domain.task import NewTask
from durable_django.exceptions import DefinitionError

#: No wait is longer; one that has no end is a wait for a signal without a timeout.
LONGEST_WAIT = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """What a suspension waits for. At most one of `alarm` and `after` is set.

    With neither it has no alarm of its own: only a signal, a cancel, a resume or the time to live
    wakes it. One that registers a timer `after` so long may have an alarm beside it, such as the
    next reminder of a human task: it is woken by the earlier of the two.
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
    #: Of SEVERAL: what each of the waits is; the earliest alarm counts.
    parts: tuple[Wait, ...] = ()
    #: Children that are started with the wait, in its transaction, each with its open attempt.
    starting: tuple[tuple[Checkpoint, NewExecution], ...] = ()
    #: Tasks that are opened with it, each with its open attempt.
    asking: tuple[tuple[Checkpoint, NewTask], ...] = ()
    #: An open attempt whose `retry_at`, the next time to check, is stored with the wait.
    postponed: Checkpoint | None = None
    #: The topic of broadcasts that it subscribes to.
    topic: str = ""

    @property
    def minds_news(self) -> bool:
        """Whether news may end it: it is not begun if there is news the slice has not seen."""
        return self.kind in _MIND_NEWS or any(part.minds_news for part in self.parts)


_MIND_NEWS = frozenset(
    {WaitKind.SIGNAL, WaitKind.EVENT, WaitKind.CHILD, WaitKind.MAP, WaitKind.TASK}
)


#: What `waiting_for` holds for SEVERAL if their names do not fit: any news wakes it.
ANY_NEWS = "*"
_LONGEST_LIST = 500


def listed(kind: WaitKind, name: str) -> str:
    """Return how `waiting_for` of SEVERAL lists one of them; names hold no bar."""
    return f"|{kind}:{name}|"


def list_waits(parts: Iterable[Wait]) -> str:
    """Return what `waiting_for` holds for these waits."""
    text = "".join(listed(part.kind, part.name) for part in parts)
    return text if len(text) <= _LONGEST_LIST else ANY_NEWS


def read_waits(text: str) -> list[tuple[WaitKind, str]]:
    """Return what `list_waits` listed; nothing if it did not fit."""
    pairs = (entry.partition(":") for entry in text.split("|") if ":" in entry)
    return [(WaitKind(kind), name) for kind, _, name in pairs]


class Suspension(StrEnum):
    """What a store answers to a request to suspend."""

    SUSPENDED = "suspended"
    #: Not suspended: news came since the slice looked last; new signals are in the claim now.
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
