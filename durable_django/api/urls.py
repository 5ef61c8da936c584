"""The URL table: every path, its view, and the permissions each method needs.

`urlpatterns` is made of it, and so is the test that tries every kind of user on every line.
"""

from __future__ import annotations

from django.urls import path, re_path

from durable_django.api.http.viewset import DurableView
from durable_django.api.more_routes import MORE_ROUTES
from durable_django.api.routes import AUTHENTICATED, Route, Rule, needs, to_view
from durable_django.api.schedule_routes import QUEUE_ROUTES, SCHEDULE_ROUTES
from durable_django.api.schema import SchemaView
from durable_django.api.task_routes import TASK_ROUTES
from durable_django.api.views.commands import (
    CancelView,
    FireTimerView,
    ForkView,
    PauseView,
    ResumeView,
    RetryView,
)
from durable_django.api.views.execution_tasks import ExecutionTasksView
from durable_django.api.views.executions import (
    ChildrenView,
    ExecutionsView,
    ExecutionView,
    ResultView,
    StepsView,
    TimersView,
)
from durable_django.api.views.histories import HistoryView
from durable_django.api.views.hooks import HookView
from durable_django.api.views.root import NothingView, RootView
from durable_django.api.views.signals import BroadcastView, KeyedSignalView, SignalsView
from durable_django.api.views.task_link_use import TaskLinkUseView
from durable_django.api.views.workflows import WorkflowsView, WorkflowView
from durable_django.control.permissions import Permission

app_name = "durable-api"

_VIEW = needs(Permission.VIEW)
_NOBODYS = {"execution_id": "00000000-0000-7000-8000-000000000000"}


def _of_execution(path: str, view: type[DurableView], name: str, **methods: Rule) -> Route:
    # A text, and no UUID: what is none gets the answer of an id that nobody has.
    return Route(
        path=f"v1/executions/<str:execution_id>/{path}",
        view=view,
        name=name,
        methods=methods,
        example=_NOBODYS,
    )


def _act(path: str, view: type[DurableView], permission: Permission) -> Route:
    return _of_execution(
        f"{path}/", view, f"execution-{path}", POST=needs(Permission.VIEW, permission)
    )


ROUTES: list[Route] = [
    Route(path="v1/", view=RootView, name="root", methods={"GET": AUTHENTICATED}),
    Route(path="v1/schema/", view=SchemaView, name="schema", methods={"GET": AUTHENTICATED}),
    Route(path="v1/workflows/", view=WorkflowsView, name="workflows", methods={"GET": _VIEW}),
    Route(
        path="v1/workflows/<str:name>/",
        view=WorkflowView,
        name="workflow",
        methods={"GET": _VIEW},
        example={"name": "no.such"},
    ),
    Route(
        path="v1/executions/",
        view=ExecutionsView,
        name="executions",
        methods={"GET": _VIEW, "POST": needs(Permission.START)},
    ),
    _of_execution("", ExecutionView, "execution", GET=_VIEW),
    _of_execution(
        "result/",
        ResultView,
        "execution-result",
        GET=needs(Permission.VIEW, Permission.PAYLOADS),
    ),
    _of_execution("steps/", StepsView, "execution-steps", GET=_VIEW),
    # Of these, those that the user may see.
    _of_execution("children/", ChildrenView, "execution-children", GET=_VIEW),
    _of_execution("history/", HistoryView, "execution-history", GET=_VIEW),
    # Of these, those that the user may see.
    _of_execution("tasks/", ExecutionTasksView, "execution-tasks", GET=_VIEW),
    _of_execution("timers/", TimersView, "execution-timers", GET=_VIEW),
    _of_execution(
        "signals/",
        SignalsView,
        "execution-signals",
        GET=_VIEW,
        POST=needs(Permission.VIEW, Permission.SIGNAL),
    ),
    # Without compensation it needs TERMINATE as well.
    _act("cancel", CancelView, Permission.CANCEL),
    _act("pause", PauseView, Permission.RETRY),
    _act("resume", ResumeView, Permission.RETRY),
    _act("retry", RetryView, Permission.RETRY),
    _act("fork", ForkView, Permission.FORK),
    Route(
        # A path: the key of a call may hold `/`, as `~undo/prepare/stock#2` does.
        path="v1/executions/<str:execution_id>/timers/<durable_anything:key>/fire/",
        view=FireTimerView,
        name="execution-fire-timer",
        methods={"POST": needs(Permission.VIEW, Permission.SIGNAL)},
        example={**_NOBODYS, "key": "no-such-timer"},
    ),
    Route(
        path="v1/signals/",
        view=KeyedSignalView,
        name="signals",
        methods={"POST": needs(Permission.VIEW, Permission.SIGNAL)},
    ),
    Route(
        path="v1/events/",
        view=BroadcastView,
        name="events",
        methods={"POST": needs(Permission.VIEW, Permission.SIGNAL)},
    ),
    *MORE_ROUTES,
    *TASK_ROUTES,
    *SCHEDULE_ROUTES,
    *QUEUE_ROUTES,
]

urlpatterns = [
    *(route.to_pattern() for route in ROUTES),
    # A link that lost its last slash on the way is the same link, and its token is logged no more.
    path("v1/hooks/<durable_anything:token>", to_view(HookView, {}), name="hook-without-slash"),
    path(
        "v1/task-links/<durable_anything:token>",
        to_view(TaskLinkUseView, {}),
        name="task-link-without-slash",
    ),
    # Whatever else there is below our prefix.
    re_path(r"^[\s\S]*\Z", to_view(NothingView, {}), name="nothing"),
]
