"""A workflow with the options of one start: start it, in bulk or alone, or run it here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

from asgiref.sync import sync_to_async

from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.limit import Limit
from durable_django.domain.status import Guarantee, OnConflict
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.exceptions import ConfigurationError, DefinitionError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """How one execution is started; the workflow's own options fill what is None."""

    key: str | None = None
    queue: str | None = None
    priority: int = 0
    start_at: datetime | None = None
    delay: timedelta | None = None
    ttl: timedelta | None = None
    tags: tuple[str, ...] = ()
    correlation_id: str = ""
    #: A model instance, or its reference: "shop.order:991".
    subject: object = ""
    guarantee: Guarantee | None = None
    on_conflict: OnConflict | str = OnConflict.RETURN
    limit: Limit | None = None
    #: A limit that is settled already, as the engine itself gives it; its key begins with `~`.
    limit_key: str = ""
    limit_max: int = 0


class Starter(Protocol):
    """What a workflow function asks of the engine."""

    def start_many(
        self,
        definition: WorkflowDefinition,
        inputs: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]],
        options: StartOptions,
    ) -> list[ExecutionHandle[Any]]:
        """Start one execution per input."""

    def run_to_end(
        self,
        definition: WorkflowDefinition,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        options: StartOptions,
        timeout: timedelta | None,
    ) -> Any:
        """Start one execution, advance it here, and return its result."""

    def leave_thread(self) -> object:
        """Let go of what this thread holds, such as connections: it is about to end."""


@dataclass(slots=True)
class EngineSlot:
    """Where the engine is put once the app is ready, so that authoring code needs no Django."""

    provider: Callable[[], Starter] | None = field(default=None)

    def get(self) -> Starter:
        """Return the engine.

        Raises:
            ConfigurationError: None is wired: the app is not installed or not set up yet.
        """
        if self.provider is None:
            raise ConfigurationError(
                "No engine is wired. Add 'durable_django' to INSTALLED_APPS and call "
                "django.setup() first; in a test without Django use DurableEngine(store=…)."
            )
        return self.provider()


engine_slot = EngineSlot()


class StartRequest(Generic[P, R]):
    """A workflow with the options of one start."""

    def __init__(self, definition: WorkflowDefinition, options: StartOptions) -> None:
        self._definition = definition
        self._options = options

    def options(self, **changes: Any) -> StartRequest[P, R]:
        """Return the same request with some options changed."""
        return StartRequest(self._definition, replace(self._options, **_tupled(changes)))

    @property
    def parts(self) -> tuple[WorkflowDefinition, StartOptions]:
        """The workflow's definition, and the options of the start."""
        return self._definition, self._options

    def start(self, *args: P.args, **kwargs: P.kwargs) -> ExecutionHandle[R]:
        """Start an execution: one row, written in the caller's transaction.

        It commits or vanishes with that transaction; workers see it after the commit. With a
        `key` that exists already, the execution of that key is returned instead, unless the
        option `on_conflict` says otherwise.

        Raises:
            TypeError: The arguments do not fit the workflow.
            PayloadError: An argument is not JSON-storable.
            ExecutionKeyConflictError: The key was used with another input; with
                `on_conflict="raise"`, the key was used.
        """
        return engine_slot.get().start_many(self._definition, [(args, kwargs)], self._options)[0]

    def start_many(self, inputs: Iterable[tuple[Any, ...]]) -> list[ExecutionHandle[R]]:
        """Start one execution per tuple of arguments, in bulk; all or none."""
        if self._options.key is not None:
            raise DefinitionError("start_many() cannot give the same key to several executions.")
        pairs: list[tuple[tuple[Any, ...], Mapping[str, Any]]] = [(tuple(a), {}) for a in inputs]
        return engine_slot.get().start_many(self._definition, pairs, self._options)

    def run(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Start an execution, advance it in this process, and return its result.

        Waits durably: if this process dies, the execution goes on in a worker (or, with
        `guarantee=FOREGROUND`, once `durable_recover` hands it over).

        Raises:
            WorkflowFailedError: It ended FAILED, or is PARKED.
            WorkflowCancelledError: It ended CANCELLED.
            DurableCallError: Called inside `transaction.atomic()`.
        """
        result = engine_slot.get().run_to_end(self._definition, args, kwargs, self._options, None)
        return cast("R", result)

    async def astart(self, *args: P.args, **kwargs: P.kwargs) -> ExecutionHandle[R]:
        """Start from async code; see `start`."""
        return await sync_to_async(self.start)(*args, **kwargs)

    async def arun(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run from async code, in a thread of its own; see `run`.

        The execution goes on when who awaits it is cancelled.
        """
        engine = engine_slot.get()
        run = partial(engine.run_to_end, self._definition, args, kwargs, self._options, None)
        return cast("R", await _call_in_own_thread(run, engine.leave_thread))


async def _call_in_own_thread(
    function: Callable[[], Any], on_thread_exit: Callable[[], object]
) -> Any:
    """Call it in a thread that is nobody else's: it may take days, and a pool has few threads."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    context = copy_context()

    def work() -> None:
        try:
            try:
                value = context.run(function)
            finally:
                on_thread_exit()
        except BaseException as error:  # noqa: BLE001 -- carried to the task that awaits
            future.set_exception(error)
        else:
            future.set_result(value)

    threading.Thread(target=work, name="durable-arun", daemon=True).start()
    return await asyncio.wrap_future(future)


def _tupled(changes: dict[str, Any]) -> dict[str, Any]:
    if "tags" in changes:
        changes["tags"] = tuple(changes["tags"])
    return changes
