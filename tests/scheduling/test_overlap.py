"""What a tick does whose predecessor has not ended, whatever has become of that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from durable_django.domain.event import ActorKind, EventType
from durable_django.domain.status import ExecutionStatus
from tests.scheduling.conftest import World, wait_for_good

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return MIDNIGHT + timedelta(hours=hours)


def park(ctx: Any) -> None:
    if ctx.step("look", lambda: True):
        raise ValueError("somebody must see to it")


def bring(world: World, execution_id: UUID, situation: str) -> None:
    """Have an execution that was started paused, or parked, or just as it is."""
    if situation == "new":
        return
    if situation == "paused":
        world.engine.acts.pause(execution_id)
    world.engine.drain()
    assert world.store.load_execution(execution_id).status == situation


def test_skip_waits_for_the_end_of_the_predecessor(world: World):
    world.create(workflow="waiting")
    world.run_at(at(1))
    world.engine.drain()

    world.run_at(at(2))
    world.engine.send_signal(world.executions()[0].id, "never")
    world.engine.drain()
    world.run_at(at(3))

    assert [outcome for _, outcome in world.outcomes()] == ["started", "skipped", "started"]


def test_skip_does_not_mind_other_executions_of_the_workflow(world: World):
    world.engine.start_by_name("waiting")
    world.create(workflow="waiting")

    world.run_at(at(1))

    assert world.outcomes() == [("01:00", "started")]


def test_allow_runs_side_by_side(world: World):
    world.create(workflow="waiting", overlap="allow")

    world.run_at(at(1))
    world.run_at(at(2))
    world.engine.drain()

    statuses = [execution.status for execution in world.executions()]
    assert statuses == [ExecutionStatus.SUSPENDED] * 2


def test_cancel_running_cancels_what_is_open_and_says_why(world: World):
    world.create(workflow="waiting", overlap="cancel_running")
    world.run_at(at(1))
    world.engine.drain()

    world.run_at(at(2))
    world.engine.drain()

    first, second = world.executions()
    assert (first.status, second.status) == ("cancelled", "suspended")
    assert first.cancel_reason == (
        "Superseded by the tick 2026-01-01T02:00:00Z of schedule hourly."
    )
    cancel = world.store.list_events(first.id, after=0, limit=9)[-1]
    assert cancel.type is EventType.CANCEL_REQUESTED
    assert (cancel.actor.kind, cancel.actor.name) == (ActorKind.SCHEDULE, "hourly")


@pytest.mark.parametrize("situation", ["new", "paused", "parked"])
def test_cancel_running_cancels_whatever_has_not_ended(world: World, situation: str):
    world.define("waiting", park if situation == "parked" else wait_for_good, on_failure="park")
    world.create(workflow="waiting", overlap="cancel_running")
    world.run_at(at(1))
    [first] = world.executions()
    bring(world, first.id, situation)

    world.run_at(at(2))
    world.engine.drain()

    assert world.executions()[0].status is ExecutionStatus.CANCELLED
    assert world.outcomes() == [("01:00", "started"), ("02:00", "started")]


@pytest.mark.parametrize("situation", ["paused", "parked"])
@pytest.mark.parametrize("overlap", ["skip", "queue"])
def test_skip_and_queue_wait_for_what_a_person_must_see_to(
    world: World, overlap: str, situation: str
):
    world.define("waiting", park if situation == "parked" else wait_for_good, on_failure="park")
    world.create(workflow="waiting", overlap=overlap)
    world.run_at(at(1))
    [first] = world.executions()
    bring(world, first.id, situation)

    world.run_at(at(2))
    world.engine.drain()
    before = [execution.started_at for execution in world.executions()[1:]]
    world.engine.acts.cancel(first.id)
    world.engine.drain()
    world.run_at(at(3))
    world.engine.drain()

    assert before == ([None] if overlap == "queue" else [])
    second = world.executions()[1]
    assert second.started_at is not None
    assert len(world.executions()) == (3 if overlap == "queue" else 2)


def test_cancel_running_cancels_nothing_if_it_cannot_start(world: World):
    world.create(workflow="waiting", overlap="cancel_running")
    world.run_at(at(1))
    world.engine.drain()
    world.registry.forget("waiting")

    world.run_at(at(2))

    [first] = world.executions()
    assert first.cancel_requested_at is None


def test_queue_lets_the_next_begin_when_the_one_before_has_ended(world: World):
    world.create(workflow="waiting", overlap="queue")
    for hours in (1, 2):
        world.run_at(at(hours))
        world.engine.drain()
    first, second = world.executions()
    before = (first.status, second.status)

    world.engine.send_signal(first.id, "never")
    world.engine.drain()

    assert before == ("suspended", "pending")
    statuses = [execution.status for execution in world.executions()]
    assert statuses == ["completed", "suspended"]
