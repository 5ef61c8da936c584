"""`@workflow`: an ordinary function that can also be started, run and signalled durably."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from durable_django.domain.definition import OnFailure, WorkflowDefinition
from durable_django.domain.limit import Limit
from durable_django.domain.recurrence import Recurrence, to_recurrence
from durable_django.domain.status import Guarantee, OnConflict
from durable_django.engine.context import WorkflowContext
from durable_django.engine.registry import Registry, default_registry
from durable_django.engine.start_request import StartOptions, StartRequest
from durable_django.exceptions import DefinitionError

P = ParamSpec("P")
R = TypeVar("R")


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
