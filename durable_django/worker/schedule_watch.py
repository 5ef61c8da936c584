"""Watch the schedules: have them tick when their alarm comes, and look for news now and then."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from durable_django.scheduling.code_schedules import SyncReport
from durable_django.scheduling.schedule_keeper import ScheduleReport
from durable_django.worker.store_time import StoreTime

logger = logging.getLogger(__name__)

#: How often the database is asked for the next alarm: another process may have moved it.
LOOK_EVERY_S = 0.5
#: How often the schedules that the code defines are written.
_SYNC_EVERY_S = 60.0
#: So many schedules tick before the caller gets to do something else.
_MOST_AT_ONCE = 20
_SHORTEST_S = 0.002
#: How soon it looks again at what is due and was left alone.
_LEFT_ALONE_S = 0.1
#: The store's time is known no more exactly than this.
_INEXACT_S = 0.05
_FIRST_REST_S = 0.5
_LAST_REST_S = 5.0


class Keeper(Protocol):
    """What it asks of a `ScheduleKeeper`."""

    def next_alarm(self) -> datetime | None:
        """Return when the next tick is due."""

    def run_due(self, limit: int) -> ScheduleReport:
        """Tick what is due."""

    def sync(self) -> SyncReport:
        """Write the schedules of the code."""


class ScheduleWatch:
    """Called by one thread, as often as it asks to be; between alarms it costs two small queries a second."""

    def __init__(
        self,
        keeper: Keeper,
        store_time: StoreTime,
        *,
        drop_connections: Callable[[], object] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keeper = keeper
        self._time = store_time
        self._drop_connections = drop_connections
        self._monotonic = monotonic
        self._alarm: datetime | None = None
        self._look_at = -math.inf
        self._sync_at = -math.inf
        self._rest_until = -math.inf
        self._rest_after_failure = _FIRST_REST_S

    def tick(self) -> float:
        """Do what there is to do; return in how many seconds to call again. Never raises."""
        now = self._monotonic()
        if now < self._rest_until:
            return self._rest_until - now
        try:
            rest = self._tick()
        except Exception as error:
            # The boundary that keeps the trouble of schedules from the caller's other duties.
            logger.warning("Schedules not seen to", exc_info=error)
            self._drop_connections()
            self._look_at = -math.inf
            rest = self._rest_after_failure
            self._rest_until = self._monotonic() + rest
            self._rest_after_failure = min(2 * rest, _LAST_REST_S)
        else:
            self._rest_after_failure = _FIRST_REST_S
        return rest

    def drain(self) -> None:
        """Have everything tick that is due now.

        Raises:
            Exception: The database refused.
        """
        self._keeper.sync()
        while self._keeper.run_due(_MOST_AT_ONCE).moved:
            pass

    def _tick(self) -> float:
        now = self._monotonic()
        if now >= self._sync_at:
            self._sync_at = now + self._sync()
            self._look_at = now
        if now >= self._look_at:
            self._alarm = self._keeper.next_alarm()
            self._look_at = now + LOOK_EVERY_S
        if self._alarm is None:
            return LOOK_EVERY_S
        ahead = self._time.seconds_until(self._alarm)
        if ahead > 0:
            return min(max(ahead, _SHORTEST_S), LOOK_EVERY_S)
        report = self._keeper.run_due(_MOST_AT_ONCE)
        self._look_at = now
        is_early = ahead > -_INEXACT_S
        return _SHORTEST_S if report.moved or is_early else _LEFT_ALONE_S

    def _sync(self) -> float:
        """Write the schedules of the code; return in how many seconds to do so again."""
        try:
            self._keeper.sync()
        except Exception as error:
            # The boundary that has schedules tick although those of the code cannot be written.
            logger.warning("Schedules of the code not written", exc_info=error)
            return _LAST_REST_S
        return _SYNC_EVERY_S
