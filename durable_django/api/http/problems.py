"""What goes wrong, as `application/problem+json` (RFC 9457) with a stable `code`.

Only our own views answer so; the project's `EXCEPTION_HANDLER` is left alone. An error that is
in no table here is a fault of ours or of the project and stays a 500.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from durable_django.control.acting import ActNotAllowedError
from durable_django.control.finding.criteria import CriteriaError
from durable_django.control.idempotency import KeyReusedError, RequestInFlightError
from durable_django.exceptions import (
    ConfigurationError,
    DefinitionError,
    DurableError,
    ExecutionKeyConflictError,
    ExecutionNotFoundError,
    InvalidTransitionError,
    PayloadError,
    StepNotFoundError,
    TimerNotFoundError,
    UnknownWorkflowError,
    WorkflowCancelledError,
    WorkflowFailedError,
)
from durable_django.stores.orm.database import is_transient

CONTENT_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:durable-django:problem:"
#: How long a client waits before it tries again what another request holds, in seconds.
RETRY_SOON = "1"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """What can go wrong; programs decide by `code`, which never changes."""

    code: str
    status: int
    title: Any


MALFORMED = ProblemKind("malformed-body", 400, _("The body cannot be read"))
INVALID_INPUT = ProblemKind("invalid-input", 400, _("Invalid input"))
INVALID_PAYLOAD = ProblemKind("invalid-payload", 400, _("The payload cannot be stored"))
UNKNOWN_PARAMETER = ProblemKind("unknown-parameter", 400, _("Unknown query parameter"))
INVALID_PARAMETER = ProblemKind("invalid-parameter", 400, _("Invalid query parameter"))
INVALID_CURSOR = ProblemKind("invalid-cursor", 400, _("The cursor cannot be read"))
BAD_REQUEST = ProblemKind("bad-request", 400, _("Bad request"))
MISSING_IDEMPOTENCY_KEY = ProblemKind(
    "idempotency-key-required", 400, _("An Idempotency-Key is needed")
)
INVALID_IDEMPOTENCY_KEY = ProblemKind(
    "invalid-idempotency-key", 400, _("The Idempotency-Key is not legal")
)
UNKNOWN_STEP = ProblemKind("unknown-step", 400, _("The execution has no such step"))
EMPTY_FILTER = ProblemKind("empty-filter", 400, _("The filter is empty"))
UNAUTHENTICATED = ProblemKind("not-authenticated", 401, _("Authentication is needed"))
FORBIDDEN = ProblemKind("forbidden", 403, _("Not allowed"))
NOT_EXPOSED = ProblemKind("not-exposed", 403, _("The workflow cannot be started over HTTP"))
NOT_FOUND = ProblemKind("not-found", 404, _("Not found"))
EXECUTION_NOT_FOUND = ProblemKind("execution-not-found", 404, _("No such execution"))
TIMER_NOT_FOUND = ProblemKind("timer-not-found", 404, _("No such timer is pending"))
UNKNOWN_WORKFLOW = ProblemKind("unknown-workflow", 404, _("Unknown workflow"))
HOOK_NOT_FOUND = ProblemKind("hook-not-found", 404, _("Unknown link"))
BULK_NOT_FOUND = ProblemKind("bulk-operation-not-found", 404, _("No such bulk operation"))
METHOD_NOT_ALLOWED = ProblemKind("method-not-allowed", 405, _("Method not allowed"))
NOT_ACCEPTABLE = ProblemKind("not-acceptable", 406, _("Not acceptable"))
INVALID_STATE = ProblemKind("invalid-state", 409, _("The execution's status does not allow it"))
KEY_CONFLICT = ProblemKind("key-conflict", 409, _("The key is taken"))
EXECUTION_FAILED = ProblemKind("execution-failed", 409, _("The execution has no result"))
TOO_MANY_SIGNALS = ProblemKind("too-many-signals", 409, _("Too many signals are waiting"))
REFUSED = ProblemKind("refused", 409, _("Refused"))
IN_FLIGHT = ProblemKind("idempotency-in-flight", 409, _("The same request is on its way"))
HOOK_USED = ProblemKind("hook-used", 409, _("The link was used"))
HOOK_GONE = ProblemKind("hook-gone", 410, _("The link cannot be used any more"))
LENGTH_REQUIRED = ProblemKind("length-required", 411, _("A Content-Length is needed"))
PRECONDITION_FAILED = ProblemKind("precondition-failed", 412, _("It has changed meanwhile"))
TOO_LARGE = ProblemKind("body-too-large", 413, _("The body is too large"))
UNSUPPORTED_MEDIA_TYPE = ProblemKind("unsupported-media-type", 415, _("Unsupported media type"))
KEY_REUSED = ProblemKind("idempotency-key-reused", 422, _("The key was used for another request"))
#: Raised by the project's own classes, with a status of their own.
OTHER = ProblemKind("other", 500, _("It could not be done"))
THROTTLED = ProblemKind("throttled", 429, _("Too many requests"))
DATABASE_BUSY = ProblemKind("database-busy", 503, _("The database is busy"))

_OF_REST: tuple[tuple[type[exceptions.APIException], ProblemKind], ...] = (
    (exceptions.ValidationError, INVALID_INPUT),
    (exceptions.ParseError, MALFORMED),
    (exceptions.NotAuthenticated, UNAUTHENTICATED),
    (exceptions.AuthenticationFailed, UNAUTHENTICATED),
    (exceptions.PermissionDenied, FORBIDDEN),
    (exceptions.NotFound, NOT_FOUND),
    (exceptions.MethodNotAllowed, METHOD_NOT_ALLOWED),
    (exceptions.NotAcceptable, NOT_ACCEPTABLE),
    (exceptions.UnsupportedMediaType, UNSUPPORTED_MEDIA_TYPE),
    (exceptions.Throttled, THROTTLED),
)


class ProblemError(exceptions.APIException):
    """An answer of a view that cannot do what was asked.

    `errors` are `{"pointer": <JSON pointer into the body>, "detail": …}`; `facts` are further
    members of the problem.
    """

    def __init__(
        self,
        kind: ProblemKind,
        detail: object,
        *,
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(str(detail))
        self.kind = kind
        self.status_code = kind.status
        self.errors = errors or []
        self.headers = dict(headers or {})
        self.facts = facts


def handle_problem(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the answer to an exception of one of our views; None if it is no answer but a fault."""
    problem = _as_rest(error)
    if problem is None:
        return None
    set_rollback()
    return to_response(problem, instance=context["request"].path)


