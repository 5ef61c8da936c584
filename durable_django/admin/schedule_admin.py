"""The schedules' admin, put together from its rooms: list, page, form, acts."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import URLPattern

from durable_django.admin.schedules.acts import ScheduleActs
from durable_django.admin.schedules.edit_pages import ScheduleEditing
from durable_django.admin.schedules.list_page import ScheduleList
from durable_django.admin.schedules.schedule_page import SchedulePage
from durable_django.control.permissions import Permission, allows
from durable_django.control.schedules.acting import may
from durable_django.models import Schedule


@admin.register(Schedule)
class ScheduleAdmin(
    ScheduleActs,
    ScheduleEditing,
    SchedulePage,
    ScheduleList,
    admin.ModelAdmin,  # type: ignore[type-arg]  # not subscriptable at run time
):
    """Schedules: see when they run next, add and change them, have them run."""

    def get_urls(self) -> list[URLPattern]:
        """Return our pages, and Django's after them, whose patterns take any word for an id."""
        return [*self.edit_urls(), *self.act_urls(), *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the user may view schedules."""
        return allows(request.user, Permission.VIEW_SCHEDULES)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the user may add schedules."""
        return may(request.user, "create")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the user may change schedules."""
        return may(request.user, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say whether the user may delete schedules."""
        return may(request.user, "delete")
