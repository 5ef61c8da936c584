"""Look at executions in the admin. Read-only: acts go through the commands and `client`."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from durable_django.conf import settings
from durable_django.models import (
    StepCheckpoint,
    WorkflowExecution,
    WorkflowSignal,
    WorkflowTimer,
)

MAX_COUNTED = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # not subscriptable at run time
    """Counts no further than `MAX_COUNTED` and one: nobody turns so many pages."""

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, or one more than are counted."""
        rows: Any = self.object_list
        return int(rows.order_by()[: MAX_COUNTED + 1].count())


class ReadOnly:
    """Nobody adds, changes or deletes here; who may view the model may look."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read from the database that DURABLE names."""
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]  # the admin class beside this one
        return rows.using(settings().database)


class CheckpointInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # not subscriptable at run time
    """What was recorded of each durable call, in the order of the calls."""

    model = StepCheckpoint
    fields = ("position", "key", "kind", "attempt", "status", "completed_at", "output", "error")
    ordering = ("position", "key", "attempt")
    extra = 0


class TimerInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # as above
    """When it wakes by itself."""

    model = WorkflowTimer
    fields = ("key", "fire_at", "status")
    ordering = ("fire_at", "key")
    extra = 0


class SignalInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]  # as above
    """What was sent to it."""

    model = WorkflowSignal
    fields = ("position", "name", "status", "created_at", "payload")
    ordering = ("position",)
    extra = 0


@admin.register(WorkflowExecution)
class WorkflowExecutionAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # as above
    """Executions, newest first."""

    list_display = ("workflow_name", "key", "status", "queue", "wake_at", "created_at")
    list_filter = ("status",)
    ordering = ("-id",)
    list_per_page = 50
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    inlines = (CheckpointInline, TimerInline, SignalInline)
    # The tables' payloads are not read for the list, only for one execution.
    exclude: ClassVar[tuple[str, ...]] = ("workflow",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read without payloads, unless it is for one execution."""
        rows = super().get_queryset(request)
        match = request.resolver_match
        if match is not None and match.kwargs.get("object_id"):
            return rows
        return rows.only("pk", *self.list_display)
