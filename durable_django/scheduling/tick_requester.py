"""TickRequester: ticks that a person asks for, now (trigger) or of the past (backfill).

They work while the schedule is disabled, and change neither its alarm nor its count of failures.
The overlap policy "queue" holds for them too; under any other their executions run side by side
with whatever there is, and cancel nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from durable_django.domain.event import CODE, Actor
from durable_django.domain.recurrence import check_instant
from durable_django.domain.schedule import Schedule, ScheduleTick, TickKind, TickOutcome
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.exceptions import DefinitionError, PayloadError, ScheduleError
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.scheduling.tick_starter import TickStarter
from durable_django.scheduling.ticks import iterate, ticks_of

MOST_BACKFILLED = 10_000
_BATCH = 100
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_DETAIL = 500
#: Nothing was started then, and no policy wanted it so: a backfill makes up for it.
_MADE_UP_FOR = frozenset({TickOutcome.MISSED, TickOutcome.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """What a backfill started, or would start."""

    schedule_name: str
    is_dry_run: bool
    #: The nominal instants, the earliest first.
    ticks: tuple[datetime, ...]
    #: Theirs, in that order; none if it was a dry run.
    execution_ids: tuple[UUID, ...] = ()


class TickRequester:
    """Starts ticks on request."""

    def __init__(self, engine: DurableEngine, store: ScheduleStore) -> None:
        self._engine = engine
        self._store = store
        self._starter = TickStarter(engine)

    def trigger(self, name: str, *, reason: str = "", by: Actor = CODE) -> ExecutionHandle[Any]:
        """Start the schedule's workflow now; a tick of kind MANUAL tells of it.

        Raises:
            ScheduleNotFoundError: There is none of this name.
            UnknownWorkflowError: This process does not know the workflow.
            ScheduleError: Its input or its options do not fit the workflow any more, or the input
                cannot be read.
        """

        def trigger() -> ExecutionHandle[Any]:
            schedule = self._store.lock(name)
            now = self._engine.store.now()
            tick = _requested(schedule, self._free_instant(name, now), TickKind.MANUAL, by, now)
            handle = self._start(schedule, tick.tick_at, by=by, reason=reason)
            self._store.insert_tick(replace(tick, execution_id=handle.id))
            return handle

        return self._engine.store.transact(trigger)

    def backfill(
        self,
        name: str,
        start: datetime,
        end: datetime,
        *,
        dry_run: bool = False,
        reason: str = "",
        by: Actor = CODE,
    ) -> Backfill:
        """Start the ticks from `start` on and before `end` that have started nothing so far.

        Those that were missed or failed are made up for; those that the overlap policy skipped are
        not. A hundred are started in one transaction: what breaks it off leaves those before, and
        the same call again does the rest.

        Raises:
            ScheduleNotFoundError: There is none of this name.
            ScheduleError: The range is none, reaches into the future, or holds over 10,000 ticks;
                or its input or its options do not fit the workflow any more, or the input cannot be
                read.
            UnknownWorkflowError: This process does not know the workflow.
            ExecutionKeyConflictError: A tick was started before, with another input.
        """
        schedule = self._store.load_schedule(name)
        wanted = self._list_unstarted(
            schedule, check_instant("start", start), check_instant("end", end)
        )
        if dry_run:
            return Backfill(schedule_name=name, is_dry_run=True, ticks=tuple(wanted))
        done: list[tuple[datetime, UUID]] = []
        for begin in range(0, len(wanted), _BATCH):
            batch = wanted[begin : begin + _BATCH]
            work = partial(self._start_batch, name, batch, by=by, reason=reason)
            done += self._engine.store.transact(work)
        return Backfill(
            schedule_name=name,
            is_dry_run=False,
            ticks=tuple(tick_at for tick_at, _ in done),
            execution_ids=tuple(execution_id for _, execution_id in done),
        )

    def _list_unstarted(self, schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
        now = self._engine.store.now()
        if not start < end <= now:
            raise ScheduleError(
                "end", "A backfill begins before its end, and its end is not in the future."
            )
        ticks = iterate(ticks_of(schedule), start - _MICROSECOND, end - _MICROSECOND)
        found = list(islice(ticks, MOST_BACKFILLED + 1))
        if len(found) > MOST_BACKFILLED:
            raise ScheduleError(
                "end",
                f"More than {MOST_BACKFILLED} ticks of schedule {schedule.name!r} lie in that "
                f"range: backfill it part by part.",
            )
        told = self._store.list_ticks_between(schedule.name, start, end)
        settled = {tick.tick_at for tick in told if tick.outcome not in _MADE_UP_FOR}
        before = self._store.find_clock_tick_before(schedule.name, start)
        skipped = _Skipped(told if before is None else [before, *told])
        return [one for one in found if one not in settled and not skipped.holds(one)]

    def _start_batch(
        self, name: str, batch: Sequence[datetime], *, by: Actor, reason: str
    ) -> list[tuple[datetime, UUID]]:
        schedule = self._store.lock(name)
        now = self._engine.store.now()
        done = []
        for tick_at in batch:
            former = self._store.find_tick(name, tick_at)
            if former is not None and former.outcome not in _MADE_UP_FOR:
                continue  # somebody was here since it was looked for
            handle = self._start(schedule, tick_at, by=by, reason=reason)
            tick = _requested(schedule, tick_at, TickKind.BACKFILL, by, now)
            tick = replace(tick, execution_id=handle.id)
            if former is None:
                self._store.insert_tick(tick)
            else:
                told = f"{tick.detail} Before: {former.detail}"[:_LONGEST_DETAIL]
                self._store.replace_tick(replace(tick, detail=told), _MADE_UP_FOR)
            done.append((tick_at, handle.id))
        return done

    def _start(
        self, schedule: Schedule, tick_at: datetime, *, by: Actor, reason: str
    ) -> ExecutionHandle[Any]:
        try:
            return self._starter.start(schedule, tick_at, by=by, reason=reason)
        except (TypeError, PayloadError, DefinitionError) as error:
            field = "workflow" if isinstance(error, DefinitionError) else "input"
            told = str(error).rstrip(".")
            raise ScheduleError(
                field, f"Schedule {schedule.name!r} cannot start its workflow: {told}."
            ) from error

    def _free_instant(self, name: str, now: datetime) -> datetime:
        """Return an instant at or after `now` that is no nominal tick: these are whole seconds."""
        instant = now
        while not instant.microsecond or self._store.find_tick(name, instant) is not None:
            instant += _MICROSECOND
        return instant


class _Skipped:
    """Which instants the overlap policy skipped; of several in a row only the first has a tick.

    Args:
        ticks: What is told of a range, the earliest first; with the clock's last one before it,
            which may reach into it.
    """

    def __init__(self, ticks: Sequence[ScheduleTick]) -> None:
        found = [tick for tick in ticks if tick.outcome is TickOutcome.SKIPPED]
        self._firsts = [tick.tick_at for tick in found]
        # It tells of all that were due when it was written.
        self._lasts = [tick.created_at or tick.tick_at for tick in found]

    def holds(self, tick_at: datetime) -> bool:
        """Say whether this instant was skipped."""
        place = bisect_right(self._firsts, tick_at)
        return place > 0 and tick_at <= self._lasts[place - 1]


def _requested(
    schedule: Schedule, tick_at: datetime, kind: TickKind, by: Actor, now: datetime
) -> ScheduleTick:
    return ScheduleTick(
        schedule_name=schedule.name,
        tick_at=tick_at,
        kind=kind,
        outcome=TickOutcome.STARTED,
        detail=f"Asked for by {by}."[:_LONGEST_DETAIL],
        created_at=now,
    )
