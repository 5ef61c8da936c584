"""Find rows by how a text begins, exactly: SQLite's LIKE takes "Items" and "items" for one."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q, Value
from django.db.models.functions import Left
from django.db.models.lookups import Exact


def begins_with(field: str, prefix: str) -> Exact[str]:
    """Return the condition that the text of a field begins with a prefix, character by character."""
    return Exact(Left(field, len(prefix)), Value(prefix))


def is_or_is_in(field: str, calls: Collection[str]) -> Q:
    """Return the condition that a field is the key of one of the calls, or of one inside them."""
    condition = Q(**{f"{field}__in": list(calls)})
    for call in calls:
        condition |= Q(begins_with(field, f"{call}/"))
    return condition
