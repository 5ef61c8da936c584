"""The links of one human task: make one, look at what became of them, revoke one."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar
from uuid import UUID

from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from durable_django.api.http.describing import describe
from durable_django.api.http.links import link_to
from durable_django.api.http.paging import NEWEST_FIRST, PAGE_PARAMETERS, read_page
from durable_django.api.http.problems import ProblemError
from durable_django.api.http.strict import read_body_as
from durable_django.api.http.task_problems import TASK_LINK_NOT_FOUND, TASK_LINK_USED
from durable_django.api.representing import instant
from durable_django.api.task_bodies import TaskLinkBody
from durable_django.api.task_serializers import MintedTaskLinkSerializer, TaskLinkPageSerializer
from durable_django.api.views.human_tasks import TaskView, to_id
from durable_django.control.human_tasks.errors import LinkNotFoundError
from durable_django.control.human_tasks.link_acts import (
    give_link,
    revoke_visible_link,
    visible_links,
)
from durable_django.control.human_tasks.links import list_links, state_of
from durable_django.runtime import engine


class TaskLinksView(TaskView):
    """The links of one task."""

    query_parameters: ClassVar = PAGE_PARAMETERS

    @describe(
        operation_id="tasks_links_list",
        summary="The links of the task that you may see, newest first, without their tokens.",
        tag="tasks",
        answers={200: TaskLinkPageSerializer},
        problems=(400, 404),
    )
    def get(self, request: Request, task_id: str) -> Response:
        """Return them."""
        page = read_page(
            visible_links(to_id(task_id), user=request.user), NEWEST_FIRST, **self.query
        )
        now = engine().store.now()
        results = [
            {
                "id": str(link.pk),
                "user": link.user,
                "state": state_of(link, now),
                "created_at": instant(link.created_at),
                "expires_at": instant(link.expires_at),
                "used_at": instant(link.used_at),
                "revoked_at": instant(link.revoked_at),
            }
            for link in page.rows
        ]
        return Response(page.to_json(request, results))

    @describe(
        operation_id="tasks_links_create",
        summary="Make a link with which you complete the task, once, without logging in.",
        tag="tasks",
        body=TaskLinkBody,
        answers={201: MintedTaskLinkSerializer},
        problems=(403, 404, 409),
    )
    def post(self, request: Request, task_id: str) -> Response:
        """Make it; the answer is the only place where its token is ever told."""
        body = read_body_as(TaskLinkBody, request)
        link = give_link(
            to_id(task_id),
            expires_in=timedelta(seconds=body["expires_in_seconds"]),
            user=request.user,
        )
        minted = {
            "id": str(link.id),
            "user": link.user,
            "token": link.token,
            "url": link_to(request, "task-link", token=link.token),
            "expires_at": instant(link.expires_at),
        }
        return Response(minted, status=201, headers={"Cache-Control": "no-store"})


class TaskLinkView(TaskView):
    """One link of a task."""

    @describe(
        operation_id="tasks_links_revoke",
        summary="Have a link never be used from now on.",
        tag="tasks",
        answers={204: None},
        problems=(404, 409),
    )
    def delete(self, request: Request, task_id: str, link_id: str) -> Response:
        """Revoke it; one that was revoked or has expired stays as it is."""
        found = to_id(task_id)
        try:
            link = UUID(link_id)
            is_first = revoke_visible_link(found, link, user=request.user)
        except (LinkNotFoundError, ValueError):
            raise ProblemError(
                TASK_LINK_NOT_FOUND, _("The task has no such link that you may see.")
            ) from None
        if not is_first and list_links(found).filter(pk=link, used_at__isnull=False).exists():
            raise ProblemError(TASK_LINK_USED, _("The link was used; the task was completed."))
        return Response(status=204)
