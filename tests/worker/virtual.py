"""A worker's world in which time passes only when somebody rests or works."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from durable_django.domain.claim import Claim
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.registry import Registry
from durable_django.engine.start_request import StartOptions
from durable_django.engine.workflow_function import WorkflowFunction, workflow
from durable_django.stores.memory import InMemoryCheckpointStore
from durable_django.testing import ManualClock
from durable_django.worker.crew import Crew, InlineCrew
from durable_django.worker.pace import Pace
from durable_django.worker.pump import Pump
from durable_django.worker.store_time import StoreTime
from durable_django.worker.tally import Tally


class FakeDoorbell:
    """Implements the port with sets; what rings stays rung."""

    def __init__(self) -> None:
        self.rung: set[str] = set()
        self.attended: list[str] = []
        self.answered: list[str] = []

    def ring(self, slot: str, ttl: timedelta) -> bool:
        is_new = slot not in self.rung
        self.rung.add(slot)
        return is_new

    def answer(self, slot: str) -> None:
        self.answered.append(slot)
        self.rung.discard(slot)

    def is_unanswered(self, slot: str) -> bool:
        return slot in self.rung

    def attend(self, queue: str, ttl: timedelta) -> None:
        self.attended.append(queue)

    def is_attended(self, queue: str) -> bool:
        return queue in self.attended


class VirtualWorker:
    """An engine on a store in memory, a pump, and a crew that works in the test's own thread."""

    def __init__(self, *, most: int = 20, queues: tuple[str, ...] = ("default",)) -> None:
        self.clock = ManualClock()
        self.store = InMemoryCheckpointStore(self.clock)
        self.registry = Registry()
        options = EngineOptions(renews_leases=False)
        self.engine = DurableEngine(
            store=self.store, clock=self.clock, registry=self.registry, options=options
        )
        self.pace, self.tally, self.doorbell = Pace(most), Tally(), FakeDoorbell()
        self.rests: list[float] = []
        self.claims: list[tuple[str, int]] = []
        self.crew: Crew = InlineCrew(
            self.engine.run_claim,
            pace=self.pace,
            tally=self.tally,
            sleep=self.rest,
            monotonic=self.monotonic,
        )
        self.pump = self.new_pump(self.crew, queues)

    def new_pump(self, crew: Crew, queues: tuple[str, ...] = ("default",)) -> Pump:
        return Pump(
            self,
            queues,
            crew,
            pace=self.pace,
            tally=self.tally,
            doorbell=self.doorbell,
            monotonic=self.monotonic,
            store_time=StoreTime(self.store, compare_every=0, monotonic=self.monotonic),
        )

    def claim(self, queue: str, limit: int) -> list[Claim]:
        self.claims.append((queue, limit))
        return self.engine.claim(queue, limit)

    def give_back(self, claim: Claim) -> None:
        self.engine.give_back(claim)

    def monotonic(self) -> float:
        return self.clock.now().timestamp()

    def rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.clock.advance(seconds=seconds)

    def define(self, body: Callable[..., Any], name: str = "it") -> WorkflowFunction[Any, Any]:
        return workflow(name=name, registry=self.registry)(body)

    def start(self, function: WorkflowFunction[Any, Any], count: int = 1, **options: Any) -> None:
        inputs: list[tuple[tuple[Any, ...], dict[str, Any]]] = [((), {})] * count
        self.engine.start_many(function.definition, inputs, StartOptions(**options))

    def statuses(self) -> list[str]:
        return sorted(str(execution.status) for execution in self.store.list_executions(limit=1000))
