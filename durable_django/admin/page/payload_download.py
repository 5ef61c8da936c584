"""Hand out one payload as a file: all of it, redacted, however large."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, QueryDict

from durable_django.admin.page.rows import own_rows
from durable_django.control.payloads.payload_view import arguments_json, payload_json
from durable_django.models import (
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
)


def answer_payload(row: WorkflowExecution, part: str, query: QueryDict) -> HttpResponse:
    """Return a payload of the execution as JSON to be stored, not shown.

    `part` is `input` or `result`; `arguments` or `step-result` of the attempt that `?key=` and
    `&attempt=` name; or `signal`, of that with `?id=`.

    Raises:
        Http404: There is no such payload.
    """
    if part == "arguments":
        shown = _show_arguments(row, query)
    else:
        find = _PARTS.get(part)
        text = find(row, query) if find else None
        shown = payload_json(text, may_see=True) if text else None
    if shown is None:
        raise Http404
    answer = HttpResponse(
        json.dumps(shown, indent=2, ensure_ascii=False), content_type="application/json"
    )
    answer["Content-Disposition"] = f'attachment; filename="{part}-{row.pk}.json"'
    # It holds what strangers sent: nobody shall take it for a page.
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def _find_own(row: WorkflowExecution, name: str) -> str | None:
    # The page leaves these out of the row.
    text: str | None = getattr(row, name)
    return text


def _show_arguments(row: WorkflowExecution, query: QueryDict) -> Any:
    found = _find_of_attempt(row, ("input", "action"), query)
    # By name, so that secrets are known.
    return arguments_json(found[0], found[1], may_see=True) if found and found[0] else None


def _find_step_result(row: WorkflowExecution, query: QueryDict) -> str | None:
    found = _find_of_attempt(row, ("output",), query)
    return found[0] if found else None


def _find_of_attempt(
    row: WorkflowExecution, names: Sequence[str], query: QueryDict
) -> tuple[str, ...] | None:
    key, attempt = query.get("key", ""), query.get("attempt", "")
    if "\x00" in key or not (
        attempt.isascii() and attempt.isdigit() and len(attempt) < _MAX_DIGITS
    ):
        return None
    attempts = own_rows(row, StepCheckpoint).filter(key=key, attempt=int(attempt))
    found: tuple[str, ...] | None = attempts.values_list(*names).first()
    return found


def _find_signal(row: WorkflowExecution, query: QueryDict) -> str | None:
    try:
        signal_id = UUID(query.get("id", ""))
    except ValueError:
        return None
    signals = own_rows(row, WorkflowSignal).filter(pk=signal_id)
    found: str | None = signals.values_list("payload", flat=True).first()
    return found


#: More digits than a number of attempts can have.
_MAX_DIGITS = 10
_PARTS: Mapping[str, Callable[[WorkflowExecution, QueryDict], str | None]] = {
    "input": lambda row, _: _find_own(row, "input"),
    "result": lambda row, _: _find_own(row, "output"),
    "step-result": _find_step_result,
    "signal": _find_signal,
}
