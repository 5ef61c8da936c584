"""The page of one execution: why it stands where it stands, and all that is recorded of it.

Read-only: every act is a link to a page that asks first.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.forms import Media, Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from durable_django.admin.page.box import build_box
from durable_django.admin.page.children import list_shown_ancestors
from durable_django.admin.page.header import build_header
from durable_django.admin.page.live import answer_unchanged, is_known, mark_answer, tag_of
from durable_django.admin.page.look import Look, look_at
from durable_django.admin.page.payload_download import answer_payload
from durable_django.admin.page.rows import find_row, find_start
from durable_django.admin.page.tabs import build_tab, list_tabs
from durable_django.conf import settings
from durable_django.control.permissions import Permission, allows
from durable_django.models import WorkflowExecution

_MEDIA = Media(
    css={
        "all": [
            "durable_django/durable.css",
            "durable_django/timeline.css",
            "durable_django/payload.css",
            "durable_django/execution.css",
        ]
    },
    # As an object: a bare name would stand in the head without `defer`, and find no page yet.
    js=[Script("durable_django/live.js", defer=True)],  # type: ignore[list-item]  # the stubs know only names
)
_LIVE = "admin/durable_django/workflowexecution/_live.html"


class ExecutionPage:
    """A mixin for a ModelAdmin: its change view shows one execution and never changes it."""

    admin_site: AdminSite
    #: As in Django: a project may put its own in its place.
    change_form_template: Any = "admin/durable_django/workflowexecution/change_form.html"

    def page_urls(self) -> list[URLPattern]:
        """Return the URLs of the live fragment and of the payloads' downloads."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "<uuid:execution_id>/live/",
                wrap(self.live_view),
                name="durable_django_execution_live",
            ),
            path(
                "<uuid:execution_id>/payload/<slug:part>/",
                wrap(self.payload_view),
                name="durable_django_execution_payload",
            ),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the execution.

        Raises:
            PermissionDenied: The user may not view executions, or tried to change one.
        """
        _require_reader(request)
        look = self._find_look(request, _to_id(unquote(object_id)))
        if look is None:
            return self._say_missing(request, object_id)
        title = " · ".join(part for part in (look.row.workflow_name, look.row.key) if part)
        context = {
            **self.admin_site.each_context(request),
            **_build_page(look, tag_of(look)),
            "opts": WorkflowExecution._meta,  # noqa: SLF001 -- Django documents it
            "title": title,
            "subtitle": None,
            "media": _MEDIA,
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name  # as Django's own views do
        return TemplateResponse(request, self.change_form_template, context)

    def live_view(self, request: HttpRequest, execution_id: UUID) -> HttpResponse:
        """Return what of the page changes, or 304 if nothing did.

        Raises:
            PermissionDenied: The user may not view executions.
            Http404: There is none with this id, or the user may not see it.
        """
        _require_reader(request)
        look = self._find_look(request, execution_id)
        if look is None:
            raise Http404
        tag = tag_of(look)
        if is_known(look, tag):
            return answer_unchanged(look, tag)
        return mark_answer(render(request, _LIVE, _build_page(look, tag)), look, tag)

    def payload_view(self, request: HttpRequest, execution_id: UUID, part: str) -> HttpResponse:
        """Return one payload as a file; see `answer_payload`.

        Raises:
            PermissionDenied: The user may not view executions, or not their payloads.
            Http404: There is no such payload, or the user may not see its execution.
        """
        _require_reader(request)
        if not allows(request.user, Permission.PAYLOADS):
            raise PermissionDenied
        row = find_row(request.user, execution_id)
        if row is None:
            raise Http404
        return answer_payload(row, part, request.GET)

    def _find_look(self, request: HttpRequest, execution_id: UUID | None) -> Look | None:
        row = find_row(request.user, execution_id) if execution_id else None
        return look_at(request, self.admin_site, row) if row else None

    def _say_missing(self, request: HttpRequest, object_id: str) -> HttpResponse:
        # As Django does; out of scope and never there are the same.
        said = _("Execution “%(id)s” does not exist. Perhaps it was deleted?")
        messages.warning(request, said % {"id": unquote(object_id)})
        return HttpResponseRedirect(reverse("admin:index", current_app=self.admin_site.name))


def _require_reader(request: HttpRequest) -> None:
    if request.method not in ("GET", "HEAD") or not allows(request.user, Permission.VIEW):
        raise PermissionDenied


def _to_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _build_page(look: Look, tag: str) -> dict[str, Any]:
    return {
        "look": look,
        "tag": tag,
        "live_url": "" if look.execution.is_terminal else look.to_live(),
        # As text: numbers would be written in the user's language.
        "poll_seconds": str(settings().admin_poll_seconds),
        "refresh_url": look.to_page(look.page),
        "header": build_header(look, find_start(look.row)),
        "box": build_box(look),
        "ancestors": list_shown_ancestors(look),
        "tabs": list_tabs(look),
        "tab_template": f"admin/durable_django/workflowexecution/_{look.tab}.html",
        **build_tab(look),
    }
