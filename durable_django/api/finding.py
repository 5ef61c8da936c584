"""Which execution a path or a key means, for this user; and which a query looks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from rest_framework.request import Request

from durable_django.api.http.problems import execution_not_found
from durable_django.api.http.query import QueryParameter, invalid_parameter, one_of
from durable_django.conf import settings
from durable_django.control.finding.criteria import Criteria, CriteriaError
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import find_visible, visible_executions
from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH
from durable_django.domain.status import ExecutionStatus, ParkReason, WaitKind
from durable_django.models import WorkflowExecution


def to_id(text: str) -> UUID:
    """Return the id in a path.

    Raises:
        ProblemError: It is no UUID: answered as an id that nobody has.
    """
    try:
        return UUID(text)
    except ValueError:
        raise execution_not_found() from None


def load_visible(request: Request, text: str) -> WorkflowExecution:
    """Return the execution whose id is in a path.

    Raises:
        ProblemError: It is no id.
        ExecutionNotFoundError: There is none, or the user may not see it.
    """
    return find_visible(request.user, to_id(text))


def reload(execution_id: UUID) -> WorkflowExecution:
    """Return the execution as it is now, after an act, which may have moved it out of sight."""
    return WorkflowExecution.objects.using(settings().database).get(pk=execution_id)


def may_see(request: Request, execution_id: UUID) -> bool:
    """Say whether the user may see this execution at all."""
    return (
        allows(request.user, Permission.VIEW)
        and visible_executions(request.user).filter(pk=execution_id).exists()
    )


def _version(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _VERSION_DIGITS):
        raise ValueError("It is a whole number.")
    return int(text)


def _text(name: str, description: str, longest: int = MAX_KEY_LENGTH) -> QueryParameter:
    schema = {"type": "string", "minLength": 1, "maxLength": longest}
    return QueryParameter(name=name, description=description, schema=schema)


def _choice(name: str, description: str, values: Any, **options: Any) -> QueryParameter:
    schema = {"type": "string", "enum": [value.value for value in values if value.value]}
    return QueryParameter(name=name, description=description, schema=schema, **options)


def _instant(name: str, description: str) -> QueryParameter:
    schema = {"type": "string", "format": "date-time"}
    return QueryParameter(name=name, description=description, schema=schema)


_VERSION_DIGITS = 10
#: Each is a criterion of `control.criteria`, which checks its value.
FILTERS = (
    _choice("status", "One of these statuses.", ExecutionStatus, is_repeatable=True),
    _text("workflow", "The name of the workflow.", MAX_NAME_LENGTH),
    _text("workflow_prefix", "How the name of the workflow begins.", MAX_NAME_LENGTH),
    QueryParameter(
        name="version",
        description="The version of the workflow.",
        schema={"type": "integer", "minimum": 1, "maximum": 2**31 - 1},
        parse=_version,
    ),
    _text("key", "The key."),
    _text("key_prefix", "How the key begins."),
    _text("tag", "One of its tags."),
    _text("subject", "The business object: `shop.order:991`."),
    _text("correlation_id", "The correlation id."),
    _text("queue", "The queue."),
    _instant("created_after", "Created then or later."),
    _instant("created_before", "Created earlier."),
    _instant("finished_after", "Ended then or later."),
    _instant("finished_before", "Ended earlier."),
    QueryParameter(
        name="has_error",
        description="Whether it has an error.",
        schema={"type": "boolean"},
        parse=lambda text: one_of("true", "false")(text) == "true",
    ),
    _text("error_type", "The class of its error."),
    _choice("park_reason", "Why it is parked.", ParkReason),
    _choice("waiting_kind", "What kind of thing it waits for.", WaitKind),
    _text("waiting_for", "The name of the signal, timer or step it waits for.", 500),
    QueryParameter(
        name="forked_from",
        description="Forks of this execution.",
        schema={"type": "string", "format": "uuid"},
    ),
    QueryParameter(
        name="parent",
        description="Children of this execution.",
        schema={"type": "string", "format": "uuid"},
    ),
    QueryParameter(
        name="root",
        description="Whether no other execution started it.",
        schema={"type": "boolean"},
        # What is looked for is the contrary.
        parse=lambda text: one_of("true", "false")(text) == "false",
    ),
)
_FIELD_OF = {"status": "statuses", "root": "is_child"}
_NAME_OF = {field: name for name, field in _FIELD_OF.items()}


def to_statuses(given: list[str]) -> tuple[ExecutionStatus, ...]:
    """Return the statuses that the parameter `status` names.

    Raises:
        ProblemError: One is none.
    """
    try:
        return Criteria.from_json({"statuses": given} if given else {}).statuses
    except CriteriaError as error:
        raise invalid_parameter("status", error.problem) from None


def to_criteria(query: Mapping[str, Any]) -> Criteria:
    """Return what the query parameters of `FILTERS` ask for.

    Raises:
        ProblemError: A value is not legal; it names the parameter.
    """
    given = {parameter.name: query[parameter.name] for parameter in FILTERS}
    try:
        return Criteria.from_json(
            {
                _FIELD_OF.get(name, name): value
                for name, value in given.items()
                if value is not None and value != []
            }
        )
    except CriteriaError as error:
        raise invalid_parameter(_NAME_OF.get(error.key, error.key), error.problem) from None
