"""The list of executions: what runs, what waits and for what, what failed and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from durable_django.admin.list.capped_count import CappedPaginator
from durable_django.admin.list.changelist import ExecutionChangeList
from durable_django.admin.list.filters import (
    FAMILY,
    PERIOD,
    STATUS,
    VERSION,
    WORKFLOW,
    Choice,
    FamilyFilter,
    PeriodFilter,
    StatusFilter,
    VersionFilter,
    WorkflowFilter,
    choice_of,
    find_choice,
)
from durable_django.admin.list.inbox_link import Tool, find_inbox
from durable_django.admin.list.rows import render_attempts, render_duration, render_standing
from durable_django.control.badges import BADGES, badge_of
from durable_django.control.finding.matching import CriteriaError, made_since, matching
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import visible_executions
from durable_django.control.showing import render_badge, render_time
from durable_django.domain.status import ExecutionStatus
from durable_django.models import WorkflowExecution

_PARAMETERS = frozenset({PERIOD, STATUS, WORKFLOW, VERSION, FAMILY})
#: Of the id, that much is shown: it is the time, and enough to tell rows apart by eye.
#: Of the end: the beginning is the time, the same for all that were started together.
_SHORT_ID = 12
_TOOLS = (
    ("durable_django_workflows", Permission.VIEW, gettext_lazy("Workflows")),
    ("durable_django_health", Permission.VIEW, gettext_lazy("Health")),
    ("durable_django_bulk", Permission.BULK, gettext_lazy("Bulk operations")),
    ("durable_django_start", Permission.START, gettext_lazy("Start a workflow")),
)


class ExecutionList:
    """The hooks of `ModelAdmin` that make the list; goes before it among the bases."""

    admin_site: admin.AdminSite

    list_display = (
        "short_id",
        "workflow_label",
        "status_badge",
        "key_label",
        "standing",
        "attempts",
        "duration",
        "created",
    )
    list_display_links = ("short_id",)
    list_filter = (PeriodFilter, StatusFilter, FamilyFilter, WorkflowFilter, VersionFilter)
    #: Django shows the box only if there are some; `get_search_results` does not use them.
    search_fields = ("key",)
    ordering = ("-id",)
    #: Another order would sort a million rows.
    sortable_by = ("created",)
    list_per_page = 50
    list_max_show_all = 0
    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/durable_django/workflowexecution/change_list.html"

    # --- rows ---

    def get_queryset(self, request: HttpRequest) -> QuerySet[WorkflowExecution]:
        """Return the executions that the user may see."""
        return visible_executions(request.user).order_by(*self.ordering)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return what the search and the filters ask for; nothing, and why, if that is not clear."""
        try:
            choice = choice_of(request)
        except CriteriaError as error:
            _warn_once(request, str(error))
            return queryset.none(), False
        rows = matching(queryset, choice.criteria)
        return rows if choice.since is None else made_since(rows, choice.since), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Refuse all parameters but the filters'.

        Django allows a lookup in any column, and `?input__contains=` would tell payloads, letter by
        letter, to who may not see them.
        """
        return lookup in _PARAMETERS

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        """Return the class of the list."""
        return ExecutionChangeList

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Any], *arguments: Any, **options: Any
    ) -> Paginator[Any]:
        """Return the paginator, which counts by status in the same statement."""
        choice = find_choice(request)
        beside = {} if choice is None else self._by_status(request, choice)
        return CappedPaginator(queryset, *arguments, beside=beside, **options)

    def _by_status(
        self, request: HttpRequest, choice: Choice
    ) -> dict[ExecutionStatus, QuerySet[Any]]:
        rows = self.get_queryset(request)
        if choice.since is not None:
            rows = made_since(rows, choice.since)
        return {status: rows.filter(status=status.value) for status in BADGES}

    # --- page ---

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with links to the other pages about executions."""
        context = {
            "durable_tools": [
                *_list_tools(self.admin_site, request.user),
                *find_inbox(self.admin_site, request.user),
            ],
            **(extra_context or {}),
        }
        response: HttpResponse = super().changelist_view(request, context)  # type: ignore[misc]  # the admin class beside this one
        return response

    # --- columns ---

    @admin.display(description=gettext_lazy("id"))
    def short_id(self, execution: WorkflowExecution) -> SafeString:
        """Show the end of the id."""
        text = str(execution.pk)
        return format_html('<span class="dw-mono" title="{}">{}</span>', text, text[-_SHORT_ID:])

    @admin.display(description=gettext_lazy("workflow"))
    def workflow_label(self, execution: WorkflowExecution) -> SafeString:
        """Show the workflow and its version, and whether it is a child."""
        return format_html(
            '{}{} <span class="dw-muted">v{}</span>',
            _mark_child(execution),
            execution.workflow_name,
            execution.workflow_version,
        )

    @admin.display(description=gettext_lazy("status"))
    def status_badge(self, execution: WorkflowExecution) -> SafeString:
        """Show the status."""
        return render_badge(badge_of(execution))

    @admin.display(description=gettext_lazy("key"))
    def key_label(self, execution: WorkflowExecution) -> SafeString:
        """Show the key, cut to the width of its column."""
        key = execution.key or ""
        return format_html('<span class="dw-clip" title="{}">{}</span>', key, key)

    @admin.display(description=gettext_lazy("step, or what it waits for"))
    def standing(self, execution: Any) -> SafeString:
        """Show where it stands."""
        return render_standing(execution.list_row)

    @admin.display(description=gettext_lazy("attempts"))
    def attempts(self, execution: Any) -> SafeString:
        """Show how often its steps were tried."""
        return render_attempts(execution.list_row)

    @admin.display(description=gettext_lazy("took"))
    def duration(self, execution: Any) -> SafeString:
        """Show how long it took."""
        return render_duration(execution.list_row)

    @admin.display(description=gettext_lazy("created"), ordering="id")
    def created(self, execution: Any) -> SafeString:
        """Show when it was created."""
        return render_time(execution.created_at, execution.list_row.now)


def _mark_child(execution: WorkflowExecution) -> SafeString:
    if execution.parent_id is None:
        return SafeString("")
    # Translators: of an execution that another one started; the key is that of the call.
    said = gettext("child, called %(call)s") % {"call": execution.parent_key}
    return format_html(
        '<span class="dw-muted" title="{}" aria-hidden="true">↳</span>'
        '<span class="dw-hidden-text">{}</span> ',
        said,
        said,
    )


def _warn_once(request: HttpRequest, text: str) -> None:
    # An act asks for the same rows again.
    if getattr(request, "_durable_warned", "") != text:
        messages.warning(request, text)
        request._durable_warned = text  # type: ignore[attr-defined]  # noqa: SLF001 -- ours


def _list_tools(site: admin.AdminSite, user: Any) -> Iterable[Tool]:
    for name, permission, label in _TOOLS:
        if allows(user, permission):
            try:
                yield Tool(url=reverse(f"admin:{name}", current_app=site.name), label=label)
            except NoReverseMatch:  # a site that does not show that page
                continue
