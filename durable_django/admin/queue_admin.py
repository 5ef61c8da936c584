"""The queues' admin, put together from its rooms: the table, and the acts."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import URLPattern, path

from durable_django.admin.execution_admin import ReadOnly
from durable_django.admin.queues.acts import QueueActs
from durable_django.admin.queues.list_page import QueueTable
from durable_django.control.permissions import Permission, allows
from durable_django.models import WorkQueue


@admin.register(WorkQueue)
class QueueAdmin(
    ReadOnly,
    QueueActs,
    QueueTable,
    admin.ModelAdmin,  # type: ignore[type-arg]  # not subscriptable at run time
):
    """Queues: see what is in them, and control how much of them is run."""

    def get_urls(self) -> list[URLPattern]:
        """Return our pages alone: a queue is there also if it has no row to be changed."""
        table = self.admin_site.admin_view(self.changelist_view)
        return [path("", table, name="durable_django_workqueue_changelist"), *self.act_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the user may view queues."""
        return allows(request.user, Permission.VIEW_QUEUES)
