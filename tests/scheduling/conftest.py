from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest

from durable_django.domain.execution import Execution
from durable_django.domain.schedule import Schedule
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import Registry
from durable_django.engine.workflow_function import workflow
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.scheduling.schedule_editor import ScheduleEditor
from durable_django.scheduling.schedule_keeper import ScheduleKeeper, ScheduleReport
from durable_django.scheduling.tick_requester import TickRequester
from durable_django.stores.memory.schedules import InMemoryScheduleStore
from durable_django.stores.orm.schedules import OrmScheduleStore
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing import InMemoryCheckpointStore, ManualClock, build_test_engine

PARAMS = [
    pytest.param("memory", id="memory"),
    pytest.param("orm", id="orm", marks=pytest.mark.django_db),
]


@dataclass
class World:
    """A store of each kind, an engine on virtual time, and all that acts on schedules."""

    store: CheckpointStore
    schedules: ScheduleStore
    clock: ManualClock
    registry: Registry = field(default_factory=Registry)

    def __post_init__(self) -> None:
        self.engine: DurableEngine = build_test_engine(
            self.store, self.clock, registry=self.registry
        )
        self.keeper = ScheduleKeeper(self.engine, self.schedules)
        self.editor = ScheduleEditor(self.engine, self.schedules)
        self.requester = TickRequester(self.engine, self.schedules)

    def define(self, name: str, body: Callable[..., Any], **options: Any) -> None:
        """Register a workflow, or another body for it."""
        self.registry.forget(name, options.get("version", 1))
        workflow(name=name, registry=self.registry, **options)(body)

    def create(self, name: str = "hourly", **options: Any) -> Schedule:
        """Create a schedule of `nothing`, each hour unless the options say otherwise."""
        timing = {} if "every" in options else {"cron": "0 * * * *"}
        return self.editor.create(name, {"workflow": "nothing"} | timing | options)

    def run_at(self, instant: datetime) -> ScheduleReport:
        """Have the schedules tick that are due at an instant."""
        self.clock.set(instant)
        return self.keeper.run_due()

    def executions(self) -> list[Execution]:
        """Return all, the oldest first."""
        return self.store.list_executions(limit=10_000)[::-1]

    def outcomes(self, name: str = "hourly") -> list[tuple[str, str]]:
        """Return the ticks of a schedule, the earliest first: when, and what came of it."""
        ticks = self.schedules.list_ticks(name, 10_000)[::-1]
        return [(f"{tick.tick_at:%H:%M}", str(tick.outcome)) for tick in ticks]


def wait_for_good(ctx: Any) -> None:
    ctx.wait_signal("never")


@pytest.fixture(params=PARAMS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    clock = ManualClock()
    if request.param == "memory":
        store: CheckpointStore = InMemoryCheckpointStore(clock=clock)
        schedules: ScheduleStore = InMemoryScheduleStore(store)
    else:
        request.getfixturevalue("db")
        store, schedules = OrmCheckpointStore(clock=clock), OrmScheduleStore()
    world = World(store, schedules, clock)
    world.define("nothing", lambda ctx: None)
    world.define("waiting", wait_for_good)
    yield world
    world.engine.dispose()
