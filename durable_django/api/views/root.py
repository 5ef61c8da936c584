"""Where the API begins, and where it ends: its index, and the answer to every other path."""

from __future__ import annotations

from typing import Never

from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import describe
from durable_django.api.http.links import link_to
from durable_django.api.http.viewset import DurableView
from durable_django.api.serializers import RootSerializer

#: What the index names, by the name of its route.
_LINKED = (
    "workflows",
    "executions",
    "signals",
    "tasks",
    "schedules",
    "queues",
    "bulk-operations",
    "stats",
    "health",
    "schema",
)


class RootView(DurableView):
    """The index of the API."""

    @describe(
        operation_id="root_retrieve",
        summary="Where everything is.",
        tag="root",
        answers={200: RootSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return the version and the links."""
        links = {name: link_to(request, name) for name in _LINKED}
        return Response({"version": "1", "links": links})


class NothingView(DurableView):
    """A path below our prefix that is not in the URL table."""

    def read_query(self, request: Request) -> Never:
        """Say so, to who is logged in, whatever the query."""
        raise NotFound
