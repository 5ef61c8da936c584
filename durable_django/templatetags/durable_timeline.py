"""Show the timeline of an execution on a page of your own.

{% load durable_timeline %}
{% durable_timeline order.execution_id %}
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import template
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from durable_django.control.calls import UNDO_PREFIX
from durable_django.control.graph.values import Node, NodeKind, NodeStatus
from durable_django.control.items import count_items
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.timeline.drawing import anchor_of, draw_timeline
from durable_django.control.timeline.timeline import MAX_EVENTS, build_timeline
from durable_django.control.wording import say_duration
from durable_django.runtime import engine

register = template.Library()

_ICONS: dict[str, str] = {
    NodeStatus.COMPLETED: "✓",
    NodeStatus.FAILED: "✗",
    NodeStatus.COMPENSATED: "↩",
    NodeStatus.RUNNING: "▶",
    NodeStatus.OPEN: "?",
    NodeStatus.RETRYING: "↻",
    NodeStatus.WAITING: "◷\ufe0e",
    NodeStatus.DROPPED: "⊘",
}
_STATUSES: dict[str, Any] = {
    NodeStatus.COMPLETED: _("completed"),
    NodeStatus.FAILED: _("failed"),
    NodeStatus.COMPENSATED: _("undone since"),
    NodeStatus.RUNNING: _("running"),
    NodeStatus.OPEN: _("end unknown"),
    NodeStatus.RETRYING: _("to be tried again"),
    NodeStatus.WAITING: _("waiting"),
    NodeStatus.DROPPED: _("dropped"),
}
_KINDS: dict[str, Any] = {
    NodeKind.CHILD: _("child"),
    NodeKind.GROUP: _("parallel"),
    NodeKind.MAP: _("map"),
    NodeKind.POLL: _("check"),
    NodeKind.TASK: _("task"),
    NodeKind.EVENT: _("event"),
}


@register.inclusion_tag("durable_django/timeline.html")
def durable_timeline(execution: Any, *, stylesheet: bool = True) -> dict[str, Any]:
    """Draw the timeline of an execution, with the same as a table under it.

    Asks the database six times, however long the execution is, and once or twice more for maps. Whoever sees the page sees the
    names of steps and signals and the messages of errors, with secrets hidden, and no payload:
    the page decides who that is.

    Args:
        execution: A row, a handle, a domain value, or its id.
        stylesheet: Whether to link `durable_django/timeline.css` here; False if the page does.

    Raises:
        ExecutionNotFoundError: There is no such execution.
        ValueError: What was given is no execution and no id.
    """
    found = getattr(execution, "id", execution)
    execution_id = found if isinstance(found, UUID) else UUID(str(found))
    store = engine().store
    calls = store.list_calls(execution_id)
    timeline = build_timeline(
        store.load_execution(execution_id),
        calls,
        store.list_timers(execution_id),
        store.list_signals(execution_id),
        store.now(),
        events=store.list_events(execution_id, after=0, limit=MAX_EVENTS),
        maps=count_items(execution_id, calls),
        describe_error=redact_text,
    )
    return {"drawing": draw_timeline(timeline), "stylesheet": stylesheet}


@register.filter
def step_anchor(key: str) -> str:
    """Return the id of the place on the page that tells of a call, and of its undo.

    `step-charge.23.2` for `charge#2` and for `~undo/charge#2`.
    """
    return anchor_of(key.removeprefix(UNDO_PREFIX))


@register.filter
def node_icon(node: Node) -> str:
    """Return the sign of a node of the graph."""
    if node.kind is NodeKind.START:
        return "●"
    if node.kind is NodeKind.MORE:
        return "⋮"
    return _ICONS.get(node.status, "○")


@register.filter
def node_note(node: Node) -> str:
    """Return what stands beside a node of the graph: its status, attempts and time."""
    if node.kind in (NodeKind.START, NodeKind.END):
        return ""
    parts = [str(_KINDS[node.kind])] if node.kind in _KINDS else []
    parts.append(str(_STATUSES.get(node.status, node.status)))
    if node.items:
        parts.append(node.items)
    if node.attempts > node.calls:
        parts.append(
            ngettext("%(n)s attempt", "%(n)s attempts", node.attempts) % {"n": node.attempts}
        )
    if node.took is not None:
        parts.append(say_duration(node.took))
    return " · ".join(parts)


@register.filter
def url_of_child(urls: Any, execution_id: UUID) -> str:
    """Return the page of a child; empty if none is known."""
    return str(urls.get(execution_id, "")) if isinstance(urls, Mapping) else ""
