from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    PermissionDenied,
    RequestDataTooBig,
    TooManyFieldsSent,
)
from django.db import OperationalError
from django.http import Http404, UnreadablePostError
from django.test import RequestFactory
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    NotFound,
    Throttled,
    ValidationError,
)

from durable_django import exceptions
from durable_django.api.http import problems
from durable_django.api.http.problems import ProblemKind, handle_problem
from durable_django.control.acting import ActNotAllowedError
from durable_django.control.actions import Action
from durable_django.domain.status import ExecutionStatus

KINDS = [kind for kind in vars(problems).values() if isinstance(kind, ProblemKind)]


def answer_to(error: Exception) -> Any:
    request = RequestFactory().get("/api/durable/v1/executions/")
    return handle_problem(error, {"request": request})


def test_codes_are_unique():
    assert len({kind.code for kind in KINDS}) == len(KINDS)


def test_a_problem_has_all_members_of_the_rfc():
    answer = answer_to(NotFound())

    assert answer.content_type == "application/problem+json"
    assert answer.data == {
        "type": "urn:durable-django:problem:not-found",
        "title": "Not found",
        "status": 404,
        "detail": "Not found.",
        "instance": "/api/durable/v1/executions/",
        "code": "not-found",
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (exceptions.ExecutionNotFoundError("x"), 404, "execution-not-found"),
        (exceptions.UnknownWorkflowError("shop.order"), 404, "unknown-workflow"),
        (exceptions.ExecutionKeyConflictError("shop.order", "k", "id"), 409, "key-conflict"),
        (
            exceptions.InvalidTransitionError("id", ExecutionStatus.FAILED, "paused", ("running",)),
            409,
            "invalid-state",
        ),
        (exceptions.PayloadError("It", "is too large."), 400, "invalid-payload"),
        (exceptions.DefinitionError("no"), 400, "invalid-input"),
        (exceptions.StepNotFoundError("id", "s", ()), 400, "unknown-step"),
        (exceptions.TimerNotFoundError("id", "t"), 404, "timer-not-found"),
        (exceptions.WorkflowFailedError("id", "E", "m"), 409, "execution-failed"),
        (exceptions.WorkflowCancelledError("id"), 409, "execution-failed"),
        (exceptions.DurableCallError("no"), 409, "refused"),
        (ActNotAllowedError(Action.FORK), 403, "forbidden"),
        (Http404(), 404, "not-found"),
        (PermissionDenied(), 403, "forbidden"),
        (RequestDataTooBig("too big"), 413, "body-too-large"),
        (TooManyFieldsSent("too many"), 400, "bad-request"),
        (DisallowedHost("evil"), 400, "bad-request"),
        (BadRequest("bad"), 400, "bad-request"),
        (UnreadablePostError("gone"), 400, "malformed-body"),
        (OperationalError("database is locked"), 503, "database-busy"),
        (APIException("odd"), 500, "other"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_error_has_its_status_and_code(error: Exception, status: int, code: str):
    answer = answer_to(error)

    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert answer.data["status"] == status


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError(),
        exceptions.ConfigurationError("DURABLE is wrong."),
        OperationalError("no such table"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_fault_stays_a_fault(error: Exception):
    assert answer_to(error) is None


@pytest.mark.parametrize(
    ("detail", "pointers"),
    [
        ({"name": ["Required."]}, ["/name"]),
        ({"tags": {0: ["Bad."], 2: ["Bad."]}}, ["/tags/0", "/tags/2"]),
        ({"tags": [{}, {"name": ["Bad."]}]}, ["/tags/1/name"]),
        (["Bad."], [""]),
        ({"non_field_errors": ["Bad."]}, [""]),
        ({"a/b~c": ["Bad."]}, ["/a~1b~0c"]),
        ({"a": {"b": ["One.", "Two."]}}, ["/a/b", "/a/b"]),
        ("Bad.", [""]),
    ],
)
def test_validation_errors_of_either_shape_become_pointers(detail: Any, pointers: list[str]):
    answer = answer_to(ValidationError(detail))

    assert answer.data["code"] == "invalid-input"
    assert [error["pointer"] for error in answer.data["errors"]] == pointers


def test_the_way_to_log_in_is_kept():
    error = AuthenticationFailed()
    error.auth_header = 'Basic realm="api"'  # type: ignore[attr-defined]
    error.status_code = 401

    answer = answer_to(error)

    assert answer.headers["WWW-Authenticate"] == 'Basic realm="api"'
    assert answer.data["code"] == "not-authenticated"


@pytest.mark.parametrize(("wait", "expected"), [(0.2, "1"), (7.6, "8")])
def test_who_is_throttled_learns_for_how_long(wait: float, expected: str):
    assert answer_to(Throttled(wait=wait)).headers["Retry-After"] == expected


def test_what_the_state_does_not_allow_says_what_it_needs():
    error = exceptions.InvalidTransitionError(
        "id", ExecutionStatus.COMPLETED, "paused", ("running",)
    )

    answer = answer_to(error)

    assert answer.data["current_status"] == "completed"
    assert answer.data["allowed_statuses"] == ["running"]
