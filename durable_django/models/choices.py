"""How an enum of the domain becomes the choices and the constraint of a column."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import Q

#: A scoped name with its occurrence: `prepare/stock#2`, `~undo/prepare/stock#2`.
MAX_CALL_KEY_LENGTH = 500


def choices_of(values: type[StrEnum]) -> list[tuple[str, str]]:
    """Return the choices of a column that holds such a value."""
    return [(value.value, value.name.replace("_", " ").lower()) for value in values]


def is_known(column: str, values: type[StrEnum]) -> Q:
    """Return the condition that a column holds such a value."""
    return Q(**{f"{column}__in": [value.value for value in values]})
