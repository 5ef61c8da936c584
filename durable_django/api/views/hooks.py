"""Signed links that send a signal, over HTTP: their holder answers once, without an account.

See `signed_links` for what keeps their tokens where they belong.
"""

from __future__ import annotations

from typing import Any, ClassVar, Never

from django.http import HttpResponseBase, QueryDict
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import describe
from durable_django.api.http.parsing import read_body
from durable_django.api.http.problems import HOOK_GONE, HOOK_NOT_FOUND, ProblemError
from durable_django.api.http.query import QueryParameter
from durable_django.api.views.hook_pages import (
    PAGE_TYPE,
    render_confirmation,
    render_outcome,
    wants_page,
)
from durable_django.api.views.signed_links import (
    FORM_TYPE,
    JSON_TYPE,
    MAX_HOOK_BYTES,
    SignedLinkView,
)
from durable_django.control.hooks import HookGoneError, HookNotFoundError, find_hook, use_hook
from durable_django.control.payloads.outside_json import parse_payload

#: The longest payload that a page's address may hold.
MAX_SHOWN_PAYLOAD = 2000


class AcceptedSerializer(serializers.Serializer[Any]):
    """The signal was sent."""

    status = serializers.ChoiceField(choices=["accepted"])


def _check_shown(text: str) -> str:
    """Return the payload of a page's address, if the form could send it."""
    if len(text) > MAX_SHOWN_PAYLOAD:
        raise ValueError(f"It is at most {MAX_SHOWN_PAYLOAD} characters.")
    if text:
        parse_payload(text, "The payload")
    return text


class HookView(SignedLinkView):
    """One signed link that sends a signal."""

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
        media_types=(JSON_TYPE, PAGE_TYPE),
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
    if raw.content_type == FORM_TYPE:
        return QueryDict(text).get("payload") or ""
    if text and raw.content_type != JSON_TYPE:
        raise UnsupportedMediaType(raw.content_type[:100])
    return text
