"""The pages about all executions at once: the workflows, and the health of the installation."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models.options import Options
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from durable_django.admin.reports.health_page import build_health_page
from durable_django.admin.reports.links import ReportLinks
from durable_django.admin.reports.workflow_pages import (
    build_workflow_page,
    build_workflows_page,
)
from durable_django.control.permissions import Permission, allows
from durable_django.models import WorkflowExecution

_TEMPLATES = "admin/durable_django/reports"


class ExecutionReports:
    """The part of the executions' admin that tells of all of them; it reads only."""

    admin_site: AdminSite
    opts: Options[WorkflowExecution]

    def report_urls(self) -> list[URLPattern]:
        """Return the addresses of the reports."""
        pages = (
            ("workflows/", self.workflows_view, "durable_django_workflows"),
            ("workflows/<path:name>/", self.workflow_view, "durable_django_workflow"),
            ("health/", self.health_view, "durable_django_health"),
        )
        protect = self.admin_site.admin_view
        return [path(route, protect(require_safe(view)), name=name) for route, view, name in pages]

    def workflows_view(self, request: HttpRequest) -> TemplateResponse:
        """Show all workflows: their versions, how they end, how long they take."""
        _check_may_view(request)
        context = build_workflows_page(request, ReportLinks(self.admin_site))
        return self._show(request, "workflows", gettext("Workflows"), context)

    def workflow_view(self, request: HttpRequest, name: str) -> TemplateResponse:
        """Show one workflow: its code, its versions, its steps and its failures."""
        _check_may_view(request)
        context = build_workflow_page(request, ReportLinks(self.admin_site), name)
        return self._show(request, "workflow", name, context)

    def health_view(self, request: HttpRequest) -> TemplateResponse:
        """Show how the installation is; asked again by the page itself, every few seconds."""
        _check_may_view(request)
        context = build_health_page(request, ReportLinks(self.admin_site))
        page = "_health" if "live" in request.GET else "health"
        return self._show(request, page, gettext("Health"), context)

    def _show(
        self, request: HttpRequest, page: str, title: str, context: dict[str, Any]
    ) -> TemplateResponse:
        # A URL of its own app name: reverse() in templates must find this site, not the first.
        request.current_app = self.admin_site.name
        whole = {
            **self.admin_site.each_context(request),
            **context,
            "title": title,
            "opts": self.opts,
        }
        return TemplateResponse(request, f"{_TEMPLATES}/{page}.html", whole)


def _check_may_view(request: HttpRequest) -> None:
    if not allows(request.user, Permission.VIEW):
        raise PermissionDenied
