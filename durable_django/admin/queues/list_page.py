"""The table of queues: how each is controlled, what runs, what is due, what is held back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from durable_django.admin.acts.site_pages import HasSite, page_context
from durable_django.control.badges import Badge
from durable_django.control.permissions import Permission, allows
from durable_django.control.queues.acting import may_control
from durable_django.control.queues.rows import QueueRow, list_rows
from durable_django.domain.status import QueueMode
from durable_django.models import WorkQueue
from durable_django.runtime import engine

_AS_TEXT = "\ufe0e"
_BADGES: Mapping[QueueMode, tuple[str, str, Any]] = {
    QueueMode.OPEN: ("completed", "✓", gettext_lazy("Open")),
    QueueMode.DRAINING: ("retrying", "↧", gettext_lazy("Draining")),
    QueueMode.PAUSED: ("paused", "‖", gettext_lazy("Paused")),
}


class QueueTable:
    """The part of the queues' admin that shows all of them."""

    admin_site: admin.AdminSite

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the table."""
        return _table_view(request, owner=self)


@require_safe
def _table_view(request: HttpRequest, *, owner: QueueTable) -> HttpResponse:
    if not allows(request.user, Permission.VIEW_QUEUES):
        raise PermissionDenied
    context = {
        **context_of(owner, request, _("Queues")),
        "lines": [(row, badge_of(row)) for row in list_rows()],
        "may_control": may_control(request.user),
        "now": engine().store.now(),
    }
    return TemplateResponse(request, "admin/durable_django/queues/list.html", context)


def context_of(owner: HasSite, request: HttpRequest, title: str) -> dict[str, Any]:
    """Return what every page of queues is given."""
    opts = WorkQueue._meta  # noqa: SLF001 -- Django documents it
    return {**page_context(owner, request, title), "opts": opts}


def badge_of(row: QueueRow) -> Badge:
    """Return the badge of a queue's mode; of one that was drained, that nothing is left."""
    colour, icon, label = _BADGES[row.control.mode]
    if row.is_draining and row.standing.is_drained:
        colour, icon, label = "cancelled", "⊘", _("Drained")
    return Badge(css_class=f"dw-badge dw-{colour}", icon=icon + _AS_TEXT, label=label)
