"""Find rows by how a text begins, exactly: SQLite's LIKE takes "Items" and "items" for one."""

from __future__ import annotations

from django.db.models import Value
from django.db.models.functions import Left
from django.db.models.lookups import Exact


def begins_with(field: str, prefix: str) -> Exact[str]:
    """Return the condition that the text of a field begins with a prefix, character by character."""
    return Exact(Left(field, len(prefix)), Value(prefix))
