"""The lines of the URL table for schedules and queues."""

from __future__ import annotations

from durable_django.api.http.viewset import DurableView
from durable_django.api.routes import Route, Rule, needs
from durable_django.api.views.queues import (
    DrainQueueView,
    OneQueueView,
    PauseQueueView,
    QueuesView,
    ResumeQueueView,
)
from durable_django.api.views.schedules import (
    BackfillView,
    OneScheduleView,
    PauseScheduleView,
    ResumeScheduleView,
    RunScheduleView,
    SchedulesView,
    TicksView,
)
from durable_django.control.permissions import Permission
from durable_django.control.schedules.acting import PERMISSIONS_OF


def _to(act: str) -> Rule:
    return Rule(permissions=(Permission.VIEW_SCHEDULES,), alternatives=tuple(PERMISSIONS_OF[act]))


_SEE = needs(Permission.VIEW_SCHEDULES)
_SEE_QUEUES = needs(Permission.VIEW_QUEUES)
_CONTROL = needs(Permission.VIEW_QUEUES, Permission.CHANGE_QUEUES)


def _of_schedule(path: str, view: type[DurableView], name: str, **methods: Rule) -> Route:
    return Route(
        path=f"v1/schedules/<str:name>/{path}",
        view=view,
        name=name,
        methods=methods,
        example={"name": "no.such"},
    )


def _of_queue(path: str, view: type[DurableView], name: str, **methods: Rule) -> Route:
    # A path: the name of a queue may hold `/`.
    return Route(
        path=f"v1/queues/<durable_anything:name>/{path}",
        view=view,
        name=name,
        methods=methods,
        example={"name": "no such/queue"},
    )


SCHEDULE_ROUTES: list[Route] = [
    Route(
        path="v1/schedules/",
        view=SchedulesView,
        name="schedules",
        methods={"GET": _SEE, "POST": _to("create")},
    ),
    _of_schedule(
        "", OneScheduleView, "schedule", GET=_SEE, PATCH=_to("change"), DELETE=_to("delete")
    ),
    _of_schedule("pause/", PauseScheduleView, "schedule-pause", POST=_to("disable")),
    _of_schedule("resume/", ResumeScheduleView, "schedule-resume", POST=_to("enable")),
    _of_schedule("run/", RunScheduleView, "schedule-run", POST=_to("trigger")),
    _of_schedule("backfill/", BackfillView, "schedule-backfill", POST=_to("backfill")),
    _of_schedule("ticks/", TicksView, "schedule-ticks", GET=_SEE),
]
QUEUE_ROUTES: list[Route] = [
    Route(path="v1/queues/", view=QueuesView, name="queues", methods={"GET": _SEE_QUEUES}),
    _of_queue("pause/", PauseQueueView, "queue-pause", POST=_CONTROL),
    _of_queue("resume/", ResumeQueueView, "queue-resume", POST=_CONTROL),
    _of_queue("drain/", DrainQueueView, "queue-drain", POST=_CONTROL),
    # Last: its name would take in all of the others' paths.
    _of_queue("", OneQueueView, "queue", GET=_SEE_QUEUES, PATCH=_CONTROL),
]
