"""Find what stopped moving and set it moving again.

Recovery is not a special path: a crashed execution's alarm is the end of its lease, so that the
ordinary claim finds it. The scanner claims whatever is due, hands over what only a vanished
process would have advanced, and says what became of each. Two scanners do not collide: the claim
decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from durable_django.domain.claim import Claim
from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.registry import Registry
from durable_django.engine.slice_outcome import SliceOutcome
from durable_django.ports.checkpoint_store import CheckpointStore, LeaseLost

BATCH = 20


@dataclass(slots=True)
class RecoveryReport:
    """What a scan did, by id, in the order it was done."""

    #: Advanced: they wait again, ended, or go on later.
    resumed: list[UUID] = field(default_factory=list)
    #: Ended because their time to live was over.
    expired: list[UUID] = field(default_factory=list)
    #: Stopped; a person must look.
    parked: list[UUID] = field(default_factory=list)

    def add(self, outcome: SliceOutcome) -> None:
        """File one outcome; a slice that was dropped is somebody else's, or comes again."""
        if outcome.status is None:
            return
        if outcome.has_expired:
            self.expired.append(outcome.execution_id)
        elif outcome.status is ExecutionStatus.PARKED:
            self.parked.append(outcome.execution_id)
        else:
            self.resumed.append(outcome.execution_id)

    def to_json(self) -> dict[str, list[str]]:
        """Return it as lists of id strings."""
        return {
            "resumed": [str(i) for i in self.resumed],
            "expired": [str(i) for i in self.expired],
            "parked": [str(i) for i in self.parked],
        }


class Advancer(Protocol):
    """What the scanner asks of the engine."""

    registry: Registry

    def claim(self, queue: str, limit: int) -> list[Claim]:
        """Claim due executions."""

    def run_claim(self, claim: Claim) -> SliceOutcome:
        """Advance one by a slice."""

    def give_back(self, claim: Claim) -> None:
        """Release one on which nothing was begun."""


class RecoveryScanner:
    """Scans for due work and advances each execution it claims by one slice.

    Args:
        store: Where the executions are.
        engine: Advances them.
        grace: How long a FOREGROUND execution that no slice holds is left to its own process after
            its alarm. None is left by default: whoever asks for a scan means now.
    """

    def __init__(
        self, *, store: CheckpointStore, engine: Advancer, grace: timedelta = timedelta(0)
    ) -> None:
        self._store = store
        self._engine = engine
        self._grace = grace

    def scan(
        self,
        registry: Mapping[str, Callable[..., Any]] | None = None,
        *,
        queues: Collection[str] = ("default",),
        limit: int = 1000,
    ) -> RecoveryReport:
        """Advance up to `limit` executions that are due when the scan begins, one slice each.

        Of a queue with a limit, as many as may run at once. One that fails does not stop the rest.
        What stops this process (KeyboardInterrupt) stops the scan, and what it has claimed and not
        begun is given back.

        Args:
            registry: Bodies by workflow type, for executions that `DurableEngine.run` started in a
                process that has gone; workflows made with `@workflow` are known already.
            queues: Which queues to look into.
            limit: The most executions to advance, of all queues together.
        """
        for name, body in (registry or {}).items():
            definition = WorkflowDefinition(name=name, version=1, body=body, takes_raw_input=True)
            self._engine.registry.replace(definition)
        self._store.adopt_orphans(limit, self._grace)
        self._store.admit_waiting(limit)
        report = RecoveryReport()
        due = {queue: self._store.count_due(queue, limit) for queue in queues}
        for queue, count in due.items():
            limit -= self._advance(queue, min(count, limit), report)
        return report

    def _advance(self, queue: str, count: int, report: RecoveryReport) -> int:
        """Advance up to `count` executions; return how many were claimed for it."""
        left = count
        while left > 0:
            claims = self._engine.claim(queue, min(BATCH, left))
            if not claims:
                break
            left -= len(claims)
            self._run(claims, report)
        return count - left

    def _run(self, claims: Sequence[Claim], report: RecoveryReport) -> None:
        unbegun = deque(claims)
        try:
            while unbegun:
                report.add(self._engine.run_claim(unbegun.popleft()))
        finally:
            for claim in unbegun:
                # One that cannot be given back comes again when its lease has run out.
                with suppress(Exception, LeaseLost):
                    self._engine.give_back(claim)
