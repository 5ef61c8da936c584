"""How a stored error is shown: without secrets, and its traceback only to who may see payloads."""

from __future__ import annotations

from dataclasses import dataclass

from durable_django.control.payloads.redaction import redact_text
from durable_django.domain.error_record import ErrorRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownError:
    """An error as people may see it."""

    type: str
    message: str
    code: str
    #: Empty if none was stored, or it may not be seen.
    traceback: str


def show_error(text: str | None, *, may_see_payloads: bool) -> ShownError | None:
    """Return a stored error as people may see it; its traceback only with the payloads."""
    if not text:
        return None
    error = ErrorRecord.from_text(text)
    return ShownError(
        type=error.type,
        message=redact_text(error.message),
        code=error.code,
        traceback=redact_text(error.traceback) if may_see_payloads else "",
    )
