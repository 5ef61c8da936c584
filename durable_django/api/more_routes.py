"""The lines of the URL table for hooks, reports, streams and bulk operations."""

from __future__ import annotations

from durable_django.api.routes import PUBLIC, Route, needs
from durable_django.api.views.bulk import BulkCancelView, BulkListView, BulkView
from durable_django.api.views.execution_hooks import ExecutionHooksView, ExecutionHookView
from durable_django.api.views.feed import EventsView
from durable_django.api.views.figures import StatsView
from durable_django.api.views.health import HealthView, LiveView
from durable_django.api.views.hooks import HookView
from durable_django.api.views.reports import GraphView, TimelineView
from durable_django.api.views.streaming import StreamView
from durable_django.control.permissions import Permission

_VIEW = needs(Permission.VIEW)
_SIGNAL = needs(Permission.VIEW, Permission.SIGNAL)
_BULK = needs(Permission.VIEW, Permission.BULK)
_ID = "00000000-0000-7000-8000-000000000000"
_EXECUTION = "v1/executions/<str:execution_id>/"
_OF_EXECUTION = {"execution_id": _ID}

MORE_ROUTES: list[Route] = [
    Route(
        path=f"{_EXECUTION}events/",
        view=EventsView,
        name="execution-events",
        methods={"GET": _VIEW},
        example=_OF_EXECUTION,
    ),
    Route(
        path=f"{_EXECUTION}stream/",
        view=StreamView,
        name="execution-stream",
        methods={"GET": _VIEW},
        example=_OF_EXECUTION,
    ),
    Route(
        path=f"{_EXECUTION}timeline/",
        view=TimelineView,
        name="execution-timeline",
        methods={"GET": _VIEW},
        example=_OF_EXECUTION,
    ),
    Route(
        path=f"{_EXECUTION}graph/",
        view=GraphView,
        name="execution-graph",
        methods={"GET": _VIEW},
        example=_OF_EXECUTION,
    ),
    Route(
        path=f"{_EXECUTION}hooks/",
        view=ExecutionHooksView,
        name="execution-hooks",
        methods={"GET": _VIEW, "POST": _SIGNAL},
        example=_OF_EXECUTION,
    ),
    Route(
        path=f"{_EXECUTION}hooks/<str:hook_id>/",
        view=ExecutionHookView,
        name="execution-hook",
        methods={"DELETE": _SIGNAL},
        example={**_OF_EXECUTION, "hook_id": _ID},
    ),
    Route(
        # A path, so that a token with a slash in it is refused like any other.
        path="v1/hooks/<durable_anything:token>/",
        view=HookView,
        name="hook",
        methods={"GET": PUBLIC, "POST": PUBLIC},
        example={"token": "no-such-token"},
    ),
    Route(
        path="v1/bulk-operations/",
        view=BulkListView,
        name="bulk-operations",
        methods={"GET": _BULK, "POST": _BULK},
    ),
    Route(
        path="v1/bulk-operations/<str:operation_id>/",
        view=BulkView,
        name="bulk-operation",
        methods={"GET": _BULK},
        example={"operation_id": _ID},
    ),
    Route(
        path="v1/bulk-operations/<str:operation_id>/cancel/",
        view=BulkCancelView,
        name="bulk-operation-cancel",
        methods={"POST": _BULK},
        example={"operation_id": _ID},
    ),
    Route(path="v1/stats/", view=StatsView, name="stats", methods={"GET": _VIEW}),
    Route(path="v1/health/", view=HealthView, name="health", methods={"GET": PUBLIC}),
    Route(path="v1/health/live/", view=LiveView, name="health-live", methods={"GET": PUBLIC}),
]
