"""The OpenAPI document, as it is committed beside this file, for the place it is mounted at."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.urls import reverse
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import describe
from durable_django.api.http.viewset import DurableView

DOCUMENT = Path(__file__).with_name("openapi.yaml")


class SchemaView(DurableView):
    """The OpenAPI document."""

    @describe(
        operation_id="schema_retrieve",
        summary="This document.",
        tag="root",
        answers={200: {"type": "object", "additionalProperties": True}},
        problems=(404,),
    )
    def get(self, request: Request) -> Response:
        """Return it as JSON; 404 where what reads it is not installed (drf-spectacular)."""
        if find_spec("drf_spectacular") is None:
            raise NotFound
        match = request.resolver_match
        namespace = match.namespace if match is not None else "durable-api"
        mount = reverse(f"{namespace}:root").removesuffix("v1/").removesuffix("/")
        return Response(read_document() | {"servers": [{"url": request.build_absolute_uri(mount)}]})


@lru_cache(maxsize=1)
def read_document() -> dict[str, Any]:
    """Return the committed document."""
    # By path: it comes with drf-spectacular.
    document: dict[str, Any] = import_module("yaml").safe_load(DOCUMENT.read_text("utf-8"))
    return document
