"""Ticker: see what falls due and ring for it; if nobody comes, do it here.

A thread in every worker process. One per machine is elected and looks several times a second; the
others stand by and look once in a while, in case the elected one is stopped without being dead.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.dispatcher import Dispatcher
from durable_django.ports.doorbell import Doorbell, slot_of
from durable_django.worker.store_time import StoreTime

logger = logging.getLogger(__name__)

_SHORTEST_S = 0.002
#: Rests after a failure: this, then twice as long each time, up to the last.
_FIRST_REST_S = 0.5
_LAST_REST_S = 5.0
#: Under so many limits executions are admitted at once.
_MOST_ADMITTED = 1000


class Election(Protocol):
    """Says whether this process is the one that looks often."""

    def is_won(self) -> bool:
        """Say so, and try to become it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TickerTimes:
    """Seconds, and sizes."""

    tick: float = 0.1
    #: How often a process looks that was not elected.
    stand_by: float = 1.0
    wedged_after: float = 1.0
    #: How often `housekeeping` is done.
    housekeeping: float = 5.0
    #: How often what became ready under a limit is admitted.
    admit: float = 1.0
    #: How many executions one pump claims at once: so many pumps are rung as have a batch to do.
    batch: int = 20
    most_slots: int = 8


class Ticker:
    """Looks for due work of some queues; `tick` is called by one thread."""

    def __init__(  # noqa: PLR0913 -- the composition root names each
        self,
        store: CheckpointStore,
        queues: Callable[[], Collection[str]],
        dispatcher: Dispatcher,
        doorbell: Doorbell,
        *,
        election: Election,
        rescue: Callable[[str], object],
        housekeeping: Callable[[bool], object] = lambda _is_elected: None,
        schedules: Callable[[], float] = lambda: math.inf,
        drop_connections: Callable[[], object] = lambda: None,
        times: TickerTimes | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        store_time: StoreTime | None = None,
    ) -> None:
        self._store = store
        self._queues = queues
        self._dispatcher = dispatcher
        self._doorbell = doorbell
        self._election = election
        self._rescue = rescue
        self._housekeeping = housekeeping
        self._schedules = schedules
        self._drop_connections = drop_connections
        self._times = times or TickerTimes()
        self._monotonic = monotonic
        self._time = store_time or StoreTime(store, monotonic=monotonic)
        self._kept_house_at = -math.inf
        self._looked_at = -math.inf
        self._admitted_at = -math.inf
        self._rest_after_failure = _FIRST_REST_S
        #: Since when the doorbell of a queue with due work has been seen unanswered.
        self._unanswered_since: dict[str, float] = {}
        self._wedged: set[str] = set()

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop. Survives whatever happens to the database."""
        try:
            while not stop.wait(self.tick()):
                pass
        finally:
            self._drop_connections()

    def tick(self) -> float:
        """Do what there is to do; return for how many seconds to rest."""
        try:
            rest = self._tick()
        except Exception as error:
            logger.warning("Ticker could not look", exc_info=error)
            self._drop_connections()
            rest = self._rest_after_failure
            self._rest_after_failure = min(2 * rest, _LAST_REST_S)
        else:
            self._rest_after_failure = _FIRST_REST_S
        return rest

    def _tick(self) -> float:
        now, is_elected = self._monotonic(), self._election.is_won()
        if now - self._kept_house_at >= self._times.housekeeping:
            self._kept_house_at = now
            self._housekeeping(is_elected)
        if not is_elected and now - self._looked_at < self._times.stand_by:
            return self._times.tick
        self._looked_at = now
        if now - self._admitted_at >= self._times.admit:
            self._admitted_at = now
            # What it admits is due, and rung for below.
            self._store.admit_waiting(_MOST_ADMITTED)
        # First, so that what is started by the clock is rung for at once.
        rest = self._schedules()
        return min(rest, self._look())

    def _look(self) -> float:
        queues = tuple(self._queues())
        alarm = self._store.next_alarm(queues)
        if alarm is not None and self._time.seconds_until(alarm) <= 0:
            for queue in queues:
                self._see_to(queue)
            return self._times.tick
        self._unanswered_since.clear()
        if alarm is None:
            return self._times.tick
        return min(max(self._time.seconds_until(alarm), _SHORTEST_S), self._times.tick)

    def _see_to(self, queue: str) -> None:
        times = self._times
        due = self._store.count_due(queue, times.batch * times.most_slots)
        if not due:
            self._unanswered_since.pop(queue, None)
            return
        self._dispatcher.wake(queue, math.ceil(due / times.batch))
        if self._is_wedged(queue):
            self._rescue(queue)

    def _is_wedged(self, queue: str) -> bool:
        """Say whether nobody comes although it has been ringing for too long."""
        if not self._doorbell.is_unanswered(slot_of(queue, 0)) or self._doorbell.is_attended(queue):
            self._unanswered_since.pop(queue, None)
            if queue in self._wedged:
                self._wedged.discard(queue)
                logger.warning("The cluster answers again", extra={"queue": queue})
            return False
        now = self._monotonic()
        rung_for = now - self._unanswered_since.setdefault(queue, now)
        if queue in self._wedged:
            return True
        if rung_for < self._times.wedged_after or self._lateness(queue) < self._times.wedged_after:
            return False
        self._wedged.add(queue)
        logger.critical(
            "No pump has answered for %.1f s although work is due: the cluster is wedged, or all "
            "its workers are busy with other tasks. The ticker advances the work itself. "
            "If it does not answer soon, restart the cluster (SIGKILL to its whole process group).",
            rung_for,
            extra={"queue": queue},
        )
        return True

    def _lateness(self, queue: str) -> float:
        alarm = self._store.next_alarm((queue,))
        return 0.0 if alarm is None else -self._time.seconds_until(alarm)
