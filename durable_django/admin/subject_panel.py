"""A panel on the admin page of a business object: the executions that are about it.

    @admin.register(Order)
    class OrderAdmin(DurableAdminMixin, admin.ModelAdmin):
        durable_workflows = ("shop.order",)

Executions are about an object when they were started with `subject=`. The panel is a read-only
field in a fieldset of its own, so that it is there under every template and theme that shows
fieldsets, and on the page of a user who may only look. A ModelAdmin that overrides
`get_readonly_fields` or `get_fieldsets` calls `super()`, as it would anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin import AdminSite
from django.db.models import Model
from django.forms import Media
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from durable_django.admin.list.rows import ROW_COLUMNS, Row, render_duration, render_standing
from durable_django.admin.reports.links import ReportLinks
from durable_django.control.figures.step_tallies import load_tallies
from durable_django.control.payloads.error_excerpts import ErrorExcerpt
from durable_django.control.permissions import Permission, allows
from durable_django.control.scope import visible_executions
from durable_django.models import WorkflowExecution
from durable_django.runtime import engine
from durable_django.stores.orm.model_references import subject_of

#: The newest executions that are shown.
MAX_SHOWN = 20
_TEMPLATE = "durable_django/subject_panel.html"
_ON_REQUEST = "_durable_subject_panel"

Panel = Callable[[Model], SafeString]


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRow:
    """One execution about the object."""

    execution: WorkflowExecution
    url: str
    standing: SafeString
    duration: SafeString


@dataclass(frozen=True, slots=True, kw_only=True)
class StartLink:
    """A workflow that the user may start for the object."""

    name: str
    url: str


class DurableAdminMixin:
    """Shows the executions about an object on its own page; stands before `ModelAdmin`."""

    #: The names of workflows that are offered to be started for the object.
    durable_workflows: Sequence[str] = ()
    admin_site: AdminSite

    # Any: whatever ModelAdmin's own are annotated as, these must fit beside them.
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Add the panel, if the user may see executions."""
        fields: Sequence[Any] = super().get_readonly_fields(request, obj)  # type: ignore[misc]  # the admin class beside this one
        return [*fields, self._panel_for(request)] if self._has_panel(request, obj) else fields

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Give the panel a fieldset of its own, after the others."""
        fieldsets: Sequence[Any] = super().get_fieldsets(request, obj)  # type: ignore[misc]  # as above
        if not self._has_panel(request, obj):
            return fieldsets
        panel = self._panel_for(request)
        # Without fieldsets of its own, Django puts all read-only fields into one.
        others = [(name, _without(panel, options)) for name, options in fieldsets]
        own = {"fields": (panel,), "classes": ("durable-panel",)}
        return [*others, (gettext_lazy("Workflows"), own)]

    @property
    def media(self) -> Media:
        """Add the stylesheets."""
        media: Media = super().media  # type: ignore[misc]  # as above
        own = Media(css={"all": ["durable_django/durable.css", "durable_django/health.css"]})
        return media + own

    def _has_panel(self, request: HttpRequest, obj: Model | None) -> bool:
        if obj is None or obj.pk is None or not self.admin_site.is_registered(WorkflowExecution):
            return False  # nothing to look at, or an admin site without the pages it leads to
        return allows(request.user, Permission.VIEW)

    def _panel_for(self, request: HttpRequest) -> Panel:
        # The same one at every call for a request: Django compares them.
        panel: Panel | None = getattr(request, _ON_REQUEST, None)
        if panel is None:

            def durable_executions(obj: Model) -> SafeString:
                return self.render_durable_panel(request, obj)

            durable_executions.short_description = gettext_lazy("Executions")  # type: ignore[attr-defined]  # Django's own way
            panel = durable_executions
            setattr(request, _ON_REQUEST, panel)
        return panel

    def render_durable_panel(self, request: HttpRequest, obj: Model) -> SafeString:
        """Return the panel's HTML; three queries at most."""
        links = ReportLinks(self.admin_site)
        subject = subject_of(obj)
        rows = _load_rows(request.user, links, subject)
        context = {
            "rows": rows[:MAX_SHOWN],
            "has_more": len(rows) > MAX_SHOWN,
            "all_url": links.to_search(f'object:"{subject}"'),
            "starts": self._list_starts(request, links, subject),
            "now": timezone.now(),
        }
        return SafeString(render_to_string(_TEMPLATE, context, request=request))

    def _list_starts(
        self, request: HttpRequest, links: ReportLinks, subject: str
    ) -> list[StartLink]:
        if not self.durable_workflows or not allows(request.user, Permission.START):
            return []
        registered = {definition.name for definition in engine().registry.list_definitions()}
        return [
            StartLink(name=name, url=links.to_start(name, subject=subject))
            for name in self.durable_workflows
            if name in registered
        ]


def _without(panel: Panel, options: dict[str, Any]) -> dict[str, Any]:
    return {**options, "fields": [field for field in options["fields"] if field is not panel]}


def _load_rows(user: Any, links: ReportLinks, subject: str) -> list[PanelRow]:
    executions = visible_executions(user).filter(subject=subject).order_by("-id")
    found = list(
        executions.only(*ROW_COLUMNS).annotate(error_excerpt=ErrorExcerpt.of_column())[
            : MAX_SHOWN + 1
        ]
    )
    tallies = load_tallies(executions.db, [execution.pk for execution in found])
    now = timezone.now()
    rows = []
    for execution in found:
        row = Row(
            execution=execution,
            tally=tallies.get(execution.pk),
            error=ErrorExcerpt.from_text(execution.error_excerpt),
            now=now,
        )
        rows.append(
            PanelRow(
                execution=execution,
                url=links.to_execution(execution.pk),
                standing=render_standing(row),
                duration=render_duration(row),
            )
        )
    return rows
