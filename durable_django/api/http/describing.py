"""What an endpoint says of itself, for the OpenAPI document; plain data, so no library is needed.

`@describe` on a handler is read by `durable_django.api.openapi`. Problems that every endpoint of
its kind can answer with are added there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from rest_framework.serializers import BaseSerializer

Handler = TypeVar("Handler", bound=Callable[..., Any])

#: What an answer's body is: a serializer's class, a JSON schema, or nothing.
Body = type[BaseSerializer[Any]] | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path."""

    operation_id: str
    summary: str
    #: The resource it belongs to: `executions`, `signals`, …
    tag: str
    #: By status.
    answers: Mapping[int, Body]
    #: What the request's body is.
    body: type[BaseSerializer[Any]] | None = None
    #: Statuses of problems beyond those every endpoint knows: 404, 409, …
    problems: tuple[int, ...] = ()
    #: Header names of the request, with what they are for.
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Media types of the answers, where it is not JSON alone.
    media_types: tuple[str, ...] = ("application/json",)


#: On a handler: its `Operation`, and that it honours `Idempotency-Key`.
OPERATION, IS_ONCE = "durable_operation", "durable_is_once"


def describe(**fields: Any) -> Callable[[Handler], Handler]:
    """Attach an `Operation` of these fields to a view's handler (`get`, `post`)."""

    def attach(handler: Handler) -> Handler:
        setattr(handler, OPERATION, Operation(**fields))
        return handler

    return attach
