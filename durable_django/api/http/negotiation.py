"""For views whose answers are not JSON alone: problems are JSON, whatever was asked for."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request

from durable_django.api.http.viewset import HeaderNegotiation


class AlwaysJson(HeaderNegotiation):
    """Refuses no Accept header, and renders what the view leaves to be rendered as JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        """Return the parser for JSON, if the body is JSON."""
        return next((one for one in parsers if one.media_type == _media_type(request)), None)

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[JSONRenderer, str]:
        """Return the one there is."""
        return JSONRenderer(), JSONRenderer.media_type


def _media_type(request: Request) -> str:
    return str(request.content_type or "").partition(";")[0].strip().lower()
