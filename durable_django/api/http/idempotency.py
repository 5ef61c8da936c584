"""`Idempotency-Key`: a request that is sent again gets its first answer again.

After draft-ietf-httpapi-idempotency-key-header. What an error answers changed nothing and is not
remembered: the same request may be tried again under its key.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import IS_ONCE
from durable_django.api.http.etags import POLL_AFTER
from durable_django.api.http.problems import (
    INVALID_IDEMPOTENCY_KEY,
    MISSING_IDEMPOTENCY_KEY,
    ProblemError,
)
from durable_django.conf import settings
from durable_django.control.idempotency import Answer, answer_once, digest_of

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
#: Of the first answer, what its repetition says again.
_KEPT_HEADERS = ("Location", "ETag", POLL_AFTER)

Handler = TypeVar("Handler", bound=Callable[..., HttpResponseBase])


def once(handler: Handler) -> Handler:
    """Have a view's `post` act once for each `Idempotency-Key`, user and path.

    The handler runs in one transaction with the record of its answer.
    """

    @wraps(handler)
    def answer(view: Any, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = read_key(request)
        if key is None:
            return handler(view, request, *args, **kwargs)
        # The name as well: whom the project logs in need not be a row with a key.
        who = [str(request.user.pk), request.user.get_username()]
        scope = digest_of(who, request.method, request.path, key)
        answered, is_repeated = answer_once(
            scope,
            digest_of(request.data),
            lambda: _to_answer(handler(view, request, *args, **kwargs)),
        )
        response = HttpResponse(
            answered.body,
            status=answered.status,
            content_type="application/json",
            headers=dict(answered.headers),
        )
        if is_repeated:
            response.headers["Idempotent-Replayed"] = "true"
        return response

    setattr(answer, IS_ONCE, True)
    return cast("Handler", answer)


def read_key(request: Request) -> str | None:
    """Return the request's key; None if it has none and needs none.

    Raises:
        ProblemError: It is needed and missing, or is no legal key.
    """
    key = request.headers.get(HEADER)
    if key is None:
        if settings().rest_require_idempotency_key:
            raise ProblemError(
                MISSING_IDEMPOTENCY_KEY, f"Give every request of its own a new {HEADER}: a UUID."
            )
        return None
    if not 0 < len(key) <= MAX_KEY_LENGTH or not all("!" <= letter <= "~" for letter in key):
        raise ProblemError(
            INVALID_IDEMPOTENCY_KEY,
            f"{HEADER} is 1 to {MAX_KEY_LENGTH} ASCII characters, none of them a space.",
        )
    return str(key)


def _to_answer(response: HttpResponseBase) -> Answer:
    assert isinstance(response, Response)  # noqa: S101 -- what our handlers return
    body = JSONRenderer().render(response.data).decode()
    headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
    return Answer(status=response.status_code, body=body, headers=headers)
