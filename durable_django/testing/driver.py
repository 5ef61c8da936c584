"""Drive workflows by hand in a test: start, turn the clock, send signals, crash everywhere.

Everything runs in the test's own thread and transaction, on virtual time: a month passes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.status import CheckpointKind, CheckpointStatus
from durable_django.domain.task import Task
from durable_django.domain.task_form import TaskForm
from durable_django.engine.action_runner import InlineActionRunner
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.start_request import StartRequest
from durable_django.engine.task_answers import encode_data
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.schedule_store import ScheduleStore
from durable_django.scheduling.schedule_keeper import ScheduleKeeper
from durable_django.stores.memory.schedules import InMemoryScheduleStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.crash import CrashingStore, CrashPoint, SimulatedCrash
from durable_django.testing.ends import End, end_of

P = ParamSpec("P")
R = TypeVar("R")

LEASE = timedelta(seconds=30)
#: More slices than this without the clock moving: something makes work for ever.
MAX_SLICES = 10_000


def check_fields(task: Task, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answer if it fits the task's fields; a Django form is only known to Django.

    Raises:
        FieldErrors: It does not fit.
    """
    return data if task.form else TaskForm.from_json(task.fields).clean(data)


class DurableDriver:
    """Starts executions and advances them whenever something happens."""

    def __init__(
        self,
        build: Callable[[CheckpointStore, ManualClock], DurableEngine],
        new_store: Callable[[ManualClock], CheckpointStore],
        use: Callable[[DurableEngine], object] = lambda _: None,
        isolate: Callable[[], AbstractContextManager[object]] = nullcontext,
        new_schedules: Callable[[CheckpointStore], ScheduleStore] = InMemoryScheduleStore,
        check_answer: Callable[[Task, Mapping[str, Any]], Mapping[str, Any]] = check_fields,
    ) -> None:
        self._build = build
        self._new_store = new_store
        self._use = use
        self._isolate = isolate
        self._new_schedules = new_schedules
        self._check_answer = check_answer
        self.crashes = 0
        self._reset(None)

    def _reset(self, point: CrashPoint | None) -> None:
        self.clock = ManualClock()
        self._crashing = CrashingStore(self._new_store(self.clock), point)
        self.store = self._crashing.as_store()
        self.schedule_store = self._new_schedules(self.store)
        self._begin()

    def _begin(self) -> None:
        self.engine = self._build(self.store, self.clock)
        self._use(self.engine)
        #: Has schedules tick. Those that the code defines are there after `schedules.sync()`.
        self.schedules = ScheduleKeeper(self.engine, self.schedule_store)

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

    def complete_task(
        self,
        execution: ExecutionHandle[Any] | UUID,
        name: str,
        data: Mapping[str, Any] | None = None,
        *,
        by: str = "",
        comment: str = "",
    ) -> None:
        """Answer the execution's open task of this name (or key), and advance what that wakes.

        The answer passes the task's fields or form, as in the inbox; without Django's harness, a
        form's cleaned data are given. Who is a candidate is not looked at.

        Args:
            execution: Whose task it is.
            name: What the workflow asks.
            data: Values by the names of the fields.
            by: The user who answers; by default who has the task, or `tester`.
            comment: What they say beside it.

        Raises:
            LookupError: It asks nothing by that name now.
            FieldErrors: The answer does not fit the fields or the form.
            TaskForbiddenError: The task is another user's, or the four-eyes rule excludes `by`.
        """
        open_tasks = [task for task in self.tasks(execution) if task.status.is_active]
        task = next((task for task in open_tasks if name in (task.key, task.name)), None)
        if task is None:
            listed = ", ".join(task.key for task in open_tasks) or "nothing"
            raise LookupError(f"It asks nothing named {name!r} now. It asks: {listed}.")
        answer = dict(self._check_answer(task, data or {}))
        user = by or task.assignee or "tester"
        text = encode_data(self.engine.payloads, task.name, answer, by=user, comment=comment)
        actor = Actor(kind=ActorKind.USER, id=user, name=user)
        self.store.complete_task(task.id, user, text, comment, actor)
        self._settle(execution)

    def advance(self, by: timedelta = timedelta(0), **units: float) -> None:
        """Let time pass, stopping at every alarm on the way: `advance(hours=24)`.

        Schedules tick too, if there are any: `durable_django.schedules.create(…)`, or
        `durable.schedules.sync()` for those that the code defines. A handle must be refreshed
        afterwards to show where its execution stands.
        """
        end = self.clock.now() + by + timedelta(**units)
        self.drain()
        while (alarm := self._next_alarm()) is not None and alarm <= end:
            self.clock.set(max(alarm, self.clock.now()))
            self.drain()
        self.clock.set(max(end, self.clock.now()))
        self.drain()

    def drain(self) -> None:
        """Advance until nothing is due now; a simulated crash is followed by a restart."""
        while True:
            try:
                self._tick_schedules()
                self.engine.drain(self._queues(), MAX_SLICES)
            except SimulatedCrash:
                self.crashes += 1
                self.restart()
            else:
                return

    def restart(self) -> None:
        """Go on as another process would: nothing in memory, and every lease has run out."""
        self.engine.dispose()
        self._begin()
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

    def tasks(self, execution: ExecutionHandle[Any] | UUID) -> list[Task]:
        """Return what the execution has asked of people, over or not, in order."""
        return self.store.list_tasks(_id(execution))

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
            return end_of(execution, self.store, same()), list(self._crashing.writes)

    def _settle(self, execution: ExecutionHandle[Any] | UUID) -> None:
        self.drain()
        if isinstance(execution, ExecutionHandle):
            execution.refresh()

    def _next_alarm(self) -> datetime | None:
        alarms = (
            self.store.next_alarm(self._queues()),
            self.store.next_admission(),
            self.schedules.next_alarm(),
        )
        return min((alarm for alarm in alarms if alarm is not None), default=None)

    def _tick_schedules(self) -> None:
        while (alarm := self.schedules.next_alarm()) is not None and alarm <= self.clock.now():
            report = self.schedules.run_due()
            assert not report.undone, f"schedules {report.undone} could not tick; see the log"

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
