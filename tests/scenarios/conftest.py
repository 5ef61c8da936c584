from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from durable_django import runtime
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.registry import Registry
from durable_django.engine.start_request import engine_slot
from durable_django.engine.workflow_function import WorkflowFunction, workflow
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing import ManualClock
from durable_django.testing.driver import DurableDriver, build_test_engine
from tests.scenarios.worlds import MEMORY, ORM, MemoryWorld, OrmWorld, World

_numbers = count(1)


@pytest.fixture(params=[MEMORY, ORM])
def world(request: pytest.FixtureRequest) -> World:
    return MemoryWorld() if request.param == "memory" else OrmWorld()


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def new_driver(world: World, registry: Registry) -> Iterator[Callable[..., Any]]:
    """Make drivers whose engines have what is asked for, on the world of the test."""
    provider, former = engine_slot.provider, runtime.use_engine(None)

    def use(engine: DurableEngine) -> None:
        engine_slot.provider = lambda: engine
        runtime.use_engine(engine)

    def make(**needs: Any) -> DurableDriver:
        def build(store: CheckpointStore, clock: ManualClock) -> DurableEngine:
            return build_test_engine(store, clock, registry=registry, **(world.needs() | needs))

        return DurableDriver(build, world.new_store, use, world.isolate)

    yield make
    engine_slot.provider = provider
    runtime.use_engine(former)


@pytest.fixture
def driver(new_driver: Callable[..., DurableDriver]) -> DurableDriver:
    return new_driver()


@pytest.fixture
def define(registry: Registry) -> Callable[..., WorkflowFunction[Any, Any]]:
    """Register a body as a workflow of its own, or in place of the one of the same name."""

    def define(body: Callable[..., Any], **options: Any) -> WorkflowFunction[Any, Any]:
        name = options.pop("name", None) or f"scenario.{next(_numbers)}"
        registry.forget(name, options.get("version", 1))
        return workflow(name=name, registry=registry, **options)(body)

    return define


class Log(list[Any]):
    """What the actions of a test were called with, in order; lost with nothing but the test."""

    def action(self, entry: Any, result: Any = None) -> Callable[..., Any]:
        """Return an action that notes `entry` and returns `result`."""

        def act(*args: Any) -> Any:
            self.append(entry)
            return result

        return act


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def flaky(driver: DurableDriver, log: Log) -> Callable[..., Callable[..., Any]]:
    """Make an action that fails so many times, and then returns which attempt it was."""

    def make(failures: int, error: Callable[[str], Exception] = OSError) -> Callable[..., Any]:
        def act(*args: Any) -> int:
            log.append(driver.clock.now())
            if len(log) <= failures:
                raise error(f"no. {len(log)}")
            return len(log)

        return act

    return make
