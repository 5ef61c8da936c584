"""ScheduleEditor: what people and programs do to schedules. Each act joins the caller's transaction.

When a schedule is created or enabled, or its timing is changed, it ticks next after that moment:
what was due before by the former timing, and nobody had seen to, is dropped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from durable_django.domain.event import CODE, Actor
from durable_django.domain.schedule import Schedule, ScheduleSource
from durable_django.engine.durable_engine import DurableEngine
from durable_django.exceptions import ScheduleDefinedInCodeError, ScheduleExistsError
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.scheduling.code_schedules import is_defined
from durable_django.scheduling.options import changed, is_timed_alike
from durable_django.scheduling.rules import (
    check_schedule,
    check_stored_input,
    check_text,
    encoded_input,
)
from durable_django.scheduling.ticks import ticks_of

logger = logging.getLogger(__name__)

_LONGEST_ACTOR = 255
#: Facts of a schedule that an upsert leaves as they are.
_OUTLAST_UPSERT = (
    "anchor_at",
    "is_enabled",
    "disabled_reason",
    "consecutive_failures",
    "next_tick_at",
    "last_tick_at",
    "actor_name",
    "created_at",
    "updated_at",
)
#: Options with which the input and the workflow must be held against each other again.
_CONCERNS_INPUT = frozenset({"workflow", "version", "tick_argument", "overlap"})


class ScheduleEditor:
    """Creates, changes, enables, disables and deletes schedules."""

    def __init__(self, engine: DurableEngine, store: ScheduleStore) -> None:
        self._engine = engine
        self._store = store

    def create(self, name: str, options: Mapping[str, Any], by: Actor = CODE) -> Schedule:
        """Add a schedule, enabled; `options` are those of `ScheduleChanges`.

        Raises:
            ScheduleExistsError: There is one of this name.
            ScheduleDefinedInCodeError: The code defines one of this name.
            UnknownWorkflowError: This process does not know the workflow.
            ScheduleError: An option is not legal.
        """

        def create() -> Schedule:
            schedule = self._new(name, options, self._engine.store.now())
            schedule = replace(schedule, actor_name=_name_of(by))
            if not self._store.insert_schedule(schedule):
                raise ScheduleExistsError(name)
            return schedule

        schedule = self._engine.store.transact(create)
        self._tell("created", schedule, by)
        return schedule

    def update(self, name: str, changes: Mapping[str, Any], by: Actor = CODE) -> Schedule:
        """Change some options; it stays enabled, or disabled.

        Raises:
            ScheduleNotFoundError: There is none of this name.
            ScheduleDefinedInCodeError: The code defines it.
            UnknownWorkflowError: This process does not know the workflow.
            ScheduleError: An option is not legal.
        """

        def edit(schedule: Schedule, now: datetime) -> Schedule:
            self._refuse_of_code(schedule, "changed")
            return self._edited(schedule, schedule, changes, now)

        return self._change(name, "updated", by, edit)

    def upsert(self, name: str, options: Mapping[str, Any], by: Actor = CODE) -> Schedule:
        """Create it; or, if there is one of this name, give that these options and no others.

        One that is there stays enabled, or disabled, and an interval keeps its anchor.

        Raises:
            ScheduleDefinedInCodeError: The code defines one of this name.
            UnknownWorkflowError: This process does not know the workflow.
            ScheduleError: An option is not legal.
        """

        def edit(schedule: Schedule, now: datetime) -> Schedule:
            self._refuse_of_code(schedule, "changed")
            facts = {one: getattr(schedule, one) for one in _OUTLAST_UPSERT}
            bare = Schedule(name=name, workflow_name="", **facts)
            return self._edited(schedule, bare, {"input": None, **options}, now)

        try:
            return self.create(name, options, by)
        except ScheduleExistsError:
            return self._change(name, "updated", by, edit)

    def enable(self, name: str, by: Actor = CODE) -> Schedule:
        """Let it tick again, from now on; its failures are forgotten.

        Enabling what is enabled changes nothing.

        Raises:
            ScheduleNotFoundError: There is none of this name.
            ScheduleError: It can no longer tick: its time zone is not known here, say.
        """

        def edit(schedule: Schedule, now: datetime) -> Schedule:
            if schedule.is_enabled:
                return schedule
            return replace(
                schedule,
                is_enabled=True,
                disabled_reason="",
                consecutive_failures=0,
                next_tick_at=ticks_of(schedule).next_after(now),
            )

        return self._change(name, "enabled", by, edit)

    def disable(self, name: str, reason: str = "", by: Actor = CODE) -> Schedule:
        """Let it tick no more; what it has started goes on.

        Raises:
            ScheduleNotFoundError: There is none of this name.
            ScheduleError: The reason cannot be stored.
        """
        check_text("reason", reason)

        def edit(schedule: Schedule, _now: datetime) -> Schedule:
            told = reason or f"Disabled by {by}."
            return replace(schedule, is_enabled=False, next_tick_at=None, disabled_reason=told)

        return self._change(name, "disabled", by, edit)

    def delete(self, name: str, by: Actor = CODE) -> None:
        """Delete it with the rows of its ticks; what it has started goes on.

        One of the code goes too, if this process's code defines it no longer.

        Raises:
            ScheduleNotFoundError: There is none of this name.
            ScheduleDefinedInCodeError: The code defines it.
        """

        def delete() -> Schedule:
            schedule = self._store.lock(name)
            if is_defined(self._engine.registry, name):
                self._refuse_of_code(schedule, "deleted")
            self._store.delete_schedule(name)
            return schedule

        self._tell("deleted", self._engine.store.transact(delete), by)

    # --- how ---

    def _change(
        self, name: str, act: str, by: Actor, edit: Callable[[Schedule, datetime], Schedule]
    ) -> Schedule:
        def change() -> Schedule:
            schedule = self._store.lock(name)
            now = self._engine.store.now()
            edited = edit(schedule, now)
            if edited == schedule:
                return schedule
            edited = replace(edited, updated_at=now, actor_name=_name_of(by))
            self._store.save_schedule(edited)
            return edited

        schedule = self._engine.store.transact(change)
        self._tell(act, schedule, by)
        return schedule

    def _new(self, name: str, options: Mapping[str, Any], now: datetime) -> Schedule:
        if is_defined(self._engine.registry, name):
            raise ScheduleDefinedInCodeError(name, "created")
        blank = Schedule(name=name, workflow_name="", created_at=now, updated_at=now)
        return self._edited(blank, blank, {"input": None, **options}, now)

    def _edited(
        self, former: Schedule, base: Schedule, changes: Mapping[str, Any], now: datetime
    ) -> Schedule:
        """Return `base` with these options, checked; it ticks as `former` if it is timed like it."""
        edited = changed(base, changes, now)
        ticks = check_schedule(edited, now)
        if "input" in changes:
            text = encoded_input(self._engine, edited, changes["input"], now)
            edited = replace(edited, input=text)
        elif changes.keys() & _CONCERNS_INPUT:
            check_stored_input(self._engine, edited, now)
        if edited.is_enabled and not is_timed_alike(former, edited):
            edited = replace(edited, next_tick_at=ticks.next_after(now))
        return edited

    def _refuse_of_code(self, schedule: Schedule, act: str) -> None:
        if schedule.source is ScheduleSource.CODE:
            raise ScheduleDefinedInCodeError(schedule.name, act)

    def _tell(self, act: str, schedule: Schedule, by: Actor) -> None:
        facts = {"schedule": schedule.name, "act": act, "actor": str(by)}
        logger.info("Schedule edited", extra=facts)


def _name_of(actor: Actor) -> str:
    return str(actor)[:_LONGEST_ACTOR]
