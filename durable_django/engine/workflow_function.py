"""`@workflow`: an ordinary function that can also be started, run and signalled durably."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial, update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, cast, overload

from asgiref.sync import sync_to_async

from durable_django.domain.definition import OnFailure, WorkflowDefinition
from durable_django.domain.limit import Limit
from durable_django.domain.recurrence import Recurrence, to_recurrence
from durable_django.domain.status import Guarantee, OnConflict
from durable_django.engine.context import WorkflowContext
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.registry import Registry, default_registry
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


class WorkflowFunction(StartRequest[P, R]):
    """What `@workflow` makes of a function: still callable with a context, for unit tests."""

    def __init__(
        self, body: Callable[Concatenate[WorkflowContext, P], R], definition: WorkflowDefinition
    ) -> None:
        super().__init__(definition, StartOptions())
        self._body = body
        update_wrapper(self, body)

    def __call__(self, ctx: WorkflowContext, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself."""
        return self._body(ctx, *args, **kwargs)

    @property
    def definition(self) -> WorkflowDefinition:
        """Its name, version and options."""
        return self._definition

    @property
    def name(self) -> str:
        """The name it is registered under."""
        return self._definition.name

    @property
    def version(self) -> int:
        """The version it is registered under."""
        return self._definition.version

    def options(  # type: ignore[override]  # noqa: PLR0913 -- named, where the base takes any
        self,
        *,
        key: str | None = None,
        queue: str | None = None,
        priority: int = 0,
        start_at: datetime | None = None,
        delay: timedelta | None = None,
        ttl: timedelta | None = None,
        tags: Iterable[str] = (),
        correlation_id: str = "",
        subject: object = "",
        guarantee: Guarantee | None = None,
        on_conflict: OnConflict | str = OnConflict.RETURN,
        limit: Limit | None = None,
    ) -> StartRequest[P, R]:
        """Return the workflow with options for one start.

        Args:
            key: Makes the start idempotent: at most one execution of this workflow has it.
            queue: Which workers take it; by default the workflow's queue.
            priority: 0 to 1000; each step of it is a head start of ten seconds, by default.
            start_at: Not before this instant (aware).
            delay: Not before this long from now; give one of the two.
            ttl: Ends FAILED if it has not ended this long after its start.
            tags: Words to find it by.
            correlation_id: Ties it to something else of yours.
            subject: The business object it is about: a saved model instance, or a reference to
                one such as "shop.order:991". The object's admin page can list its executions.
            guarantee: Who advances it; see `Guarantee`.
            on_conflict: What becomes of the start if the key is taken: "return" the execution that
                has it, "raise", "replace" (it is cancelled; with a delay this is a debounce), or
                "queue" (begin when all earlier ones with the key have ended).
            limit: How many of the workflow's executions with the limit's key may be under way at
                once; by default the workflow's limit. The others are held back.
        """
        options = StartOptions(
            key=key,
            queue=queue,
            priority=priority,
            start_at=start_at,
            delay=delay,
            ttl=ttl,
            tags=tuple(tags),
            correlation_id=correlation_id,
            subject=subject,
            guarantee=guarantee,
            on_conflict=on_conflict,
            limit=limit,
        )
        return StartRequest(self._definition, options)


@overload
def workflow(body: Callable[Concatenate[WorkflowContext, P], R], /) -> WorkflowFunction[P, R]: ...


@overload
def workflow(
    *,
    name: str | None = ...,
    version: int = ...,
    queue: str = ...,
    ttl: timedelta | None = ...,
    guarantee: Guarantee = ...,
    on_failure: str = ...,
    expose: bool = ...,
    tags: Iterable[str] = ...,
    limit: Limit | None = ...,
    schedule: str | timedelta | Recurrence | None = ...,
    timezone: str | None = ...,
    registry: Registry = ...,
) -> Callable[[Callable[Concatenate[WorkflowContext, P], R]], WorkflowFunction[P, R]]: ...


def workflow(  # noqa: PLR0913 -- one keyword per option, each with a default
    body: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: int = 1,
    queue: str = "default",
    ttl: timedelta | None = None,
    guarantee: Guarantee = Guarantee.BACKGROUND,
    on_failure: str = OnFailure.COMPENSATE,
    expose: bool = False,
    tags: Iterable[str] = (),
    limit: Limit | None = None,
    schedule: str | timedelta | Recurrence | None = None,
    timezone: str | None = None,
    registry: Registry = default_registry,
) -> Any:
    """Register a function as a durable workflow.

    The function takes a `WorkflowContext` first and JSON-storable arguments after it, and does
    everything that matters through the context. It runs again from its beginning after every
    wait: what it did is then read from its checkpoints. Outside of durable calls it must do the
    same on every run.

    Args:
        body: The function, when the decorator is used without parentheses.
        name: What executions are stored under; by default the module's app and the function's
            name, such as `shop.order`. A name outlives the function: choose it well.
        version: Raise it when the durable calls change; keep the old body registered while
            executions of it live.
        queue: Which workers take its executions.
        ttl: How long an execution may take before it ends FAILED.
        guarantee: Who advances an execution; see `Guarantee`.
        on_failure: "compensate" (undo, then FAILED) or "park" (stop until a person retries).
        expose: Whether the REST API may start it.
        tags: Words that every execution is found by.
        limit: How many of its executions that share a key may be under way at once: `Limit(1)`, or
            `Limit(3, key=lambda tenant, **_: tenant)`. The others are held back.
        schedule: When to start it by the clock: a cron expression of five fields, an interval, or
            a `Recurrence` with policies of its own and an input.
        timezone: In whose time the cron expression is meant, such as "Europe/Berlin"; else UTC.
        registry: Where to register it.

    Raises:
        DefinitionError: A name or an option is not legal, the name is taken, or the body is async.
    """

    def register(function: Callable[..., Any]) -> WorkflowFunction[Any, Any]:
        definition = WorkflowDefinition(
            name=name if name is not None else _default_name(function),
            version=version,
            body=function,
            queue=queue,
            ttl=ttl,
            guarantee=guarantee,
            on_failure=OnFailure(on_failure),
            expose=expose,
            tags=tuple(tags),
            limit=limit,
            schedule=_to_schedule(schedule, timezone),
        )
        registry.register(definition)
        return WorkflowFunction(function, definition)

    return register if body is None else register(body)


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


def _default_name(function: Callable[..., Any]) -> str:
    parts = function.__module__.split(".")
    if len(parts) > 1 and parts[-1] == "workflows":
        parts.pop()
    return f"{parts[-1]}.{function.__name__}"


def _to_schedule(when: object, timezone: str | None) -> Recurrence | None:
    if when is not None:
        return to_recurrence(when, timezone)
    if timezone is not None:
        raise DefinitionError("timezone= is that of a schedule, and none is given.")
    return None


def _tupled(changes: dict[str, Any]) -> dict[str, Any]:
    if "tags" in changes:
        changes["tags"] = tuple(changes["tags"])
    return changes
