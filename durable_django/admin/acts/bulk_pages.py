"""The pages of bulk operations: which there are, and how far one of them is.

Views and no ModelAdmin: nobody adds, edits or deletes such a row by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import translation
from django.utils.http import parse_etags
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from durable_django.admin.acts.audit_log import audited, log_change
from durable_django.admin.acts.site_pages import HasSite, page_context, page_url
from durable_django.conf import settings
from durable_django.control.bulk import (
    MAX_TOTAL,
    BulkNotFoundError,
    cancel_bulk,
    find_bulk,
    find_worker,
    list_bulk,
)
from durable_django.control.permissions import Permission, allows
from durable_django.domain.execution import Execution
from durable_django.domain.status import BulkStatus, ExecutionStatus
from durable_django.models import BulkOperation

PER_PAGE = 50
_FINAL_HEADER = "X-Durable-Final"
#: In these nobody goes on with the operation until a person does something.
_STUCK = (
    ExecutionStatus.PARKED,
    ExecutionStatus.PAUSED,
    ExecutionStatus.FAILED,
    ExecutionStatus.CANCELLED,
)
_ICONS = {
    BulkStatus.PENDING: ("pending", "○", gettext_lazy("Pending")),
    BulkStatus.RUNNING: ("running", "▶", gettext_lazy("Running")),
    BulkStatus.COMPLETED: ("completed", "✓", gettext_lazy("Completed")),
    BulkStatus.CANCELLED: ("cancelled", "⊘", gettext_lazy("Stopped")),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """An operation as its page tells of it."""

    operation: BulkOperation

    @property
    def status(self) -> BulkStatus:
        """Where it stands."""
        return BulkStatus(self.operation.status)

    @property
    def css_class(self) -> str:
        """The class that gives its badge a colour."""
        return f"dw-{_ICONS[self.status][0]}"

    @property
    def icon(self) -> str:
        """The badge's icon, as text rather than as a picture."""
        return _ICONS[self.status][1] + "\ufe0e"

    @property
    def label(self) -> Any:
        """The badge's word."""
        return _ICONS[self.status][2]

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be done."""
        return self.status in (BulkStatus.COMPLETED, BulkStatus.CANCELLED)

    @property
    def handled(self) -> int:
        """How many executions had their turn."""
        return self.operation.succeeded + self.operation.refused

    @property
    def is_total_capped(self) -> bool:
        """Whether more matched than were counted."""
        return self.operation.total >= MAX_TOTAL

    @property
    def gone(self) -> int:
        """How many no longer matched when it was their turn."""
        if self.status is not BulkStatus.COMPLETED or self.is_total_capped:
            return 0
        return max(self.operation.total - self.handled, 0)

    @property
    def refusals(self) -> list[dict[str, Any]]:
        """The refusals that are kept; the reasons without the id, which stands beside them."""
        return [
            {
                "id": one["id"],
                "detail": capfirst(one["detail"].removeprefix(f"Execution {one['id']} ")),
            }
            for one in self.operation.refusals
        ]

    @property
    def more_refusals(self) -> int:
        """How many refusals are counted and not listed."""
        listed = sum(1 for refusal in self.operation.refusals if refusal["id"])
        return max(self.operation.refused - listed, 0)

    @property
    def action(self) -> str:
        """The action in words."""
        return self.operation.action.replace("_", " ")

    @property
    def criteria(self) -> list[str]:
        """The filter in words."""
        return describe_criteria(self.operation.criteria)


def describe_criteria(criteria: Mapping[str, Any]) -> list[str]:
    """Return criteria, as JSON, in words: `statuses: failed, parked`."""
    return [f"{key.replace('_', ' ')}: {_say(value)}" for key, value in criteria.items()]


def bulk_urls(owner: HasSite) -> list[URLPattern]:
    """Return the addresses of these pages."""
    wrap = owner.admin_site.admin_view
    return [
        path("bulk/", wrap(partial(list_view, owner=owner)), name="durable_django_bulk"),
        path(
            "bulk/<uuid:operation_id>/",
            wrap(partial(detail_view, owner=owner)),
            name="durable_django_bulk",
        ),
        path(
            "bulk/<uuid:operation_id>/live/",
            wrap(partial(live_view, owner=owner)),
            name="durable_django_bulk_live",
        ),
    ]


@require_safe
def list_view(request: HttpRequest, *, owner: HasSite) -> HttpResponse:
    """List the bulk operations, newest first."""
    _require_permission(request)
    page = Paginator(list_bulk(request.user), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        **page_context(owner, request, _("Bulk operations")),
        "page": page,
        "rows": [Progress(operation) for operation in page],
    }
    return TemplateResponse(request, "admin/durable_django/bulk/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def detail_view(request: HttpRequest, *, owner: HasSite, operation_id: UUID) -> HttpResponse:
    """Show one bulk operation; stop it on a POST."""
    operation = _find(request, operation_id)
    if request.method == "POST":
        return _stop(owner, request, operation)
    title = _("Bulk operation: %(action)s") % {"action": Progress(operation).action}
    context = {**page_context(owner, request, title), **_fragment(owner, operation)}
    return TemplateResponse(request, "admin/durable_django/bulk/detail.html", context)


@require_safe
def live_view(request: HttpRequest, *, owner: HasSite, operation_id: UUID) -> HttpResponse:
    """Return what of the page changes, or 304 if nothing did."""
    context = _fragment(owner, _find(request, operation_id))
    if context["tag"] in parse_etags(request.headers.get("If-None-Match", "")):
        answer = HttpResponse(status=304)
    else:
        answer = render(request, "admin/durable_django/bulk/_live.html", context)
    answer["ETag"] = context["tag"]
    if context["progress"].is_over:
        answer[_FINAL_HEADER] = "1"
    return answer


def _stop(owner: HasSite, request: HttpRequest, operation: BulkOperation) -> HttpResponse:
    if Progress(operation).is_over or operation.cancel_requested:
        messages.info(request, _("It has ended, or was asked to stop before."))
    else:
        with audited():
            cancel_bulk(request.user, operation.pk)
            log_change(request.user, operation, "Stopped.")
        messages.success(request, _("It stops before its next execution. What it did stays done."))
    return HttpResponseRedirect(page_url(owner, "durable_django_bulk", operation.pk))


def _fragment(owner: HasSite, operation: BulkOperation) -> dict[str, Any]:
    progress = Progress(operation)
    handle = find_worker(operation)
    worker = None if handle is None else handle.execution
    return {
        "progress": progress,
        "operation": operation,
        "worker": worker,
        "is_stuck": not progress.is_over and (worker is None or worker.status in _STUCK),
        "tag": _tag_of(operation, worker),
        "live_url": ""
        if progress.is_over
        else page_url(owner, "durable_django_bulk_live", operation.pk),
        "seconds": settings().admin_poll_seconds,
    }


def _say(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _tag_of(operation: BulkOperation, worker: Execution | None) -> str:
    facts = (
        operation.status,
        operation.succeeded,
        operation.refused,
        operation.cancel_requested,
        None if worker is None else worker.status,
        translation.get_language(),
    )
    return f'"{sha256(repr(facts).encode()).hexdigest()[:32]}"'


def _find(request: HttpRequest, operation_id: UUID) -> BulkOperation:
    _require_permission(request)
    try:
        return find_bulk(request.user, operation_id)
    except BulkNotFoundError as error:
        raise Http404(str(error)) from error


def _require_permission(request: HttpRequest) -> None:
    if not all(allows(request.user, one) for one in (Permission.VIEW, Permission.BULK)):
        raise PermissionDenied
