"""The lines of the URL table for human tasks."""

from __future__ import annotations

from durable_django.api.http.viewset import DurableView
from durable_django.api.routes import PUBLIC, Route, Rule, needs, needs_any
from durable_django.api.views.human_tasks import (
    CancelTaskView,
    ClaimView,
    CompleteView,
    DelegateView,
    OneTaskView,
    ReassignView,
    ReleaseView,
    TasksView,
)
from durable_django.api.views.task_link_use import TaskLinkUseView
from durable_django.api.views.task_links import TaskLinksView, TaskLinkView
from durable_django.control.permissions import Permission

_SEE = needs_any(Permission.VIEW_TASKS, Permission.COMPLETE_TASKS)
_DO = needs(Permission.COMPLETE_TASKS)
_STEER = needs(Permission.REASSIGN_TASKS)
_DO_OR_STEER = needs_any(Permission.COMPLETE_TASKS, Permission.REASSIGN_TASKS)
_ID = "00000000-0000-7000-8000-000000000000"
_OF_TASK = {"task_id": _ID}


def _of_task(path: str, view: type[DurableView], name: str, **methods: Rule) -> Route:
    return Route(
        path=f"v1/tasks/<str:task_id>/{path}",
        view=view,
        name=name,
        methods=methods,
        example=_OF_TASK,
    )


TASK_ROUTES: list[Route] = [
    Route(path="v1/tasks/", view=TasksView, name="tasks", methods={"GET": _SEE}),
    _of_task("", OneTaskView, "task", GET=_SEE),
    _of_task("claim/", ClaimView, "task-claim", POST=_DO),
    _of_task("release/", ReleaseView, "task-release", POST=_DO_OR_STEER),
    _of_task("delegate/", DelegateView, "task-delegate", POST=_DO),
    _of_task("reassign/", ReassignView, "task-reassign", POST=_STEER),
    _of_task("complete/", CompleteView, "task-complete", POST=_DO),
    _of_task("cancel/", CancelTaskView, "task-cancel", POST=_STEER),
    _of_task("links/", TaskLinksView, "task-links", GET=_DO_OR_STEER, POST=_DO_OR_STEER),
    Route(
        path="v1/tasks/<str:task_id>/links/<str:link_id>/",
        view=TaskLinkView,
        name="task-link-of",
        methods={"DELETE": _DO_OR_STEER},
        example={**_OF_TASK, "link_id": _ID},
    ),
    Route(
        # A path, so that a token with a slash in it is refused like any other.
        path="v1/task-links/<durable_anything:token>/",
        view=TaskLinkUseView,
        name="task-link",
        methods={"GET": PUBLIC, "POST": PUBLIC},
        example={"token": "no-such-token"},
    ),
]
