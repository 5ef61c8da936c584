"""The human tasks' admin, put together from its rooms: inbox, page, acts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from durable_django.admin.execution_admin import ReadOnly
from durable_django.admin.human_tasks.inbox_page import TaskInbox
from durable_django.admin.human_tasks.task_acts import TaskActs
from durable_django.admin.human_tasks.task_page import TaskPages
from durable_django.control.human_tasks.visibility import visible_tasks
from durable_django.control.permissions import Permission, allows
from durable_django.models import HumanTask


@admin.register(HumanTask)
class HumanTaskAdmin(
    ReadOnly,
    TaskActs,
    TaskPages,
    TaskInbox,
    admin.ModelAdmin,  # type: ignore[type-arg]  # not subscriptable at run time
):
    """Human tasks: find those that are yours, do them, hand them on."""

    def get_urls(self) -> list[URLPattern]:
        """Return our pages, and Django's after them, whose patterns take any word for an id."""
        return [*self.act_urls(), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[HumanTask]:
        """Return the tasks that the user may see."""
        return visible_tasks(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let in who may view all tasks, and who may complete those that are for them."""
        wanted = (Permission.VIEW_TASKS, Permission.COMPLETE_TASKS)
        return any(allows(request.user, one) for one in wanted)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what was done to the task in the admin.

        Raises:
            PermissionDenied: The user may neither view nor complete tasks.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        response: HttpResponse = super().history_view(request, object_id, extra_context)
        return response
