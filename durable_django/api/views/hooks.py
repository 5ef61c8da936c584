"""Signed links over HTTP: their holder answers once, without an account; who may signal makes them.

A GET shows a page and never acts, because mail programs fetch what they find in a mail. Nothing
here logs a token, and Django's own line about a refused request, which holds the path, is kept
from being written. What writes every path, such as a web server's access log, is the project's.
"""

from __future__ import annotations

import logging
from hashlib import sha256
from types import SimpleNamespace
from typing import Any, ClassVar, Never

from django.core.signals import got_request_exception
from django.http import HttpResponseBase, QueryDict
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from durable_django.api.http.describing import describe
from durable_django.api.http.negotiation import AlwaysJson
from durable_django.api.http.parsing import read_body
from durable_django.api.http.problems import (
    HOOK_GONE,
    HOOK_NOT_FOUND,
    OTHER,
    ProblemError,
    handle_problem,
)
from durable_django.api.http.query import QueryParameter
from durable_django.api.http.throttles import HOOK, DurableThrottle
from durable_django.api.http.viewset import DurableView
from durable_django.api.views.hook_pages import (
    PAGE_TYPE,
    PRIVACY_HEADERS,
    render_confirmation,
    render_outcome,
    wants_page,
)
from durable_django.control.hooks import HookGoneError, HookNotFoundError, find_hook, use_hook
from durable_django.control.payloads.outside_json import parse_payload

logger = logging.getLogger(__name__)

#: The largest body that a link takes.
MAX_HOOK_BYTES = 64 * 1024
#: The longest payload that a page's address may hold.
MAX_SHOWN_PAYLOAD = 2000

_JSON_TYPE, _FORM_TYPE = "application/json", "application/x-www-form-urlencoded"


class AcceptedSerializer(serializers.Serializer[Any]):
    """The signal was sent."""

    status = serializers.ChoiceField(choices=["accepted"])


class TokenThrottle(DurableThrottle):
    """Counts the requests for one link, from wherever they come."""

    def get_cache_key(self, request: Request, view: Any) -> str:
        """Return the link, as a hash: a cache is no place for a token."""
        token = str(view.kwargs["token"])
        digest = sha256(token.encode(errors="surrogatepass")).hexdigest()
        return f"durable-throttle:{self.scope}:token:{digest}"


def _check_shown(text: str) -> str:
    """Return the payload of a page's address, if the form could send it."""
    if len(text) > MAX_SHOWN_PAYLOAD:
        raise ValueError(f"It is at most {MAX_SHOWN_PAYLOAD} characters.")
    if text:
        parse_payload(text, "The payload")
    return text


class HookView(DurableView):
    """One signed link. Whoever holds the token may use it, and only its token counts."""

    throttle_scope = HOOK
    content_negotiation_class = AlwaysJson
    query_parameters: ClassVar = (
        QueryParameter(
            name="payload",
            description="JSON text that the page's form sends as the payload, and shows.",
            schema={"type": "string", "maxLength": MAX_SHOWN_PAYLOAD},
            parse=_check_shown,
            default="",
        ),
    )

    @describe(
        operation_id="hooks_confirm",
        summary="Show a page with a button that uses the link; never use it.",
        tag="hooks",
        answers={200: {"type": "string"}},
        problems=(404, 410),
        media_types=(PAGE_TYPE,),
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """Return the page."""
        try:
            hook = find_hook(token)
        except (HookNotFoundError, HookGoneError) as error:
            _refuse(error)
        # Sent to the path alone: what stands behind the `?` is in the form.
        return render_confirmation(hook, self.query["payload"], request.path)

    @describe(
        operation_id="hooks_use",
        summary="Send the link's signal, with the JSON body as its payload, and use the link up.",
        tag="hooks",
        answers={202: AcceptedSerializer},
        problems=(400, 404, 409, 410, 411, 413, 415, 503),
        media_types=(_JSON_TYPE, PAGE_TYPE),
    )
    def post(self, request: Request, token: str) -> HttpResponseBase:
        """Send it."""
        # What can be refused without a look at the token says nothing about the token.
        text = _read_payload(request)
        try:
            find_hook(token)
            payload = parse_payload(text, "The payload") if text else None
            use_hook(token, payload)
        except (HookNotFoundError, HookGoneError) as error:
            _refuse(error)
        if wants_page(request):
            return render_outcome(202)
        return Response({"status": "accepted"}, status=202)

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return none: a session that happens to be open must not matter here."""
        return []

    def get_throttles(self) -> list[BaseThrottle]:
        """Return those that count by address and by link."""
        return [DurableThrottle(), TokenThrottle()]

    def check_permissions(self, request: Request) -> None:
        """Let everybody in; what is neither a look nor a use is answered 405, and not 403."""

    def handle_exception(self, exc: Exception) -> Any:
        """Answer without the token, and with a page if a browser asks."""
        try:
            response = super().handle_exception(exc)
        except Exception as fault:  # noqa: BLE001 -- what Django does with a fault logs the path
            response = self._answer_fault(fault)
        if not wants_page(self.request):
            return response
        page = render_outcome(response.status_code)
        for name in ("Retry-After", "Allow"):
            if name in response:
                page[name] = response[name]
        return page

    def _answer_fault(self, fault: Exception) -> Any:
        request: Any = self.request
        got_request_exception.send(sender=type(self), request=request._request)  # noqa: SLF001 -- what Django would send
        logger.error("A signed link failed", exc_info=fault)
        problem = ProblemError(OTHER, _("It could not be done. Try again."))
        return _handle_without_token(problem, self.get_exception_handler_context())

    def get_exception_handler(self) -> Any:
        """Return ours, told a path that ends before the token."""
        return _handle_without_token

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        """Keep what is answered, and the address it was answered at, from spreading."""
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in PRIVACY_HEADERS.items():
            final[name] = value
        # Django logs the path of what it finds refused, unless somebody has.
        final._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001 -- its own mark
        return final


def _refuse(error: HookNotFoundError | HookGoneError) -> Never:
    if isinstance(error, HookGoneError):
        detail = _("It was used, has expired or was revoked, or nobody waits for it any more.")
        raise ProblemError(HOOK_GONE, detail) from None
    raise ProblemError(HOOK_NOT_FOUND, _("There is no such link.")) from None


def _read_payload(request: Request) -> str:
    """Return the JSON text of a body; empty if there is none.

    Raises:
        ProblemError: It is too large, or not UTF-8.
        UnsupportedMediaType: It is neither JSON nor the page's form.
    """
    raw: Any = request._request  # noqa: SLF001 -- its stream, before anybody reads it
    text = read_body(raw, MAX_HOOK_BYTES)
    if raw.content_type == _FORM_TYPE:
        return QueryDict(text).get("payload") or ""
    if text and raw.content_type != _JSON_TYPE:
        raise UnsupportedMediaType(raw.content_type[:100])
    return text


def _handle_without_token(error: Exception, context: dict[str, Any]) -> Response | None:
    request, token = context["request"], context["kwargs"]["token"]
    shown = SimpleNamespace(path=request.path.removesuffix("/").removesuffix(token))
    return handle_problem(error, {**context, "request": shown})