def to_response(error: exceptions.APIException, *, instance: str) -> Response:
    """Return the answer that says what went wrong, at the path `instance`."""
    if isinstance(error, ProblemError):
        kind, errors, headers, facts = error.kind, error.errors, error.headers, error.facts
    else:
        kind = next((k for cls, k in _OF_REST if isinstance(error, cls)), OTHER)
        errors, headers, facts = list(_pointed(error.detail)), _headers_of(error), {}
    status = error.status_code
    body: dict[str, Any] = {
        "type": TYPE_PREFIX + kind.code,
        "title": str(kind.title),
        "status": status,
        "detail": _detail_of(error, errors),
        "instance": instance,
        "code": kind.code,
    }
    if errors:
        body["errors"] = errors
    return Response(body | facts, status=status, headers=headers, content_type=CONTENT_TYPE)


def execution_not_found() -> ProblemError:
    """Return the one answer about an execution that is not there, not theirs, or no id at all."""
    return ProblemError(EXECUTION_NOT_FOUND, _("There is no such execution that you may see."))


def invalid_input(pointer: str, detail: object) -> ProblemError:
    """Return the refusal of one part of the body."""
    return ProblemError(INVALID_INPUT, detail, errors=[{"pointer": pointer, "detail": str(detail)}])


def _as_rest(error: Exception) -> exceptions.APIException | None:
    if isinstance(error, exceptions.APIException):
        return error
    for kind, translate in _TRANSLATIONS:
        if isinstance(error, kind):
            return translate(error)
    return None


