"""The executions' admin, put together from its rooms: list, page, acts, reports."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import URLPattern

from durable_django.admin.acts.execution_acts import ExecutionActs
from durable_django.admin.list.execution_list import ExecutionList
from durable_django.admin.page.execution_page import ExecutionPage
from durable_django.admin.reports.execution_reports import ExecutionReports
from durable_django.models import WorkflowExecution


class ReadOnly:
    """Nobody adds, changes or deletes rows here: acts have pages and permissions of their own."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


@admin.register(WorkflowExecution)
class WorkflowExecutionAdmin(  # type: ignore[misc]  # a mixin says less than ModelAdmin's stub
    ReadOnly,
    ExecutionActs,
    ExecutionReports,
    ExecutionPage,
    ExecutionList,
    admin.ModelAdmin,  # type: ignore[type-arg]  # not subscriptable at run time
):
    """Executions: find them, understand them, steer them."""

    def get_urls(self) -> list[URLPattern]:
        """Return our pages, and Django's after them, whose patterns take any word for an id."""
        own = [*self.page_urls(), *self.act_urls(), *self.report_urls()]
        return [*own, *super().get_urls()]
