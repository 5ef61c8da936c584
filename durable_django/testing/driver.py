"""Drive workflows by hand in a test: start, turn the clock, send signals, crash everywhere.

Everything runs in the test's own thread and transaction, on virtual time: a month passes at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus, ExecutionStatus
from durable_django.engine.action_runner import InlineActionRunner
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.workflow_function import StartRequest
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.crash import CrashingStore, CrashPoint, SimulatedCrash

P = ParamSpec("P")
R = TypeVar("R")

LEASE = timedelta(seconds=30)
#: More slices than this without the clock moving: something makes work for ever.
MAX_SLICES = 10_000


@dataclass(frozen=True, slots=True)
class End:
    """How an execution of a scenario ended, for comparing a crashed run with an uncrashed one."""

    status: ExecutionStatus
    output: str | None
    error: str | None
    same: Any


class DurableDriver:
    """Starts executions and advances them whenever something happens."""

    def __init__(
        self,
        build: Callable[[CheckpointStore, ManualClock], DurableEngine],
        new_store: Callable[[ManualClock], CheckpointStore],
        use: Callable[[DurableEngine], object] = lambda _: None,
        isolate: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._build = build
        self._new_store = new_store
        self._use = use
        self._isolate = isolate
        self.crashes = 0
        self._reset(None)

    def _reset(self, point: CrashPoint | None) -> None:
        self.clock = ManualClock()
        self._crashing = CrashingStore(self._new_store(self.clock), point)
        self.store = self._crashing.as_store()
        self.engine = self._build(self.store, self.clock)
        self._use(self.engine)

    # --- acts: each is followed by whatever falls due because of it ---

    def start(
        self, workflow: StartRequest[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> ExecutionHandle[R]:
        """Start an execution and advance it as far as it goes without the clock moving."""
        handle = workflow.start(*args, **kwargs)
        self.drain()
        return handle.refresh()

    def signal(
        self,
        execution: ExecutionHandle[Any] | UUID,
        name: str,
        payload: Any = None,
        *,
        dedupe_key: str | None = None,
    ) -> None:
        """Send a signal and advance what it wakes."""
        self.engine.send_signal(_id(execution), name, payload, dedupe_key=dedupe_key)
        self._settle(execution)

    def cancel(
        self, execution: ExecutionHandle[Any] | UUID, reason: str = "", *, compensate: bool = True
    ) -> None:
        """Cancel and advance what that wakes."""
        self.engine.cancel(_id(execution), reason=reason, compensate=compensate)
        self._settle(execution)

    def pause(self, execution: ExecutionHandle[Any] | UUID) -> None:
        """Pause."""
        self.engine.pause(_id(execution))
        self._settle(execution)

    def resume(self, execution: ExecutionHandle[Any] | UUID) -> None:
        """Resume and advance."""
        self.engine.resume(_id(execution))
        self._settle(execution)

    def retry(self, execution: ExecutionHandle[Any] | UUID) -> None:
        """Retry and advance."""
        self.engine.retry(_id(execution))
        self._settle(execution)

    def advance(self, by: timedelta = timedelta(0), **units: float) -> None:
        """Let time pass, stopping at every alarm on the way: `advance(hours=24)`.

        A handle must be refreshed afterwards to show where its execution stands.
        """
        end = self.clock.now() + by + timedelta(**units)
        self.drain()
        while (alarm := self.store.next_alarm(self._queues())) is not None and alarm <= end:
            self.clock.set(max(alarm, self.clock.now()))
            self.drain()
        self.clock.set(max(end, self.clock.now()))
        self.drain()

    def drain(self) -> None:
        """Advance until nothing is due now; a simulated crash is followed by a restart."""
        while True:
            try:
                self.engine.drain(self._queues(), MAX_SLICES)
            except SimulatedCrash:
                self.crashes += 1
                self.restart()
            else:
                return

    def restart(self) -> None:
        """Go on as another process would: nothing in memory, and every lease has run out."""
        self.engine.dispose()
        self.engine = self._build(self.store, self.clock)
        self._use(self.engine)
        self.clock.advance(LEASE)

    # --- looking ---

    def steps(self, execution: ExecutionHandle[Any] | UUID) -> list[str]:
        """Return the keys of what completed (and was not undone), in order; undos apart."""
        return [
            c.key
            for c in self.checkpoints(execution)
            if c.status is CheckpointStatus.COMPLETED and c.kind is not CheckpointKind.UNDO
        ]

    def checkpoints(self, execution: ExecutionHandle[Any] | UUID) -> list[Checkpoint]:
        """Return every attempt that was recorded."""
        return self.store.list_checkpoints(_id(execution))

    def result(self, execution: ExecutionHandle[R]) -> R:
        """Return the result of an execution that has ended, or raise what it ended with."""
        return execution.result(timeout=timedelta(0))

    # --- crashing ---

    def crash_everywhere(
        self,
        scenario: Callable[[DurableDriver], ExecutionHandle[Any]],
        *,
        same: Callable[[], Any] = lambda: None,
    ) -> int:
        """Run a scenario once undisturbed, then once for every write, dying before and after it.

        Each time the workers' process "dies" at that write, its lease runs out, and another takes
        over. Asserts that every run ends like the undisturbed one: in status, result, error and
        in what `same()` returns. What the scenario wrote is rolled back between runs.

        Args:
            scenario: Starts one execution with this driver, brings it to its end, returns it.
            same: A picture of what must not depend on crashes, such as balances.

        Returns:
            The number of crashes that were survived.

        Raises:
            AssertionError: A run ended differently; the message names the write.
        """
        expected, writes = self._run_isolated(scenario, same, None)
        survived = 0
        for number in range(1, len(writes) + 1):
            for is_after in (False, True):
                point = CrashPoint(number, is_after=is_after)
                self.crashes = 0
                got, _ = self._run_isolated(scenario, same, point)
                when = "after" if is_after else "before"
                where = f"a crash {when} write {number} ({writes[number - 1]})"
                assert self.crashes == 1, f"{where} did not happen"
                assert got == expected, f"{where} changed the end:\n{got}\ninstead of\n{expected}"
                survived += 1
        self._reset(None)
        return survived

    def _run_isolated(
        self,
        scenario: Callable[[DurableDriver], ExecutionHandle[Any]],
        same: Callable[[], Any],
        point: CrashPoint | None,
    ) -> tuple[End, list[str]]:
        with self._isolate():
            self._reset(point)
            execution = scenario(self).refresh().execution
            own_id = str(execution.id)
            output, error = (
                text and text.replace(own_id, "<id>")
                for text in (execution.output, execution.error)
            )
            end = End(execution.status, output, error, same())
            return end, list(self._crashing.writes)

    def _settle(self, execution: ExecutionHandle[Any] | UUID) -> None:
        self.drain()
        if isinstance(execution, ExecutionHandle):
            execution.refresh()

    def _queues(self) -> tuple[str, ...]:
        return tuple(sorted({"default", *self.engine.registry.queues()}))


def build_test_engine(store: CheckpointStore, clock: ManualClock, **needs: Any) -> DurableEngine:
    """Return an engine for one thread on virtual time: no lease thread, actions run in place."""
    defaults: dict[str, Any] = {
        "options": EngineOptions(lease=LEASE, renews_leases=False),
        "actions": InlineActionRunner(clock),
    }
    return DurableEngine(store=store, clock=clock, **(defaults | needs))


def _id(execution: ExecutionHandle[Any] | UUID) -> UUID:
    return execution.id if isinstance(execution, ExecutionHandle) else execution
