"""Start the execution of one tick: its key, its tags, its input, and what becomes of those before.

The key holds the schedule's name and the tick's instant, so that even where the row of a tick was
lost (the schedule was deleted and made again) a tick finds the execution it started.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from durable_django.domain.event import CODE, Actor, ActorKind
from durable_django.domain.schedule import OverlapPolicy, Schedule
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import (
    ExecutionNotFoundError,
    InvalidTransitionError,
    UnknownWorkflowError,
)


class TickStarter:
    """Starts executions for schedules, through the engine and in its store's transaction."""

    def __init__(self, engine: DurableEngine) -> None:
        self._engine = engine

    def start(
        self,
        schedule: Schedule,
        tick_at: datetime,
        *,
        supersedes: Sequence[UUID] = (),
        by: Actor = CODE,
        reason: str = "",
    ) -> ExecutionHandle[Any]:
        """Start the execution of a tick, and cancel those that it supersedes.

        All of it or nothing: what is raised undoes what was written, and no more than that.

        Args:
            schedule: Whose tick it is.
            tick_at: The nominal instant.
            supersedes: Executions to cancel; those that have ended meanwhile are passed over.
            by: Who asked for it; by default the schedule.
            reason: Why, for the audit.

        Raises:
            UnknownWorkflowError: This process does not know the workflow or the version.
            TypeError: The input does not fit it.
            PayloadError: The input cannot be read, or not be stored.
            ExecutionKeyConflictError: The tick was started before, with another input.
        """
        actor = by if by != CODE else actor_of(schedule)

        def start() -> ExecutionHandle[Any]:
            handle = self._engine.start_by_name(
                schedule.workflow_name,
                self.input_of(schedule, tick_at),
                version=schedule.workflow_version,
                options=options_for(schedule, tick_at),
                reason=reason,
                by=actor,
            )
            for execution_id in supersedes:
                if execution_id != handle.id:
                    self._supersede(execution_id, schedule, tick_at)
            return handle

        return self._engine.store.transact(start)

    def knows(self, workflow: str, version: int | None) -> bool:
        """Say whether this process could start this workflow."""
        try:
            self._engine.registry.load(workflow, version)
        except UnknownWorkflowError:
            return False
        return True

    def input_of(self, schedule: Schedule, tick_at: datetime) -> dict[str, Any]:
        """Return the arguments by name.

        Raises:
            PayloadError: What is stored cannot be read.
        """
        what = f"Input of schedule {schedule.name!r}"
        given: dict[str, Any] = self._engine.payloads.decode(schedule.input, what)
        return given | ({schedule.tick_argument: tick_at} if schedule.tick_argument else {})

    def _supersede(self, execution_id: UUID, schedule: Schedule, tick_at: datetime) -> None:
        # It ended, or is being undone already, since it was looked for.
        with suppress(InvalidTransitionError, ExecutionNotFoundError):
            self._engine.acts.cancel(
                execution_id,
                reason=f"Superseded by the tick {label_of(tick_at)} of schedule {schedule.name}.",
                by=actor_of(schedule),
            )


def options_for(schedule: Schedule, tick_at: datetime) -> StartOptions:
    """Return how a tick's execution is started."""
    is_queued = schedule.overlap is OverlapPolicy.QUEUE
    return StartOptions(
        key=f"~schedule/{schedule.name}/{label_of(tick_at)}",
        queue=schedule.queue or None,
        priority=schedule.priority,
        tags=(*schedule.tags, tag_of(schedule.name)),
        limit_key=f"~schedule/{schedule.name}" if is_queued else "",
        limit_max=1 if is_queued else 0,
    )


def tag_of(name: str) -> str:
    """Return the tag by which a schedule's executions are found."""
    return f"schedule:{name}"


def actor_of(schedule: Schedule) -> Actor:
    """Return the schedule as somebody who acts."""
    return Actor(kind=ActorKind.SCHEDULE, id=schedule.name, name=schedule.name)


def label_of(tick_at: datetime) -> str:
    """Return a tick's instant as its key says it: `2026-03-29T01:00:00Z`."""
    return tick_at.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