def _of_transition(error: Any) -> ProblemError:
    return ProblemError(
        INVALID_STATE,
        error,
        current_status=str(error.status),
        allowed_statuses=[str(status) for status in error.allowed],
    )


def _of_database(error: Any) -> ProblemError | None:
    if not is_transient(error):
        return None
    return ProblemError(
        DATABASE_BUSY,
        _("The database could not do it now. Nothing was changed; try again."),
        headers={"Retry-After": RETRY_SOON},
    )


def _as(kind: ProblemKind, error: Any) -> ProblemError:
    return ProblemError(kind, error)


_TRANSLATIONS: tuple[
    tuple[type[Exception], Callable[[Any], exceptions.APIException | None]], ...
] = (
    (Http404, lambda _error: exceptions.NotFound()),
    (DjangoPermissionDenied, lambda _error: exceptions.PermissionDenied()),
    (ExecutionNotFoundError, lambda _error: execution_not_found()),
    (
        UnknownWorkflowError,
        # Not the error's own words: they list what else is registered.
        lambda error: ProblemError(
            UNKNOWN_WORKFLOW, f"No workflow {error.name!r} (of this version) is registered."
        ),
    ),
    # Not its own words: they name an execution that may be somebody else's.
    (
        ExecutionKeyConflictError,
        lambda error: ProblemError(KEY_CONFLICT, f"The key {error.key!r} is taken."),
    ),
    (InvalidTransitionError, _of_transition),
    (PayloadError, partial(_as, INVALID_PAYLOAD)),
    (DefinitionError, partial(_as, INVALID_INPUT)),
    (WorkflowFailedError, partial(_as, EXECUTION_FAILED)),
    (WorkflowCancelledError, partial(_as, EXECUTION_FAILED)),
    (StepNotFoundError, partial(_as, UNKNOWN_STEP)),
    (TimerNotFoundError, partial(_as, TIMER_NOT_FOUND)),
    (ActNotAllowedError, partial(_as, FORBIDDEN)),
    (CriteriaError, partial(_as, INVALID_INPUT)),
    (KeyReusedError, partial(_as, KEY_REUSED)),
    (
        RequestInFlightError,
        lambda error: ProblemError(IN_FLIGHT, error, headers={"Retry-After": RETRY_SOON}),
    ),
    (ConfigurationError, lambda _error: None),
    (DurableError, partial(_as, REFUSED)),
    (RequestDataTooBig, partial(_as, TOO_LARGE)),
    (SuspiciousOperation, partial(_as, BAD_REQUEST)),
    (BadRequest, partial(_as, BAD_REQUEST)),
    (MultiPartParserError, partial(_as, MALFORMED)),
    (UnreadablePostError, lambda _error: ProblemError(MALFORMED, _("The body broke off."))),
    (OperationalError, _of_database),
)


def _headers_of(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    wait = getattr(error, "wait", None)
    if wait is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    return headers


def _detail_of(error: exceptions.APIException, errors: list[dict[str, str]]) -> str:
    if isinstance(error.detail, str):
        return str(error.detail)
    return "; ".join(f"{one['pointer'] or '/'}: {one['detail']}" for one in errors[:3])


def _pointed(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield what a validation said, by JSON pointer; lists of errors are lists or dicts."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            below = pointer if key == "non_field_errors" else f"{pointer}/{_escaped(key)}"
            yield from _pointed(inner, below)
    elif isinstance(detail, list):
        for index, inner in enumerate(detail):
            # A text is about this place; a list or a dict is about one item in it.
            if isinstance(inner, (Mapping, list)):
                yield from _pointed(inner, f"{pointer}/{index}")
            else:
                yield {"pointer": pointer, "detail": str(inner)}


def _escaped(key: object) -> str:
    return str(key).replace("~", "~0").replace("/", "~1")
