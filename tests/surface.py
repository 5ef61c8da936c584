"""Every address that the admin and the REST API have, from their own URL tables."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.contrib import admin
from django.urls import URLPattern, reverse

from durable_django import runtime
from durable_django.api.routes import Route
from durable_django.api.urls import ROUTES
from durable_django.models import BulkOperation, WorkflowExecution

TABS = ("timeline", "steps", "signals", "timers", "history", "payloads", "related", "graph")
LIST = "durable_django_workflowexecution_changelist"
PAGE = "durable_django_workflowexecution_change"


def admin_patterns() -> list[URLPattern]:
    """Return the named patterns of the executions' admin."""
    model_admin = admin.site._registry[WorkflowExecution]
    # The one without a name is Django's redirect of old addresses.
    return [pattern for pattern in model_admin.get_urls() if pattern.name]


def admin_addresses(name: str, execution_id: UUID, workflow: str = "shop.order") -> list[str]:
    """Return every address that the table has under this name."""
    values = {
        "execution_id": str(execution_id),
        "object_id": str(execution_id),
        "operation_id": str(_bulk_operation().pk),
        "part": "input",
        "action": "cancel",
        "workflow": workflow,
        "name": workflow,
    }
    return [
        reverse(f"admin:{name}", kwargs={key: values[key] for key in pattern.pattern.converters})
        for pattern in admin_patterns()
        if pattern.name == name
    ]


def api_address(route: Route, execution_id: UUID | str) -> str:
    """Return an address of the route, for this execution if it is about one."""
    values = dict(route.example)
    if "execution_id" in values:
        values["execution_id"] = str(execution_id)
    return reverse(f"durable-api:{route.name}", kwargs=values)


def all_pages(execution_id: UUID, workflow: str) -> Iterator[str]:
    """Yield all that can be looked at which shows something of the execution."""
    for name in {str(pattern.name) for pattern in admin_patterns()}:
        yield from admin_addresses(name, execution_id, workflow)
    page = reverse(f"admin:{PAGE}", args=[execution_id])
    yield from (f"{page}?tab={tab}" for tab in TABS)
    live = reverse("admin:durable_django_execution_live", args=[execution_id])
    yield from (f"{live}?tab={tab}" for tab in TABS)
    acts = ("terminate", "pause", "resume", "retry", "fork", "signal", "fire_timer")
    for action in acts:
        yield reverse("admin:durable_django_execution_act", args=[execution_id, action])
    yield reverse("admin:durable_django_execution_payload", args=[execution_id, "result"])
    for route in ROUTES:
        # A stream has no end of its own, and is not there without ASGI.
        if "GET" in route.methods and route.name != "execution-stream":
            yield api_address(route, execution_id)
    yield api_address(_route("execution"), execution_id) + "?include=steps,signals,timers"
    yield api_address(_route("execution-graph"), execution_id) + "?format=mermaid"


def _route(name: str) -> Route:
    return next(route for route in ROUTES if route.name == name)


def _bulk_operation() -> BulkOperation:
    found = BulkOperation.objects.first()
    now = runtime.engine().store.now()
    return found or BulkOperation.objects.create(
        action="cancel", criteria={"workflow": "shop.none"}, actor_kind="user", created_at=now
    )
