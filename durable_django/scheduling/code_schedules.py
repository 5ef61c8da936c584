"""CodeSchedules: keep the rows of the schedules that `@workflow(schedule=…)` defines like the code.

A row per scheduled workflow, under the workflow's name; of several versions the highest that has a
schedule counts, and whichever is the highest then is started. People may disable and enable such
a schedule, which stays as they left it. One whose workflow nobody knows when it ticks is disabled
by that tick, and enabled again by the first process that defines it: a deployment was taken back,
and comes once more.

While two deployments run side by side, each writes its own timing now and then. A tick is started
once all the same, and when the older one is gone the newer one's timing stays. A new timing counts
from the first tick that is due and was not seen to: what both timings have is not lost, and what
was due during a deployment is caught up with by the policy for misfires.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from durable_django.domain.cron import CronExpression
from durable_django.domain.event import CODE
from durable_django.domain.recurrence import Recurrence, check_instant
from durable_django.domain.schedule import (
    FoldPolicy,
    GapPolicy,
    MisfirePolicy,
    OverlapPolicy,
    Schedule,
    ScheduleSource,
)
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import Registry
from durable_django.exceptions import PayloadError, ScheduleExistsError
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.scheduling.options import anchored, is_timed_alike
from durable_django.scheduling.rules import check_schedule

logger = logging.getLogger(__name__)

_MICROSECOND = timedelta(microseconds=1)
#: Why a schedule is disabled whose workflow no longer has one; it is enabled if that changes.
#: Said by a sync that finds the workflow without it, and by a tick that finds no workflow.
REMOVED_FROM_CODE = "The code no longer defines it."
#: What the code says of a schedule, beside its input and its anchor.
_SAID_IN_CODE = (
    "workflow_name",
    "workflow_version",
    "description",
    "tick_argument",
    "queue",
    "priority",
    "tags",
    "cron",
    "every",
    "timezone",
    "gap",
    "fold",
    "misfire",
    "misfire_grace",
    "overlap",
    "disable_after",
    "source",
)


#: What was done; None: nothing.
Written = Literal["created", "changed", "disabled"] | None


@dataclass(slots=True)
class SyncReport:
    """What was written, by name."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    #: Defined in the code no longer.
    disabled: list[str] = field(default_factory=list)
    #: What could not be written; the log says why.
    refused: list[str] = field(default_factory=list)


