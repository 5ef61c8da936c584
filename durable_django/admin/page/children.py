"""The children of an execution, as its page shows them; and who it is a child of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from durable_django.admin.page.header import show_instant
from durable_django.admin.page.look import Look, Tab
from durable_django.admin.page.rows import PAGE_SIZE
from durable_django.control.badges import Badge, badge_of
from durable_django.control.family import list_ancestors, visible_children
from durable_django.control.timeline.drawing import anchor_of
from durable_django.control.wording import say_duration
from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus, ParentClosePolicy, WaitKind
from durable_django.models import WorkflowExecution

_FIELDS = (
    "workflow_name",
    "workflow_version",
    "key",
    "status",
    "waiting_kind",
    "waiting_for",
    "park_reason",
    "parent_key",
    "parent_wait",
    "on_parent_close",
    "created_at",
    "started_at",
    "finished_at",
)
_ENDED_BADLY = (ExecutionStatus.FAILED.value, ExecutionStatus.CANCELLED.value)
_ON_CLOSE = {
    ParentClosePolicy.CANCEL: gettext_lazy("is cancelled"),
    ParentClosePolicy.ABANDON: gettext_lazy("goes on"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChild:
    """A child, ready to be shown."""

    #: Of its row.
    row_id: str
    id: str
    url: str
    #: The key of the call that started it, and where that is told.
    call: str
    call_url: str
    workflow: str
    version: str
    badge: Badge
    #: Whether the parent waits, or waited, for it.
    is_awaited: bool
    started: SafeString
    took: str
    on_parent_close: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """An execution that it descends from; `url` is empty if the user may not see it."""

    label: str
    url: str


def list_shown_children(look: Look) -> tuple[list[ShownChild], int]:
    """Return the children on the page that is looked at, oldest first, and how many there are."""
    children = visible_children(look.request.user, look.row.pk, call=look.of)
    if look.only_failed:
        children = children.filter(Q(status__in=_ENDED_BADLY))
    first = (look.page - 1) * PAGE_SIZE
    rows = children.only(*_FIELDS).order_by("pk")[first : first + PAGE_SIZE]
    is_all = not look.of and not look.only_failed
    count = look.family.count if is_all else children.count()
    return [_show(look, row) for row in rows], count


def list_shown_ancestors(look: Look) -> list[Ancestor]:
    """Return who it descends from, the parent last; nobody, if it is nobody's child."""
    if look.row.parent_id is None:
        return []
    return list(_show_ancestors(look))


def _show_ancestors(look: Look) -> Iterator[Ancestor]:
    for found in list_ancestors(look.request.user, look.row):
        if not isinstance(found, Execution):
            label = _("an execution that you may not see (%(id)s)") % {"id": found}
            yield Ancestor(label=label, url="")
            continue
        label = " · ".join(part for part in (found.workflow_name, found.key) if part)
        yield Ancestor(label=label, url=look.links.to_execution(found.id))


def _show(look: Look, row: WorkflowExecution) -> ShownChild:
    lasted = (row.finished_at or look.now) - (row.started_at or row.created_at)
    return ShownChild(
        row_id=f"dw-child-{row.pk}",
        id=str(row.pk),
        url=look.links.to_execution(row.pk),
        call=row.parent_key,
        call_url=f"{look.links.to_tab(Tab.STEPS)}#{anchor_of(_call_of(row))}",
        workflow=row.workflow_name,
        version=str(row.workflow_version),
        badge=badge_of(row),
        is_awaited=row.parent_wait != WaitKind.NOTHING.value,
        started=show_instant(row.started_at, look.now),
        took=say_duration(lasted) if row.started_at else "",
        on_parent_close=str(_ON_CLOSE[ParentClosePolicy(row.on_parent_close)]),
    )


def _call_of(row: WorkflowExecution) -> str:
    """Return the key of the call on the parent's page: of a child of a map, the map's."""
    is_item = row.parent_wait == WaitKind.MAP.value
    return row.parent_key.rpartition("/")[0] if is_item else row.parent_key
