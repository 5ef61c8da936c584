"""What the query of the list of human tasks may say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from durable_django.api.http.query import QueryParameter, one_of
from durable_django.control.human_tasks.inbox import State, TaskFilter
from durable_django.domain.identifiers import MAX_KEY_LENGTH, MAX_NAME_LENGTH

_STATES = [state.value for state in State]
_WORD = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH}


def _word(longest: int) -> Any:
    def parse(text: str) -> str:
        if not 0 < len(text) <= longest:
            raise ValueError(f"It is 1 to {longest} characters.")
        return text

    return parse


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("It is an instant with its offset: 2026-01-31T09:00:00Z.") from None
    if instant.utcoffset() is None:
        raise ValueError("Give its offset: 2026-01-31T09:00:00Z.")
    if not _FIRST_YEAR < instant.year < _LAST_YEAR:
        raise ValueError(f"Its year is between {_FIRST_YEAR} and {_LAST_YEAR}.")
    # PostgreSQL takes no offset of 16 hours or more.
    return instant.astimezone(UTC)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("It is the id of an execution.") from None


_FIRST_YEAR, _LAST_YEAR = 1970, 2999
FILTERS = (
    QueryParameter(
        name="assignee",
        description="Who has it: a username, or `me`.",
        schema=_WORD,
        parse=_word(MAX_KEY_LENGTH),
        default="",
    ),
    QueryParameter(
        name="state",
        description="`active` is open or claimed; `done` is completed, cancelled or expired.",
        schema={"type": "string", "enum": _STATES, "default": State.ACTIVE.value},
        parse=one_of(*_STATES),
        default=State.ACTIVE.value,
    ),
    QueryParameter(
        name="due_before",
        description="Due earlier.",
        schema={"type": "string", "format": "date-time"},
        parse=_instant,
    ),
    QueryParameter(
        name="workflow",
        description="The name of the workflow that asks.",
        schema={"type": "string", "minLength": 1, "maxLength": MAX_NAME_LENGTH},
        parse=_word(MAX_NAME_LENGTH),
        default="",
    ),
    QueryParameter(
        name="execution",
        description="The id of the execution that asks.",
        schema={"type": "string", "format": "uuid"},
        parse=_uuid,
    ),
)


def to_filter(query: dict[str, Any], me: str) -> TaskFilter:
    """Return what a query asks for; `me` is the name of who asks."""
    return TaskFilter(
        state=State(query["state"]),
        assignee=me if query["assignee"] == "me" else query["assignee"],
        due_before=query["due_before"],
        workflow=query["workflow"],
        execution_id=query["execution"],
    )
