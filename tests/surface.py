"""Every address that the admin and the REST API have, from their own URL tables."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote
from uuid import UUID

from django.contrib import admin
from django.urls import URLPattern, reverse

from durable_django import runtime
from durable_django.api.routes import Route
from durable_django.api.urls import ROUTES
from durable_django.models import (
    BulkOperation,
    HumanTask,
    Schedule,
    WorkflowExecution,
    WorkQueue,
)

TABS = (
    "timeline",
    "steps",
    "signals",
    "timers",
    "history",
    "payloads",
    "related",
    "graph",
    "tasks",
    "children",
    # What belongs to a map, apart.
    "steps&of=load",
    "steps&of=load&only=failed",
    "children&of=each&only=failed",
)
_MODELS = (WorkflowExecution, HumanTask, Schedule, WorkQueue)
SCHEDULE_ACTS = ("trigger", "backfill", "enable", "disable", "delete")
QUEUE_ACTS = ("pause", "drain", "resume", "limit", "rate")
LIST = "durable_django_workflowexecution_changelist"
PAGE = "durable_django_workflowexecution_change"


def admin_patterns() -> list[URLPattern]:
    """Return the named patterns of our admin pages."""
    admins = [admin.site._registry[model] for model in _MODELS]
    # The one without a name is Django's redirect of old addresses.
    return [pattern for one in admins for pattern in one.get_urls() if pattern.name]


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
        "task_id": str(_task_of(execution_id)),
        "act": "link",
    }
    if name.startswith("durable_django_humantask"):
        values["object_id"] = values["task_id"]
    if name.startswith("durable_django_schedule"):
        values["object_id"] = values["schedule_id"] = str(_schedule().pk)
        values["action"] = "disable" if name.endswith("selected") else "trigger"
    if name == "durable_django_workqueue_act":
        return [_queue_act("limit", "mail")]
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
    for act in ("release", "delegate", "reassign", "cancel"):
        task_id = _task_of(execution_id)
        yield reverse("admin:durable_django_humantask_act", args=[task_id, act])
    inbox = reverse("admin:durable_django_humantask_changelist")
    yield from (f"{inbox}?tab={tab}" for tab in ("mine", "groups", "all", "done"))
    yield from control_pages()
    for route in ROUTES:
        # A stream has no end of its own, and is not there without ASGI.
        if "GET" in route.methods and route.name != "execution-stream":
            yield api_address(route, execution_id)
    parts = "steps,signals,timers,tasks,children"
    yield f"{api_address(_route('execution'), execution_id)}?include={parts}"
    yield f"{api_address(_route('execution-steps'), execution_id)}?map=load"
    yield api_address(_route("execution-graph"), execution_id) + "?format=mermaid"


def _route(name: str) -> Route:
    return next(route for route in ROUTES if route.name == name)


def _task_of(execution_id: UUID) -> UUID:
    """Return the newest task of the execution, or else of any; an id that none has if need be."""
    tasks = HumanTask.objects.order_by("-pk").values_list("pk", flat=True)
    return tasks.filter(execution_id=execution_id).first() or tasks.first() or execution_id


def _bulk_operation() -> BulkOperation:
    found = BulkOperation.objects.first()
    now = runtime.engine().store.now()
    return found or BulkOperation.objects.create(
        action="cancel", criteria={"workflow": "shop.none"}, actor_kind="user", created_at=now
    )


def _schedule() -> Schedule:
    now = runtime.engine().store.now()
    found = Schedule.objects.filter(source="user").first()
    return found or Schedule.objects.create(
        name="of the surface",
        workflow_name="shop.order",
        cron="0 9 * * *",
        created_at=now,
        updated_at=now,
    )


def control_pages() -> Iterator[str]:
    """Yield all that can be looked at of the schedules and the queues that there are."""
    for model in ("schedule", "workqueue"):
        yield reverse(f"admin:durable_django_{model}_changelist")
    for name in ("schedules", "queues"):
        yield reverse(f"durable-api:{name}")
    yield from _schedule_pages()
    yield from _queue_pages()


def _schedule_pages() -> Iterator[str]:
    for schedule in Schedule.objects.all():
        yield reverse("admin:durable_django_schedule_change", args=[schedule.pk])
        yield reverse("admin:durable_django_schedule_edit", args=[schedule.pk])
        for action in SCHEDULE_ACTS:
            yield reverse("admin:durable_django_schedule_act", args=[schedule.pk, action])
        selected = reverse("admin:durable_django_schedule_selected", args=["disable"])
        yield f"{selected}?schedule={schedule.pk}"
        for name in ("schedule", "schedule-ticks"):
            yield reverse(f"durable-api:{name}", kwargs={"name": schedule.name})


def _queue_pages() -> Iterator[str]:
    for queue in WorkQueue.objects.all():
        yield from (_queue_act(action, queue.name) for action in QUEUE_ACTS)
        yield reverse("durable-api:queue", kwargs={"name": queue.name})


def _queue_act(action: str, queue: str) -> str:
    there = reverse("admin:durable_django_workqueue_act", args=[action])
    return f"{there}?queue={quote(queue, safe='')}"
