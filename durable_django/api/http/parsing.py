"""Read a body: JSON only, UTF-8, at most 256 KiB, strictly; and nothing else, ever."""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from typing import IO, Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from durable_django.api.http.problems import (
    LENGTH_REQUIRED,
    MALFORMED,
    TOO_LARGE,
    ProblemError,
    invalid_input,
)
from durable_django.control.payloads.outside_json import parse_payload
from durable_django.exceptions import PayloadError

MAX_BODY_BYTES = 256 * 1024


class StrictJsonParser(BaseParser):
    """Refuses what JSON leaves open: a key given twice, NaN, endless depth."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the value of the body.

        Raises:
            ProblemError: It is too large, or no JSON that can be taken.
            UnsupportedMediaType: It is compressed, or not UTF-8.
        """
        _check_encoding(parser_context or {}, media_type or self.media_type)
        body = read_body(stream)
        try:
            return parse_payload(body, "The body")
        except PayloadError as error:
            raise ProblemError(MALFORMED, error) from None


def check_length(request: HttpRequest) -> None:
    """Refuse a body that does not say how long it is: Django and REST framework take it for none.

    A `{"dry_run": true}` sent in chunks would not be dry.

    Raises:
        ProblemError: It is.
    """
    length = str(request.META.get("CONTENT_LENGTH") or "")
    if length:
        if not (length.isascii() and length.isdigit()):
            raise ProblemError(MALFORMED, _("Content-Length is a whole number."))
        return
    is_chunked = "HTTP_TRANSFER_ENCODING" in request.META
    # Over HTTP/2 a body has neither header. Under WSGI there is nothing to read without them.
    if is_chunked or (isinstance(request, ASGIRequest) and request.read(1)):
        raise ProblemError(LENGTH_REQUIRED, _("Say how long the body is: Content-Length."))


def read_body(stream: IO[Any], limit: int = MAX_BODY_BYTES) -> str:
    """Return the text of a body, having read no more of it than the limit.

    Raises:
        ProblemError: It is larger, or not UTF-8.
    """
    body = stream.read(limit + 1)
    if len(body) > limit:
        raise ProblemError(TOO_LARGE, _("A body is at most %d bytes.") % limit)
    try:
        return str(body, "utf-8")
    except UnicodeDecodeError:
        raise ProblemError(MALFORMED, _("The body is not UTF-8.")) from None


def json_object(request: Request) -> dict[str, Any]:
    """Return the JSON object of the request's body; empty if there is no body.

    Raises:
        ProblemError: The body is JSON but no object.
    """
    data: Any = request.data
    # What the request framework makes of no body at all is an empty form.
    if not data and not isinstance(data, (list, str, int, float)) and data is not None:
        return {}
    if not isinstance(data, dict) or hasattr(data, "getlist"):
        raise invalid_input("", _("The body is a JSON object."))
    return data


def _check_encoding(context: Mapping[str, Any], media_type: str) -> None:
    request = context.get("request")
    if request is not None and request.META.get("HTTP_CONTENT_ENCODING", "identity") not in (
        "",
        "identity",
    ):
        raise UnsupportedMediaType(media_type, _("A body is not compressed."))
    message = Message()
    message["Content-Type"] = media_type
    charset = message.get_param("charset", "utf-8")
    if str(charset).lower().replace("-", "") not in ("utf8", "usascii", "ascii"):
        raise UnsupportedMediaType(media_type, _("A body is UTF-8."))
