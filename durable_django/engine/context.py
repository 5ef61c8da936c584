"""WorkflowContext: what a workflow's body may ask for, and nothing else."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, TypeVar, TypeVarTuple, overload
from uuid import UUID

from durable_django.domain.identifiers import check_name
from durable_django.domain.retry_policy import RetryPolicy
from durable_django.engine.child_calls import ChildCalls
from durable_django.engine.current_step import current_step
from durable_django.engine.error_recorder import printable
from durable_django.engine.group_calls import GroupCalls
from durable_django.engine.replay_logger import ReplayLogger
from durable_django.engine.retry_executor import RetryExecutor
from durable_django.engine.slice_state import SliceState
from durable_django.engine.step_executor import NO_FALLBACK, StepExecutor, StepOptions
from durable_django.engine.task_calls import TaskCalls
from durable_django.engine.wait_calls import WaitCalls
from durable_django.exceptions import DefinitionError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class WorkflowContext(WaitCalls, ChildCalls, GroupCalls, TaskCalls):
    """The durable calls of one workflow, given to its body as `ctx`.

    A durable call either returns what is recorded of it, or does its work and records it, or
    leaves the body until its work can be done. Make them in the body itself: not inside an action,
    another thread, or `transaction.atomic()`.
    """

    def __init__(self, state: SliceState, workflow_input: Any) -> None:
        self._state = state
        self._input = workflow_input
        self._steps = StepExecutor(state, RetryExecutor())
        self._uuids = 0
        # Every branch has its own: they may run in any order.
        branch = f"/{scope}" if (scope := state.replay.scope) else ""
        self._seed = f"{state.execution_id}{branch}"
        self._random = random.Random(f"{self._seed}/random")  # noqa: S311 -- repeatable

    def _new_context(self, state: SliceState) -> WorkflowContext:
        return WorkflowContext(state, self._input)

    # --- steps; the other durable calls are in the chapters ---

    @overload
    def step(
        self,
        name: str,
        action: Callable[[*Ts], Awaitable[T]],
        *args: *Ts,
        compensate: Callable[[T], object] | None = ...,
        compensate_retry: RetryPolicy | None = ...,
        retry: RetryPolicy | None = ...,
        timeout: timedelta | None = ...,
        atomic: bool = ...,
        at_most_once: bool = ...,
        raises: tuple[type[Exception], ...] = ...,
        serialize: Callable[[T], Any] | None = ...,
        deserialize: Callable[[Any], T] | None = ...,
        fallback: Any = ...,
    ) -> T: ...

    @overload
    def step(
        self,
        name: str,
        action: Callable[[*Ts], T],
        *args: *Ts,
        compensate: Callable[[T], object] | None = ...,
        compensate_retry: RetryPolicy | None = ...,
        retry: RetryPolicy | None = ...,
        timeout: timedelta | None = ...,
        atomic: bool = ...,
        at_most_once: bool = ...,
        raises: tuple[type[Exception], ...] = ...,
        serialize: Callable[[T], Any] | None = ...,
        deserialize: Callable[[Any], T] | None = ...,
        fallback: Any = ...,
    ) -> T: ...

    def step(  # type: ignore[misc]  # noqa: PLR0913 -- mypy cannot match *Ts with *args: Any
        self,
        name: str,
        action: Callable[..., Any],
        *args: Any,
        compensate: Callable[[Any], object] | None = None,
        compensate_retry: RetryPolicy | None = None,
        retry: RetryPolicy | None = None,
        timeout: timedelta | None = None,
        atomic: bool = False,
        at_most_once: bool = False,
        raises: tuple[type[Exception], ...] = (),
        serialize: Callable[[Any], Any] | None = None,
        deserialize: Callable[[Any], Any] | None = None,
        fallback: Any = NO_FALLBACK,
    ) -> Any:
        """Run `action(*args)` once and remember its result.

        By default the action runs at least once: a crash between its effect and its checkpoint
        runs it again, with the same `idempotency_key`. The value returned is the decoded stored
        one, on the first run as on replay.

        Args:
            name: Names the step for people and for replay; a second `charge` is `charge#2`.
            action: A function, or an `async def`. For keywords, wrap it in a lambda or partial.
            *args: JSON-storable values; they are stored and shown to people.
            compensate: Called with the step's result if the workflow fails or is cancelled later.
            compensate_retry: How often the undo is tried; by default 5 times, from 1 s on.
            retry: How often the action is tried; by default once. The worker is free in between.
            timeout: The longest that one attempt may take. A late action cannot be ended: it is
                left behind in its thread and may still have its effect. In an atomic step the
                time is compared when the action ends, and a late one is rolled back.
            atomic: Run the action and store its checkpoint in one database transaction: its
                ORM writes happen exactly once. Keep it short and keep other systems out of it.
            at_most_once: If a crash leaves it unknown whether the action ran, fail with
                `UnknownOutcomeError` instead of running it again.
            raises: Business errors: not tried again, and raised as themselves, live and on replay;
                an instance of a subclass as the class that is named here. What they hold is stored
                like a payload.
            serialize: Turns the result into something JSON-storable.
            deserialize: Turns what `serialize` gave back into the result.
            fallback: What the step returns instead of failing for good.

        Raises:
            StepFailedError: It failed for good (StepTimeoutError, UnknownOutcomeError).
            PayloadError: An argument is not JSON-storable; nothing was run.
            DurableCallError: The call stands where none may be.
        """
        check_name("step", name)
        if not callable(action):
            raise DefinitionError(f"Step {name!r} needs a callable action, not {action!r:.60}.")
        options = StepOptions(
            compensate=compensate,
            compensate_retry=compensate_retry,
            retry=retry or RetryPolicy.none(),
            timeout=timeout,
            atomic=atomic,
            at_most_once=at_most_once,
            raises=raises,
            serialize=serialize,
            deserialize=deserialize,
            fallback=fallback,
        )
        with self._state.durable_call(f"Step {name!r}"):
            return self._steps.execute(name, action, args, options)

    # --- repeatable values: the same on every replay, and nothing is stored ---

    def now(self) -> datetime:
        """Return workflow time (aware UTC): when the last durable call before this one ended.

        Before the first it is when the execution started. Use it instead of the clock.
        """
        return self._state.passed_at

    def uuid(self) -> UUID:
        """Return a UUID that is this call's own, and the same on every replay."""
        self._uuids += 1
        seed = f"{self._seed}/uuid/{self._uuids}"
        return UUID(bytes=sha256(seed.encode()).digest()[:16], version=4)

    @property
    def random(self) -> random.Random:
        """A random generator that gives this execution the same numbers on every replay.

        Not for secrets.
        """
        return self._random

    # --- about this execution ---

    @property
    def execution_id(self) -> UUID:
        """The id of this execution."""
        return self._state.execution_id

    @property
    def input(self) -> Any:
        """What the execution was started with: the arguments by name."""
        return self._input

    @property
    def idempotency_key(self) -> str:
        """The key of the step whose action is running: the same over attempts and crashes.

        Raises:
            DurableCallError: No action is running; use it inside one, such as a lambda.
        """
        return current_step().idempotency_key

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that is silent while the body only replays what it did before."""
        return ReplayLogger(self._state)

    def progress(self, done: int, total: int | None = None, message: str = "") -> None:
        """Tell people how far the workflow is: `done` of `total`, in units of your choice.

        Stored at once; not while the body replays.

        Raises:
            DefinitionError: `done` or `total` is no finite number.
        """
        for number in (done, total):
            if number is not None and not _is_finite(number):
                raise DefinitionError(f"Progress is told in finite numbers, not {number!r:.60}.")
        if self._state.replay.is_replaying or self._state.is_undoing:
            return
        with self._state.durable_call("Progress"):
            told: dict[str, object] = {
                "done": done,
                "total": total,
                "message": printable(message, 200),
            }
            self._state.write(self._state.needs.store.record_progress, self._state.claim, told)


def _is_finite(number: object) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)
