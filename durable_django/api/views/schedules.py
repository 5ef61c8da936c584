"""Schedules: find them, add, change and delete them, and have them run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.bodies import ReasonBody
from durable_django.api.http.describing import describe
from durable_django.api.http.idempotency import once
from durable_django.api.http.links import link_to
from durable_django.api.http.paging import OLDEST_FIRST, PAGE_PARAMETERS, Order, read_page
from durable_django.api.http.query import QueryParameter, one_of
from durable_django.api.http.schedule_problems import to_problem
from durable_django.api.http.strict import read_body_as
from durable_django.api.http.viewset import DurableView
from durable_django.api.schedule_bodies import (
    BackfillBody,
    NewScheduleBody,
    ScheduleChangesBody,
    to_options,
)
from durable_django.api.schedule_representing import (
    represent_backfill,
    represent_schedule,
    represent_tick,
)
from durable_django.api.schedule_serializers import (
    BackfilledSerializer,
    SchedulePageSerializer,
    ScheduleSerializer,
    TickPageSerializer,
    TriggeredSerializer,
)
from durable_django.api.starting import fit_input, load_exposed
from durable_django.control.schedules.acting import ScheduleActing
from durable_django.control.schedules.rows import (
    all_schedules,
    build_row,
    build_rows,
    build_ticks,
    find_schedule,
    list_ticks,
)
from durable_django.domain.identifiers import MAX_NAME_LENGTH
from durable_django.domain.schedule import ScheduleSource
from durable_django.runtime import engine

_SOURCES = [source.value for source in ScheduleSource]
_FIRST_YEAR, _LAST_YEAR = 1970, 9000
#: With these, what is started is another thing: the workflow must be open to this API.
_OF_START = frozenset({"workflow", "version", "input", "tick_argument"})


def _tick_at(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.utcoffset() is None or not _FIRST_YEAR < instant.year < _LAST_YEAR:
        raise ValueError(text)
    return instant.astimezone(UTC)


_LATEST_FIRST = Order(column="tick_at", is_descending=True, parse=_tick_at)
FILTERS = (
    QueryParameter(
        name="workflow",
        description="The name of the workflow that they start.",
        schema={"type": "string", "maxLength": MAX_NAME_LENGTH},
    ),
    QueryParameter(
        name="source",
        description="`code`: defined there, and changed there alone.",
        schema={"type": "string", "enum": _SOURCES},
        parse=one_of(*_SOURCES),
    ),
    QueryParameter(
        name="is_enabled",
        description="Whether they tick.",
        schema={"type": "string", "enum": ["true", "false"]},
        parse=one_of("true", "false"),
    ),
)


class ScheduleView(DurableView):
    """Anything about schedules."""

    def handle_exception(self, exc: Exception) -> Any:
        """Answer what goes wrong with schedules as the problem that it is."""
        return super().handle_exception(to_problem(exc))


class SchedulesView(ScheduleView):
    """All schedules."""

    query_parameters: ClassVar = (*FILTERS, *PAGE_PARAMETERS)

    @describe(
        operation_id="schedules_list",
        summary="Find schedules, oldest first, each with its next five runs.",
        tag="schedules",
        answers={200: SchedulePageSerializer},
    )
    def get(self, request: Request) -> Response:
        """Return a page of them."""
        query = self.query
        wanted = {
            "workflow_name": query["workflow"],
            "source": query["source"],
            "is_enabled": query["is_enabled"] and query["is_enabled"] == "true",
        }
        rows = all_schedules().filter(**{k: v for k, v in wanted.items() if v is not None})
        page = read_page(rows, OLDEST_FIRST, cursor=query["cursor"], page_size=query["page_size"])
        told = build_rows(request.user, page.rows, engine().store.now())
        return Response(page.to_json(request, [represent_schedule(request, one) for one in told]))

    @describe(
        operation_id="schedules_create",
        summary="Add a schedule; it ticks from its next instant on.",
        tag="schedules",
        body=NewScheduleBody,
        answers={201: ScheduleSerializer},
        problems=(403, 404, 409),
    )
    @once
    def post(self, request: Request) -> Response:
        """Add it."""
        body = read_body_as(NewScheduleBody, request)
        options = to_options(body) | _fitted(body)
        name, workflow = options.pop("name"), options.pop("workflow")
        ScheduleActing(request.user).create(name, workflow, options)
        there = link_to(request, "schedule", name=name)
        return Response(_told(request, name), status=201, headers={"Location": there})


class OneScheduleView(ScheduleView):
    """One schedule."""

    @describe(
        operation_id="schedules_retrieve",
        summary="Look at a schedule, its next five runs and its last one.",
        tag="schedules",
        answers={200: ScheduleSerializer},
        problems=(404,),
    )
    def get(self, request: Request, name: str) -> Response:
        """Return it."""
        return Response(_told(request, name))

    @describe(
        operation_id="schedules_update",
        summary="Change a schedule; with another timing it ticks next after now.",
        tag="schedules",
        body=ScheduleChangesBody,
        answers={200: ScheduleSerializer},
        problems=(403, 404, 409),
    )
    @once
    def patch(self, request: Request, name: str) -> Response:
        """Change what the body says."""
        body = read_body_as(ScheduleChangesBody, request)
        changes = to_options(body)
        row = find_schedule(name)
        # What the code defines is refused as such, whatever is to be changed of it.
        if body.keys() & _OF_START and row.source == ScheduleSource.USER:
            former = {
                "workflow": row.workflow_name,
                "version": row.workflow_version,
                "tick_argument": row.tick_argument,
            }
            changes |= _fitted(former | body)
        ScheduleActing(request.user).change(name, changes)
        return Response(_told(request, name))

    @describe(
        operation_id="schedules_delete",
        summary="Delete a schedule and what became of its ticks; what it started goes on.",
        tag="schedules",
        answers={204: None},
        problems=(404, 409),
    )
    def delete(self, request: Request, name: str) -> Response:
        """Delete it."""
        ScheduleActing(request.user).delete(name)
        return Response(status=204)


class PauseScheduleView(ScheduleView):
    """Disabling a schedule."""

    @describe(
        operation_id="schedules_pause",
        summary="Let a schedule tick no more; what it has started goes on.",
        tag="schedules",
        body=ReasonBody,
        answers={200: ScheduleSerializer},
        problems=(404,),
    )
    @once
    def post(self, request: Request, name: str) -> Response:
        """Disable it."""
        body = read_body_as(ReasonBody, request)
        ScheduleActing(request.user, body["reason"]).disable(name)
        return Response(_told(request, name))


class ResumeScheduleView(ScheduleView):
    """Enabling a schedule."""

    @describe(
        operation_id="schedules_resume",
        summary="Let a schedule tick again, from now on; its failures are forgotten.",
        tag="schedules",
        body=ReasonBody,
        answers={200: ScheduleSerializer},
        problems=(404,),
    )
    @once
    def post(self, request: Request, name: str) -> Response:
        """Enable it."""
        body = read_body_as(ReasonBody, request)
        ScheduleActing(request.user, body["reason"]).enable(name)
        return Response(_told(request, name))


class RunScheduleView(ScheduleView):
    """Triggering a schedule."""

    @describe(
        operation_id="schedules_run",
        summary="Start a schedule's workflow now, enabled or not.",
        tag="schedules",
        body=ReasonBody,
        answers={201: TriggeredSerializer},
        problems=(403, 404, 409),
    )
    @once
    def post(self, request: Request, name: str) -> Response:
        """Trigger it."""
        body = read_body_as(ReasonBody, request)
        handle = ScheduleActing(request.user, body["reason"]).trigger(name)
        there = link_to(request, "execution", execution_id=handle.id)
        told = {"execution_id": str(handle.id), "link": there}
        return Response(told, status=201, headers={"Location": there})


class BackfillView(ScheduleView):
    """Backfilling a schedule."""

    @describe(
        operation_id="schedules_backfill",
        summary="Start the ticks of the past that started nothing; or say which these are.",
        tag="schedules",
        body=BackfillBody,
        answers={202: BackfilledSerializer, 200: BackfilledSerializer},
        problems=(403, 404, 409),
    )
    @once
    def post(self, request: Request, name: str) -> Response:
        """Backfill it; 200 if it was a dry run."""
        body = read_body_as(BackfillBody, request)
        acting = ScheduleActing(request.user, body["reason"])
        act = acting.plan_backfill if body["dry_run"] else acting.backfill
        done = act(name, body["from"], body["to"])
        return Response(represent_backfill(done), status=200 if body["dry_run"] else 202)


class TicksView(ScheduleView):
    """The ticks of a schedule."""

    query_parameters: ClassVar = PAGE_PARAMETERS

    @describe(
        operation_id="schedules_ticks_list",
        summary="What became of a schedule's ticks, the latest first.",
        tag="schedules",
        answers={200: TickPageSerializer},
        problems=(404,),
    )
    def get(self, request: Request, name: str) -> Response:
        """Return a page of them."""
        schedule = find_schedule(name)
        page = read_page(list_ticks(schedule), _LATEST_FIRST, **self.query)
        told = build_ticks(request.user, schedule, page.rows)
        return Response(page.to_json(request, [represent_tick(request, one) for one in told]))


def _fitted(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input, if the body has one, as the workflow takes it; it must be exposed."""
    definition = load_exposed(body["workflow"], body.get("version"))
    if "input" not in body:
        return {}
    return {"input": fit_input(definition, body["input"], filled_in=body.get("tick_argument", ""))}


def _told(request: Request, name: str) -> dict[str, Any]:
    row = build_row(request.user, find_schedule(name), engine().store.now())
    return represent_schedule(request, row)
