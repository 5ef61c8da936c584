"""Deal with the due ticks of one schedule: rows, executions and the next alarm, in one transaction."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from durable_django.domain.schedule import (
    OverlapPolicy,
    Schedule,
    ScheduleSource,
    ScheduleTick,
    TickOutcome,
)
from durable_django.exceptions import DurableError, ScheduleError
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.scheduling.code_schedules import REMOVED_FROM_CODE
from durable_django.scheduling.decisions import Decision, decide
from durable_django.scheduling.tick_starter import TickStarter, actor_of
from durable_django.scheduling.ticks import ticks_of

logger = logging.getLogger(__name__)

#: So many decisions are carried out in one transaction; what is left is due still.
_MOST_AT_ONCE = 20
_LONGEST_DETAIL = 500


class TickedElsewhereError(Exception):
    """Somebody dealt with the ticks although this process holds the lock: undo everything."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A schedule after its due ticks, and what became of these."""

    schedule: Schedule
    #: Of several in a row that were not started, the first.
    ticks: tuple[ScheduleTick, ...] = ()


class TickRecorder:
    """Carries out what was decided of ticks.

    Args:
        store: Holds the schedules.
        starter: Starts the executions.
        transient: Errors of a start that say nothing about the schedule: they are not caught.
    """

    def __init__(
        self,
        store: ScheduleStore,
        starter: TickStarter,
        transient: tuple[type[Exception], ...],
    ) -> None:
        self._store = store
        self._starter = starter
        self._transient = transient

    def record(self, name: str, now: datetime) -> Recorded | None:
        """Deal with what is due of the schedule, within the caller's transaction.

        Returns None if nothing is due, or somebody else is at it.

        Raises:
            TickedElsewhereError: What was written must be undone.
        """
        before = self._store.lock_due(name, now)
        if before is None:
            return None
        after = before
        ticks: list[ScheduleTick] = []
        for _ in range(_MOST_AT_ONCE):
            step = self._next(after, now) if after.is_enabled else None
            if step is None:
                break
            after, tick = step
            if tick is not None:
                self._store.insert_tick(tick)
                ticks.append(tick)
        if not after.is_enabled:
            # Its own act; a tick is no change of it.
            after = replace(after, updated_at=now, actor_name=str(actor_of(after)))
        if not self._store.move_on(before, after):
            raise TickedElsewhereError(f"Schedule {name!r} was ticked by somebody else.")
        return Recorded(after, tuple(ticks))

    def _next(
        self, schedule: Schedule, now: datetime
    ) -> tuple[Schedule, ScheduleTick | None] | None:
        """Return the schedule after the next decision, and the tick to be added; None: none is due."""
        try:
            decision = decide(schedule, now, partial(self._has_open_execution, schedule.name))
        except ScheduleError as error:
            return self._give_up(schedule, now, error)
        if decision is None:
            return None
        if self._store.find_tick(schedule.name, decision.tick_at) is not None:
            # A backfill had it started before; what comes after it is decided anew.
            following = ticks_of(schedule).next_after(decision.tick_at)
            return _moved(schedule, replace(decision, next_tick_at=following)), None
        return self._carry_out(schedule, decision, now)

    def _give_up(
        self, schedule: Schedule, now: datetime, error: ScheduleError
    ) -> tuple[Schedule, ScheduleTick | None]:
        """Disable a schedule that was changed past our doors, or whose time zone is not here."""
        tick_at = schedule.next_tick_at or now
        tick = ScheduleTick(
            schedule_name=schedule.name,
            tick_at=tick_at,
            outcome=TickOutcome.FAILED,
            detail=_describe(error),
            created_at=now,
        )
        is_told = self._store.find_tick(schedule.name, tick_at) is not None
        return _disabled(schedule, f"It cannot tick: {error}"), None if is_told else tick

    def _has_open_execution(self, name: str) -> bool:
        return bool(self._store.list_open_executions(name))

    def _carry_out(
        self, schedule: Schedule, decision: Decision, now: datetime
    ) -> tuple[Schedule, ScheduleTick]:
        tick = ScheduleTick(
            schedule_name=schedule.name,
            tick_at=decision.tick_at,
            outcome=decision.outcome,
            detail=decision.detail,
            created_at=now,
        )
        if decision.outcome is TickOutcome.STARTED:
            tick = self._start(schedule, tick)
        schedule = _moved(schedule, decision)
        if tick.outcome is TickOutcome.FAILED and self._is_lost(schedule):
            return _disabled(schedule, REMOVED_FROM_CODE), tick
        if tick.outcome is TickOutcome.FAILED:
            return _with_failure(schedule, tick.detail), tick
        if tick.outcome is TickOutcome.STARTED:
            return replace(schedule, consecutive_failures=0), tick
        return schedule, tick

    def _is_lost(self, schedule: Schedule) -> bool:
        """Say whether the code that defined the schedule has gone, workflow and all."""
        is_known = self._starter.knows(schedule.workflow_name, schedule.workflow_version)
        return schedule.source is ScheduleSource.CODE and not is_known

    def _start(self, schedule: Schedule, tick: ScheduleTick) -> ScheduleTick:
        supersedes = []
        if schedule.overlap is OverlapPolicy.CANCEL_RUNNING:
            supersedes = self._store.list_open_executions(schedule.name)
        try:
            handle = self._starter.start(schedule, tick.tick_at, supersedes=supersedes)
        except self._transient:
            raise
        except Exception as error:
            # The boundary that records a start's failure: its input, or anybody's code, is wrong.
            logger.warning(
                "Schedule could not start its workflow",
                exc_info=error,
                extra={"schedule": schedule.name, "workflow": schedule.workflow_name},
            )
            return replace(tick, outcome=TickOutcome.FAILED, detail=_describe(error))
        detail = "" if handle.is_new else "It had been started before."
        return replace(tick, execution_id=handle.id, detail=detail)


def _moved(schedule: Schedule, decision: Decision) -> Schedule:
    return replace(schedule, next_tick_at=decision.next_tick_at, last_tick_at=decision.tick_at)


def _with_failure(schedule: Schedule, problem: str) -> Schedule:
    failed = replace(schedule, consecutive_failures=schedule.consecutive_failures + 1)
    if not 0 < schedule.disable_after <= failed.consecutive_failures:
        return failed
    count = failed.consecutive_failures
    return _disabled(
        failed, f"{count} failed start{'s' * (count != 1)} in a row. The last one: {problem}"
    )


def _disabled(schedule: Schedule, reason: str) -> Schedule:
    return replace(schedule, is_enabled=False, next_tick_at=None, disabled_reason=reason)


def _describe(error: Exception) -> str:
    """Return an error in a few words: those of others may hold anything, so only their kind."""
    if isinstance(error, (DurableError, TypeError)):
        return f"{type(error).__name__}: {error}"[:_LONGEST_DETAIL]
    return f"{type(error).__name__}: the log says more."
