"""Absolute links to our own paths, wherever the project mounted them."""

from __future__ import annotations

from django.urls import reverse
from rest_framework.request import Request


def link_to(request: Request, name: str, /, **values: object) -> str:
    """Return the link to a route by its name in the URL table."""
    match = request.resolver_match
    namespace = match.namespace if match is not None and match.namespace else "durable-api"
    return request.build_absolute_uri(reverse(f"{namespace}:{name}", kwargs=values or None))
