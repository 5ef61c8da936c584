"""Pump: claim what is due, have it run, and look again, for a while or until told to stop.

The thread that pumps only claims and watches; a crew runs the slices. It claims a little ahead of
the crew, and gives back what the crew does not get to, so that no execution waits behind another
one's long step while some other worker is free.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from durable_django.domain.claim import Claim
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost
from durable_django.ports.doorbell import Doorbell
from durable_django.worker.crew import Crew
from durable_django.worker.pace import Pace
from durable_django.worker.store_time import StoreTime
from durable_django.worker.tally import Tally

logger = logging.getLogger(__name__)

#: A claim that nobody began for this long is given back.
PATIENCE_S = 0.5
#: How often a pump says that it is at work, and how long that holds.
_ATTEND_EVERY_S = 0.5
_ATTENDED = timedelta(seconds=2)
#: How often it admits what became ready under a limit, and under how many limits.
_ADMIT_EVERY_S = 1.0
_MOST_ADMITTED = 1000
#: The shortest rest before looking again for what is all but due.
_SHORTEST_S = 0.002
#: For so long after work it looks so many times as often as its tick says.
_WARM_S = 2.0
_WARMER = 5
#: How often in a row something may be due that cannot be claimed before it is left alone.
_MOST_MISSES = 3


class Engine(Protocol):
    """What a pump asks of the engine."""

    store: CheckpointStore

    def claim(self, queue: str, limit: int) -> list[Claim]:
        """Claim up to `limit` due executions of `queue`."""

    def give_back(self, claim: Claim) -> None:
        """Release a claim on which nothing was begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How long a pump goes on. Seconds; None means without end."""

    #: It makes room for others once it has gone on for this long.
    budget: float | None = None
    #: It waits this long for what falls due next before it ends.
    linger: float | None = None
    #: It never rests longer than this.
    tick: float = 0.1


class Pump:
    """Moves the executions of some queues; `run` is called by one thread at a time."""

    def __init__(  # noqa: PLR0913 -- the composition root names each
        self,
        engine: Engine,
        queues: Collection[str],
        crew: Crew,
        *,
        pace: Pace,
        tally: Tally,
        doorbell: Doorbell | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        store_time: StoreTime | None = None,
    ) -> None:
        self._engine = engine
        self._queues = tuple(queues)
        self._crew = crew
        self._pace = pace
        self._tally = tally
        self._doorbell = doorbell
        self._monotonic = monotonic
        self._time = store_time or StoreTime(engine.store, monotonic=monotonic)
        self._is_stopping = False
        self._attended_at = 0.0
        self._admitted_at = -math.inf
        self._last_begun = -math.inf
        self._first_queue = 0
        #: How often in a row something was due that could not be claimed.
        self._misses = 0
        #: Whether nothing is known to be due: then the next alarm is asked for before a claim.
        self._is_idle = False
        #: How many slices had ended when the crew was found standing still.
        self._stalled_at = -1

    def stop(self) -> None:
        """Make `run` end once the slices that run have ended. May be called by any thread."""
        self._is_stopping = True
        self._crew.poke()

    def wake(self) -> None:
        """Make it look now. May be called by any thread."""
        self._crew.poke()

    def run(self, shift: Shift) -> bool:
        """Pump until the shift is over; return whether work was left that is due already.

        A slice that outlasts the budget is waited for; meanwhile the others go on, because the
        process could serve nobody else anyway.
        """
        self._attended_at = self._monotonic()
        self._is_idle = False
        try:
            return self._pump(shift)
        finally:
            # Also when it breaks off: what nobody began must not wait for the end of its lease.
            self._give_back()

    def _pump(self, shift: Shift) -> bool:
        begun = self._monotonic()
        while True:
            self._attend()
            self._admit()
            now = self._monotonic()
            is_over = shift.budget is not None and now - begun >= shift.budget
            if self._is_stopping or is_over:
                has_left = self._give_back() or is_over
                if not self._crew.running:
                    return has_left
                if shift.budget is not None and now - begun >= 2 * shift.budget:
                    begun = now  # nothing ends soon: go on for another budget, then ask again
                self._crew.wait(_ATTEND_EVERY_S)
                continue
            rest = self._look(shift, begun)
            if rest is None:
                return False
            if rest > 0:
                self._crew.wait(rest)

    def _look(self, shift: Shift, begun: float) -> float | None:
        """Claim if there is room; return how long to rest then, or None at the end of the work."""
        if self._crew.unbegun and self._monotonic() - self._last_begun > PATIENCE_S:
            self._give_back()
            self._stalled_at = self._tally.finished
        room = self._room()
        if not room:
            return _ATTEND_EVERY_S / 2
        if not self._is_idle and self._claim(room):
            self._misses = 0
            return 0
        return self._rest(shift, begun)

    def _room(self) -> int:
        """Return how many executions to claim now."""
        crew, enough = self._crew, self._pace.enough(self._crew.size)
        if crew.size == 1:
            # Nothing is claimed while the only thread writes: they would wait for each other.
            return 0 if crew.unbegun or crew.running else enough
        if enough <= crew.size or self._stalled_at == self._tally.finished:
            # Slices are slow, or stand still: nothing is gained by claiming ahead of the threads.
            return max(crew.size - crew.running - crew.unbegun, 0)
        return enough - crew.unbegun if crew.unbegun <= crew.size else 0

    def _rest(self, shift: Shift, begun: float) -> float | None:
        """Return how long to rest when nothing was due, or None if it is not worth waiting."""
        # Asked first, in this order: what ends after it has made its work visible to the next line.
        is_busy = self._crew.unbegun > 0 or self._crew.running > 0
        alarm = self._engine.store.next_alarm(self._queues)
        ahead = None if alarm is None else self._time.seconds_until(alarm)
        self._is_idle = ahead is None or ahead > shift.tick
        if ahead is not None and ahead <= 0:
            # Due, and not claimed: not looked for yet, or somebody else is about to.
            self._misses += 1
            if self._misses <= _MOST_MISSES:
                return _SHORTEST_S if self._misses > 1 else 0
        else:
            self._misses = 0
        if shift.linger is None or is_busy:
            most = self._tick(shift)
            return most if not ahead or ahead < 0 else _between(ahead, most)
        if ahead is None or ahead <= 0 or ahead > self._left_to_linger(shift, begun):
            return None
        self._is_idle = False
        return max(ahead, _SHORTEST_S)

    def _tick(self, shift: Shift) -> float:
        """Return how long to rest at most: less for a while after work, which seldom comes alone."""
        is_warm = self._monotonic() - self._last_begun < _WARM_S
        return shift.tick / _WARMER if is_warm else shift.tick

    def _left_to_linger(self, shift: Shift, begun: float) -> float:
        linger = shift.linger or 0.0
        if shift.budget is None:
            return linger
        return min(linger, shift.budget - (self._monotonic() - begun))

    def _claim(self, limit: int) -> bool:
        """Claim from each queue, beginning with another one each time."""
        count = len(self._queues)
        self._first_queue = (self._first_queue + 1) % count
        is_any = False
        for turn in range(count):
            queue = self._queues[(self._first_queue + turn) % count]
            claims = self._engine.claim(queue, limit)
            self._begin(claims)
            limit -= len(claims)
            is_any = is_any or bool(claims)
            if limit <= 0:
                break
        return is_any

    def _begin(self, claims: Sequence[Claim]) -> None:
        if claims:
            self._last_begun = self._monotonic()
            self._tally.add(claimed=len(claims))
            self._crew.begin(claims)

    def _give_back(self) -> bool:
        claims = self._crew.take_back()
        for claim in claims:
            try:
                self._engine.give_back(claim)
            except (Exception, LeaseLost) as error:
                logger.warning(
                    "Claim not given back",
                    exc_info=error,
                    extra={"execution_id": str(claim.execution_id)},
                )
        return bool(claims)

    def _attend(self) -> None:
        now = self._monotonic()
        if self._doorbell is None or now - self._attended_at < _ATTEND_EVERY_S:
            return
        self._attended_at = now
        for queue in self._queues:
            self._doorbell.attend(queue, _ATTENDED)

    def _admit(self) -> None:
        now = self._monotonic()
        if now - self._admitted_at >= _ADMIT_EVERY_S:
            self._admitted_at = now
            self._engine.store.admit_waiting(_MOST_ADMITTED)


def _between(seconds: float, most: float) -> float:
    return min(max(seconds, _SHORTEST_S), most)
