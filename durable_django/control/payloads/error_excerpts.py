"""The type and message of stored errors, without loading their tracebacks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Self

from django.db.models.functions import Substr

from durable_django.domain.error_record import ErrorRecord

#: Characters of the stored text: type and message come first, and most records end before.
_READ = 3000
_TYPE = re.compile(r'\{"type": "((?:[^"\\]|\\.)*)"')
# Ends before an escape that the cut went through.
_MESSAGE = re.compile(r'"message": "((?:[^"\\]|\\u[0-9a-f]{4}|\\[^u])*)')


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorExcerpt:
    """What a list shows of an error; not redacted."""

    type: str
    message: str
    #: The key of the durable call that failed; empty if it is not known.
    call: str = ""

    @staticmethod
    def of_column() -> Substr:
        """Return what to annotate a queryset with: the beginning of the column `error`."""
        return Substr("error", 1, _READ)

    @classmethod
    def from_text(cls, text: str | None) -> Self | None:
        """Read the beginning of a stored error; None if there is none."""
        if not text:
            return None
        found = _TYPE.match(text) if len(text) >= _READ else None
        if found is None:
            error = ErrorRecord.from_text(text)
            return cls(type=error.type, message=error.message, call=error.call)
        message = _MESSAGE.search(text, found.end())
        return cls(type=_unescape(found[1]), message=_unescape(message[1]) if message else "")


def _unescape(text: str) -> str:
    try:
        plain = str(json.loads(f'"{text}"'))
    except ValueError:  # somebody else's text
        return text
    # The cut may have gone between the halves of one character.
    return plain.encode("utf-8", "replace").decode()