class CodeSchedules:
    """Writes schedules as the code has them; two processes may do so at once."""

    def __init__(self, engine: DurableEngine, store: ScheduleStore) -> None:
        self._engine = engine
        self._store = store
        #: Said once, and not once a minute.
        self._complained: set[str] = set()

    def sync(self, registry: Registry) -> SyncReport:
        """Write what differs; a look that finds nothing to write is one statement.

        A schedule whose name a person's schedule has is refused, and so is one that cannot be
        written: its input cannot be stored, say. One whose workflow is registered here, and has a schedule in none of its
        versions, is disabled. What this process does not register at all is left alone: it may be
        another deployment's.
        """
        report = SyncReport()
        wanted = _wanted(registry)
        known = {one.name for one in registry.list_definitions()}
        stored = {one.name: one for one in self._store.list_schedules(ScheduleSource.CODE)}
        for name, recurrence in wanted.items():
            self._guarded(name, report, partial(self._write, name, recurrence, stored.get(name)))
        for name, schedule in stored.items():
            if schedule.is_enabled and name in known and name not in wanted:
                self._guarded(name, report, partial(self._disable, name))
        return report

    def _guarded(self, name: str, report: SyncReport, write: Callable[[], Written]) -> None:
        try:
            written = self._engine.store.transact(write)
        except Exception:
            # The boundary that keeps one schedule's trouble from the others.
            report.refused.append(name)
            if name not in self._complained:
                self._complained.add(name)
                logger.exception("Schedule of the code not written", extra={"schedule": name})
            return
        self._complained.discard(name)
        if written is not None:
            getattr(report, written).append(name)
            logger.info("Schedule of the code written", extra={"schedule": name, "act": written})

    def _write(self, name: str, recurrence: Recurrence, stored: Schedule | None) -> Written:
        text = self._engine.payloads.encode(recurrence.input, f"Input of schedule {name!r}")
        fresh = replace(_from_code(name, recurrence), input=text)
        if stored is None:
            return self._insert(fresh)
        if self._is_same(stored, fresh) and stored.disabled_reason != REMOVED_FROM_CODE:
            return None
        current = self._lock(name)
        now = self._engine.store.now()
        said = {one: getattr(fresh, one) for one in _SAID_IN_CODE}
        anchor_at = fresh.anchor_at or current.anchor_at
        edited = replace(current, **said, input=text, anchor_at=anchor_at, updated_at=now)
        edited = anchored(replace(edited, actor_name=str(CODE)), now)
        if current.disabled_reason == REMOVED_FROM_CODE:
            edited = replace(edited, is_enabled=True, disabled_reason="", consecutive_failures=0)
        ticks = check_schedule(edited, now)
        if edited.is_enabled and not (current.is_enabled and is_timed_alike(current, edited)):
            begin = _unseen_since(current, edited, now)
            edited = replace(edited, next_tick_at=ticks.next_after(begin))
        self._store.save_schedule(edited)
        return "changed"

    def _insert(self, fresh: Schedule) -> Written:
        now = self._engine.store.now()
        fresh = anchored(replace(fresh, created_at=now, updated_at=now), now)
        first = check_schedule(fresh, now).next_after(now)
        if self._store.insert_schedule(replace(fresh, next_tick_at=first)):
            return "created"
        if self._store.load_schedule(fresh.name).source is ScheduleSource.USER:
            raise ScheduleExistsError(fresh.name)
        return None  # another process was here first

    def _is_same(self, stored: Schedule, fresh: Schedule) -> bool:
        return (
            all(getattr(stored, one) == getattr(fresh, one) for one in _SAID_IN_CODE)
            and fresh.anchor_at in (None, stored.anchor_at)
            and self._is_same_input(stored.input, fresh.input)
        )

    def _is_same_input(self, stored: str, fresh: str) -> bool:
        payloads = self._engine.payloads
        try:
            # An encrypting codec never writes the same text twice.
            return payloads.is_digest_of(payloads.digest(stored), fresh)
        except PayloadError:  # its key is gone, say: the code has it still
            return False

    def _lock(self, name: str) -> Schedule:
        schedule = self._store.lock(name)
        if schedule.source is ScheduleSource.USER:
            # It was deleted since it was looked for, and somebody made one of this name.
            raise ScheduleExistsError(name)
        return schedule

    def _disable(self, name: str) -> Written:
        schedule = self._lock(name)
        if not schedule.is_enabled:
            return None  # somebody did so since it was looked for
        disabled = replace(
            schedule,
            is_enabled=False,
            next_tick_at=None,
            disabled_reason=REMOVED_FROM_CODE,
            updated_at=self._engine.store.now(),
            actor_name=str(CODE),
        )
        self._store.save_schedule(disabled)
        return "disabled"


def is_defined(registry: Registry, name: str) -> bool:
    """Say whether the code, as this process knows it, defines a schedule of this name."""
    return name in _wanted(registry)


def _wanted(registry: Registry) -> dict[str, Recurrence]:
    """Return the schedules of the registry by the names of their workflows."""
    # Ordered by version: the highest that has one stays.
    return {one.name: one.schedule for one in registry.list_definitions() if one.schedule}


def _unseen_since(current: Schedule, edited: Schedule, now: datetime) -> datetime:
    """Return after which instant a schedule of another timing ticks next."""
    due = current.next_tick_at
    is_counted_anew = edited.anchor_at not in (None, current.anchor_at)
    if due is None or not current.is_enabled or is_counted_anew:
        return now
    return min(now, due - _MICROSECOND)


def _from_code(name: str, recurrence: Recurrence) -> Schedule:
    when = recurrence.when
    anchor_at = recurrence.anchor_at if isinstance(when, timedelta) else None
    return Schedule(
        name=name,
        workflow_name=name,
        description=recurrence.description,
        tick_argument=recurrence.tick_argument,
        queue=recurrence.queue,
        priority=recurrence.priority,
        tags=tuple(recurrence.tags),
        cron="" if isinstance(when, timedelta) else CronExpression(when).text,
        every=when if isinstance(when, timedelta) else None,
        anchor_at=anchor_at and check_instant("anchor_at", anchor_at).replace(microsecond=0),
        timezone=recurrence.timezone,
        gap=GapPolicy(recurrence.gap),
        fold=FoldPolicy(recurrence.fold),
        misfire=MisfirePolicy(recurrence.misfire),
        misfire_grace=recurrence.misfire_grace,
        overlap=OverlapPolicy(recurrence.overlap),
        source=ScheduleSource.CODE,
        disable_after=recurrence.disable_after,
        actor_name=str(CODE),
    )
