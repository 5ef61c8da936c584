"""How a queue is controlled, and what is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final, Literal

from durable_django.domain.status import QueueMode
from durable_django.exceptions import DefinitionError

_UNITS = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60}
_UNITS |= {"h": 3600, "hour": 3600, "d": 86_400, "day": 86_400}
#: Only words have a plural: "ms" is no minutes.
_RATE = re.compile(
    r"(\d{1,9})\s*/\s*(\d{0,6})\s*(?:(sec|second|min|minute|hour|day)s?|([smhd]))", re.ASCII
)
#: What a column for whole numbers holds on every database.
MAX_RUNNING = 2_147_483_647
#: Of a rate: the next token comes before the calendar ends.
_LONGEST_PERIOD = timedelta(days=999_999)


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in each period: a bucket that holds `limit` tokens and fills evenly.

    After a quiet time up to `limit` come at once; in any stretch of time at most `limit`, and what
    fills the bucket meanwhile.
    """

    limit: int
    period: timedelta

    def __post_init__(self) -> None:
        """Refuse what could not work."""
        if not _is_number(self.limit) or not _is_period(self.period):
            raise DefinitionError(
                f"A rate is a whole number from 1 on in a period longer than 0, up to "
                f"{_LONGEST_PERIOD.days} days, such as '100/min'; not {self.limit!r:.40} in "
                f"{self.period!r:.80}."
            )

    @classmethod
    def parse(cls, rate: str | tuple[int, timedelta] | Rate) -> Rate:
        """Return the rate that "100/min", "5/10s", or a number and a period say.

        Raises:
            DefinitionError: It says none.
        """
        if isinstance(rate, Rate):
            return rate
        if isinstance(rate, tuple) and len(rate) == 2:  # noqa: PLR2004 -- number and period
            return cls(*rate)
        found = _RATE.fullmatch(str(rate).strip().lower())
        if found is None:
            raise DefinitionError(
                f"{rate!r:.80} is no rate. Write '100/min' or '5/10s' (units: s, min, h, d), or "
                f"give a number and a timedelta."
            )
        seconds = int(found[2] or 1) * _UNITS[found[3] or found[4]]
        return cls(int(found[1]), timedelta(seconds=seconds))

    @property
    def per_second(self) -> float:
        """How many tokens come in a second."""
        return self.limit / self.period.total_seconds()

    def __str__(self) -> str:
        """Return it as `parse` takes it, unless its period has a fraction of a second."""
        for seconds, unit in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
            times, rest = divmod(self.period, timedelta(seconds=seconds))
            if not rest:
                return f"{self.limit}/{times if times > 1 else ''}{unit}"
        return f"{self.limit} in {self.period}"


def _is_number(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_RUNNING


def _is_period(value: object) -> bool:
    return isinstance(value, timedelta) and timedelta(0) < value <= _LONGEST_PERIOD


class Unchanged(Enum):
    """Says "as it is", where None says "without"."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
Maybe = Literal[Unchanged.UNCHANGED]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueChange:
    """What is to be changed of a queue's control, by whom and why."""

    mode: QueueMode | Maybe = UNCHANGED
    max_running: int | Maybe | None = UNCHANGED
    rate: Rate | Maybe | None = UNCHANGED
    reason: str = ""
    actor_name: str = ""

    def __post_init__(self) -> None:
        """Refuse what could not work."""
        most = self.max_running
        if most is UNCHANGED or most is None:
            return
        if not _is_number(most):
            raise DefinitionError(
                f"max_running is a whole number from 1 on, or None for no limit; not {most!r:.40}. "
                f"To have nothing run, pause the queue."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueControl:
    """How a queue is controlled."""

    name: str
    mode: QueueMode = QueueMode.OPEN
    #: At most so many executions are run at one moment, over all workers. None: no limit.
    max_running: int | None = None
    #: At most so many begin in each period. None: no limit.
    rate: Rate | None = None
    #: Of the latest change, as its author gave it.
    reason: str = ""
    changed_by: str = ""
    #: None: nobody ever changed it.
    changed_at: datetime | None = None

    @property
    def is_controlled(self) -> bool:
        """Whether anything keeps workers from what is due in it."""
        is_open = self.mode is QueueMode.OPEN
        return not is_open or self.max_running is not None or self.rate is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFigures:
    """What is in a queue for workers: BACKGROUND executions that have not ended."""

    #: Their alarm has come, whether or not the control lets them go on. A lost lease is due too.
    due: int = 0
    #: Held by a worker whose lease has not run out.
    running: int = 0
    #: All others: they sleep, wait, or are held back. Paused and parked ones are left out.
    waiting: int = 0
    #: Those of all of these that have begun, or that a parent waits for: none is left of a queue
    #: that was drained.
    begun: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStanding:
    """A queue: its control and what is in it."""

    control: QueueControl
    figures: QueueFigures

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.control.name

    @property
    def is_drained(self) -> bool:
        """Whether nothing that has begun is left for a worker to go on with."""
        return self.figures.begun == 0
