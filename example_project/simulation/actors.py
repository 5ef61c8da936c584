"""Those who interfere while the executions go on: the reviewers, the customer, and the saboteur."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from durable_django import DurableError
from example_project.simulation.board import Line
from example_project.simulation.models import GatewayCall, LedgerEntry
from example_project.simulation.scenario import Scenario

Tell = Callable[[str], object]


class Visitors:
    """Signal, answer or cancel each execution that somebody waits to, once it waits for that."""

    def __init__(self, scenarios: Iterable[Scenario], tell: Tell) -> None:
        self._waiting = {s.id: (s, dict(s.acts)) for s in scenarios if s.acts}
        self._tell = tell

    def act(self, lines: Mapping[UUID, Line]) -> None:
        for id_, (scenario, acts) in list(self._waiting.items()):
            line = lines.get(id_)
            if line is None:
                continue
            awaited = next((name for name in acts if line.is_waiting_for(name)), None)
            if line.has_settled:
                del self._waiting[id_]
            elif awaited is not None:
                self._act_once(scenario, awaited, acts.pop(awaited))

    def _act_once(self, scenario: Scenario, awaited: str, act: Callable[[], object]) -> None:
        try:
            act()
        except DurableError as error:
            self._tell(f"{scenario.name}: {error}")
        else:
            self._tell(f"{scenario.name} waits for {awaited}: {scenario.story}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """What the saboteur did."""

    #: The worker that is no more.
    pid: int
    #: The call that it was in.
    call: GatewayCall
    at: datetime


class Saboteur:
    """Kill the worker that charges the victim, after the gateway took the money."""

    def __init__(self, victim: Scenario, kill: Callable[[int], bool], tell: Tell) -> None:
        self._victim = victim
        self._kill = kill
        self._tell = tell
        self.done: Kill | None = None
        self._has_told_stranger = False
        self._has_told_takeover = False

    def act(self) -> None:
        if self.done is None:
            self._strike()
        elif not self._has_told_takeover:
            self._watch(self.done)

    def find_takeover(self) -> GatewayCall | None:
        """Return the first call of whoever went on with the step, if anybody did."""
        if self.done is None:
            return None
        calls = GatewayCall.objects.filter(
            reference=self._victim.name, operation="charge", pk__gt=self.done.call.pk
        )
        return calls.order_by("pk").first()

    def _strike(self) -> None:
        open_calls = GatewayCall.objects.filter(
            reference=self._victim.name, operation="charge", ended_at=None
        )
        call = open_calls.first()
        if call is None or not LedgerEntry.objects.filter(idempotency_key=call.idempotency_key):
            return
        if self._kill(call.pid):
            self.done = Kill(pid=call.pid, call=call, at=timezone.now())
            self._tell(
                f"KILL -9 {call.pid}: the worker in the middle of process_payment of "
                f"{self._victim.name}. The card is charged, and no checkpoint says so."
            )
        elif not self._has_told_stranger:
            self._has_told_stranger = True
            self._tell(
                f"{self._victim.name} is in process {call.pid}, which this demo did not start and "
                "does not kill. Is another cluster running on this database?"
            )

    def _watch(self, done: Kill) -> None:
        takeover = self.find_takeover()
        if takeover is None:
            return
        self._has_told_takeover = True
        self._tell(
            f"Worker {takeover.pid} took {self._victim.name} over "
            f"{(takeover.began_at - done.at).total_seconds():.1f} s later, with the same "
            "idempotency key."
        )
