"""ScheduleKeeper: have every schedule tick when it is due, once, however many keepers there are.

The ticks of one schedule are dealt with in one transaction, under the lock of its row: the rows
of the ticks, the executions they start and the next alarm commit together or not at all. A
schedule that cannot be ticked, for whatever reason, does not keep the others from ticking.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from durable_django.domain.recurrence import check_timezone
from durable_django.domain.schedule import DueSchedule, ScheduleTick, TickOutcome
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import Registry
from durable_django.exceptions import ScheduleError
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.scheduling.code_schedules import CodeSchedules, SyncReport
from durable_django.scheduling.tick_recorder import TickRecorder
from durable_django.scheduling.tick_starter import TickStarter

logger = logging.getLogger(__name__)

#: A schedule whose transaction was undone is left alone for so long.
_REST = timedelta(seconds=5)
_MOST_SEEN = 1000


@dataclass(slots=True)
class ScheduleReport:
    """What a keeper did."""

    #: In the order in which it was done; of several in a row that were not started, the first.
    ticks: list[ScheduleTick] = field(default_factory=list)
    #: How many schedules had something due that was dealt with, be it a tick started before.
    moved: int = 0
    #: Schedules that were disabled: they cannot tick, or failed too often.
    disabled: list[str] = field(default_factory=list)
    #: Schedules whose transaction was undone; they are due still.
    undone: list[str] = field(default_factory=list)

    def count(self, outcome: TickOutcome) -> int:
        """Return how many ticks came to this."""
        return sum(tick.outcome is outcome for tick in self.ticks)


class ScheduleKeeper:
    """Ticks schedules; `run_due` may be called by many threads and processes at once.

    Args:
        engine: Starts the executions; its store's transactions are the keeper's.
        store: Holds the schedules, beside the engine's store.
        patience: How long a tick is left to other processes if this one does not know the
            workflow, or the time zone: during a deployment some do not know it yet, and machines
            differ in their lists of zones. After that it has failed.
        transient: What says nothing about a schedule, but that the database was away or undid the
            transaction: nothing is written then, and the tick is tried again.
    """

    def __init__(
        self,
        engine: DurableEngine,
        store: ScheduleStore,
        *,
        patience: timedelta = timedelta(0),
        transient: tuple[type[Exception], ...] = (OSError,),
    ) -> None:
        self._engine = engine
        self._store = store
        self._patience = patience
        self._starter = TickStarter(engine)
        self._recorder = TickRecorder(store, self._starter, transient)
        self._code = CodeSchedules(engine, store)
        self._resting_until: dict[str, datetime] = {}

    def next_alarm(self) -> datetime | None:
        """Return when the next tick of any schedule is due."""
        return self._store.next_alarm()

    def sync(self, registry: Registry | None = None) -> SyncReport:
        """Bring the schedules that the code defines up to date; see `CodeSchedules.sync`."""
        return self._code.sync(registry or self._engine.registry)

    def run_due(self, limit: int = 100) -> ScheduleReport:
        """Tick up to `limit` schedules that are due; what is left is due still.

        Raises:
            Exception: It could not be asked which are due.
        """
        now = self._engine.store.now()
        report = ScheduleReport()
        for schedule in self._list_wanted(now, limit):
            self._run(schedule.name, now, report)
        return report

    def _list_wanted(self, now: datetime, limit: int) -> list[DueSchedule]:
        found = self._store.list_due(now, limit)
        wanted = [one for one in found if not self._is_left_alone(one, now)]
        if len(wanted) < len(found) == limit:
            # Those that are left alone must not stand in the way of others.
            found = self._store.list_due(now, max(limit, _MOST_SEEN))
            wanted = [one for one in found if not self._is_left_alone(one, now)]
        return wanted[:limit]

    def _is_left_alone(self, due: DueSchedule, now: datetime) -> bool:
        rests_until = self._resting_until.pop(due.name, now)
        if now < rests_until:
            self._resting_until[due.name] = rests_until
            return True
        return now - due.next_tick_at < self._patience and not self._is_known(due)

    def _is_known(self, due: DueSchedule) -> bool:
        try:
            check_timezone(due.timezone)
        except ScheduleError:
            return False
        return self._starter.knows(due.workflow_name, due.workflow_version)

    def _run(self, name: str, now: datetime, report: ScheduleReport) -> None:
        try:
            recorded = self._engine.store.transact(partial(self._recorder.record, name, now))
        except Exception:
            # The boundary that keeps one schedule's trouble from the others.
            logger.exception("Schedule not ticked; it is tried again", extra={"schedule": name})
            self._resting_until[name] = now + _REST
            report.undone.append(name)
            return
        if recorded is None:
            return
        report.moved += 1
        report.ticks += recorded.ticks
        if not recorded.schedule.is_enabled:
            report.disabled.append(name)
            logger.error(
                "Schedule disabled",
                extra={"schedule": name, "reason": recorded.schedule.disabled_reason},
            )
