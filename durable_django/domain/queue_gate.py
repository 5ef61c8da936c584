"""What a controlled queue lets through at one instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import Rate

#: So near to a whole token is one: a bucket is reckoned in floating point.
_ALMOST = 1e-6
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The control of a queue, and what is in its bucket at `now`."""

    mode: QueueMode
    max_running: int | None
    rate: Rate | None
    #: Whole ones let something begin.
    tokens: float
    now: datetime

    @classmethod
    def opened(
        cls,
        *,
        mode: QueueMode,
        max_running: int | None,
        rate: Rate | None,
        tokens: float,
        tokens_at: datetime | None,
        now: datetime,
    ) -> Gate:
        """Return the gate at `now`, its bucket filled by the time since `tokens_at`."""
        if rate is not None and tokens_at is not None and now > tokens_at:
            passed = (now - tokens_at).total_seconds()
            tokens = min(float(rate.limit), tokens + passed * rate.per_second)
        return cls(mode=mode, max_running=max_running, rate=rate, tokens=tokens, now=now)

    @property
    def is_draining(self) -> bool:
        """Whether of what is new only the children begin that others wait for."""
        return self.mode is QueueMode.DRAINING

    @property
    def next_token_at(self) -> datetime:
        """When the next one may begin."""
        if self.rate is None or self.tokens + _ALMOST >= 1:
            return self.now
        missing = timedelta(seconds=(1 - self.tokens) / self.rate.per_second)
        return self.now + missing + _MICROSECOND

    def lets_begin(self, wanted: int) -> int:
        """Return how many of so many new ones may begin."""
        if self.mode is QueueMode.PAUSED:
            return 0
        return wanted if self.rate is None else min(wanted, int(self.tokens + _ALMOST))

    def lets_all_begin(self, wanted: int) -> bool:
        """Say whether so many may be taken in their order, without a look at which are new."""
        return not self.is_draining and self.lets_begin(wanted) == wanted

    def without(self, tokens: int) -> float:
        """Return what is left in the bucket when so many have begun."""
        return max(self.tokens - tokens, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What is held in a queue: by workers with a lease, and by those whose lease ran out."""

    live: int
    lost: int
    #: When the first of the leases ends, or ended; and the first that has not.
    first_end: datetime | None
    next_end: datetime | None

    def room_for_lost(self, gate: Gate, wanted: int) -> int:
        """Return how many of up to `wanted` that were lost may be taken over."""
        wanted = min(wanted, self.lost)
        return wanted if gate.max_running is None else _room(wanted, gate.max_running - self.live)

    def room(self, gate: Gate, wanted: int) -> int:
        """Return how many of so many others may be taken: a lost one keeps its place for itself."""
        if gate.max_running is None:
            return wanted
        return _room(wanted, gate.max_running - self.live - self.lost)

    def next_change(self, gate: Gate) -> datetime | None:
        """Return when one of the held may be taken over."""
        can_take_over = self.lost == 0 or self.room_for_lost(gate, 1) > 0
        return self.first_end if can_take_over else self.next_end


def _room(wanted: int, free: int) -> int:
    return max(min(wanted, free), 0)
