"""A registered workflow: its body, name, version and options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any

from durable_django.domain.identifiers import check_name, check_queue
from durable_django.domain.limit import Limit
from durable_django.domain.recurrence import Recurrence
from durable_django.domain.status import Guarantee
from durable_django.exceptions import DefinitionError


class OnFailure(StrEnum):
    """What an uncaught error of the body leads to."""

    COMPENSATE = "compensate"
    PARK = "park"


@dataclass(frozen=True, kw_only=True)
class WorkflowDefinition:
    """What a name and version stand for in this process."""

    name: str
    version: int
    body: Callable[..., Any]
    queue: str = "default"
    #: How long an execution may take from its start; then it ends FAILED. None: as long as it likes.
    ttl: timedelta | None = None
    guarantee: Guarantee = Guarantee.BACKGROUND
    on_failure: OnFailure = OnFailure.COMPENSATE
    #: Whether the REST API may start it.
    expose: bool = False
    #: The body takes nothing but the context; the input is whatever it was started with.
    takes_raw_input: bool = False
    tags: tuple[str, ...] = ()
    #: When it starts by the clock.
    schedule: Recurrence | None = None
    #: How many that share a key may be under way at once.
    limit: Limit | None = None

    def __post_init__(self) -> None:
        """Refuse what could not work, where it is written."""
        check_name("workflow", self.name)
        check_queue(self.queue)
        if type(self.version) is not int or self.version < 1:
            raise DefinitionError(
                f"Workflow {self.name!r}: its version is a whole number from 1 on."
            )
        if self.ttl is not None and self.ttl <= timedelta(0):
            raise DefinitionError(f"Workflow {self.name!r}: its ttl is longer than 0.")
        if not callable(self.body):
            raise DefinitionError(f"Workflow {self.name!r}: its body is a function.")
        if inspect.iscoroutinefunction(self.body) or inspect.isgeneratorfunction(self.body):
            raise DefinitionError(
                f"Workflow {self.name!r}: its body is an ordinary `def`. Only the actions of its "
                f"steps may be `async def`."
            )
        if self.schedule is not None:
            self._check_schedule(self.schedule)
        if self.limit is not None:
            self._check_limit(self.limit)

    @cached_property
    def signature(self) -> inspect.Signature:
        """The body's parameters after the context."""
        signature = inspect.signature(self.body)
        parameters = list(signature.parameters.values())
        if not parameters:
            raise DefinitionError(f"Workflow {self.name!r}: its body takes the context first.")
        return signature.replace(parameters=parameters[1:])

    def _check_limit(self, limit: object) -> None:
        if not isinstance(limit, Limit):
            raise DefinitionError(
                f"Workflow {self.name!r}: its limit is a Limit, such as Limit(3), not "
                f"{type(limit).__name__}."
            )
        limit.check_takes(self.name, self.signature)

    def _check_schedule(self, schedule: Recurrence) -> None:
        if schedule.overlap == "queue" and self.limit is not None:
            raise DefinitionError(
                f"Workflow {self.name!r}: it has a limit, so its schedule cannot queue what "
                f"overlaps as well; with overlap='allow' they queue for the limit."
            )
        given: dict[str, Any] = dict(schedule.input)
        if schedule.tick_argument:
            given[schedule.tick_argument] = None
        try:
            self.signature.bind(**given)
        except TypeError as error:
            raise DefinitionError(
                f"Workflow {self.name!r}: its schedule cannot start it ({error}). Give its "
                f"arguments defaults, or values in schedule=Recurrence(…, input={{…}})."
            ) from None

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments by name, defaults filled in.

        Raises:
            TypeError: They do not fit the body's signature.
        """
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}: {error}") from None
        bound.apply_defaults()
        return dict(bound.arguments)

    def call(self, ctx: Any, workflow_input: Any) -> Any:
        """Run the body with what `bind` returned, or with the context alone."""
        if self.takes_raw_input:
            return self.body(ctx)
        bound = inspect.BoundArguments(self.signature, dict(workflow_input))
        return self.body(ctx, *bound.args, **bound.kwargs)
