"""The tabs of an execution's page: what each is called, counts and shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext_lazy as _

from durable_django.admin.page.children import list_shown_children
from durable_django.admin.page.history import show_history
from durable_django.admin.page.look import Look, Tab
from durable_django.admin.page.mailbox import show_signals, show_timers
from durable_django.admin.page.paging import slice_page, turn_pages
from durable_django.admin.page.payloads import show_payload
from durable_django.admin.page.related import MAX_RELATED, list_groups
from durable_django.admin.page.rows import (
    MAX_ROWS,
    MAX_SHOWN,
    list_losses,
    load_payloads,
)
from durable_django.admin.page.steps import list_shown_items, list_steps
from durable_django.admin.page.tasks import has_tasks, list_shown_tasks
from durable_django.control.graph.graph import build_graph
from durable_django.control.graph.mermaid import to_mermaid
from durable_django.control.payloads.redaction import redact_text
from durable_django.control.timeline.drawing import draw_timeline
from durable_django.control.timeline.timeline import build_timeline

_NAMES = {
    Tab.TIMELINE: _("Timeline"),
    Tab.STEPS: _("Steps"),
    Tab.CHILDREN: _("Children"),
    Tab.TASKS: _("Tasks"),
    Tab.SIGNALS: _("Signals"),
    Tab.TIMERS: _("Timers"),
    Tab.HISTORY: _("History"),
    Tab.PAYLOADS: _("Input and result"),
    Tab.RELATED: _("Related"),
    Tab.GRAPH: _("Graph"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TabLink:
    """A tab as a link to the page with it open."""

    name: str
    url: str
    #: Empty: it is not counted.
    count: str
    is_open: bool


def list_tabs(look: Look) -> list[TabLink]:
    """Return the tabs in their order."""
    records = look.records
    counted = {
        Tab.STEPS: _say_count(records.calls, is_cut=records.is_cut),
        Tab.SIGNALS: _say_count(len(records.signals), is_cut=len(records.signals) == MAX_ROWS),
        Tab.TIMERS: _say_count(len(records.timers), is_cut=len(records.timers) == MAX_ROWS),
        Tab.CHILDREN: _say_count(look.family.count, is_cut=False),
    }
    return [
        TabLink(
            name=str(name),
            url=look.links.to_tab(tab),
            count=counted.get(tab, ""),
            is_open=tab is look.tab,
        )
        for tab, name in _NAMES.items()
        if tab is look.tab or _has_any(look, tab)
    ]


def _has_any(look: Look, tab: Tab) -> bool:
    """Say whether the tab is worth its place: few have children, and few ask somebody."""
    if tab is Tab.CHILDREN:
        return bool(look.family.count)
    return tab is not Tab.TASKS or has_tasks(look)


def _say_count(count: int, *, is_cut: bool) -> str:
    return f"{localize(count)}{'+' if is_cut else ''}"


def build_tab(look: Look) -> dict[str, Any]:
    """Return what the template of the open tab is given; only this tab's rows are read."""
    return {"most_rows": MAX_ROWS, **_BUILDERS[look.tab](look)}


def _build_timeline(look: Look) -> dict[str, Any]:
    timeline = build_timeline(
        look.execution,
        look.records.attempts,
        look.records.timers,
        look.records.signals,
        look.now,
        events=list_losses(look.row),
        maps=look.maps,
        children=look.children,
        describe_error=redact_text,
    )
    step_url = look.links.to_tab(Tab.STEPS)
    drawing = draw_timeline(timeline, step_url=step_url, url_of=look.links.to_execution)
    return {"drawing": drawing, "step_url": step_url}


def _build_graph(look: Look) -> dict[str, Any]:
    graph = build_graph(
        look.execution,
        look.records.attempts,
        look.records.timers,
        now=look.now,
        maps=look.maps,
        children=look.children,
    )
    return {
        "child_urls": {one: look.links.to_execution(one) for one in look.children},
        "graph": graph,
        "mermaid": to_mermaid(graph),
        "step_url": look.links.to_tab(Tab.STEPS),
    }


def _build_steps(look: Look) -> dict[str, Any]:
    if look.of:
        items, count = list_shown_items(look)
        return {"items": items, "pages": turn_pages(look, count), **_narrowing(look)}
    return {"steps": list_steps(look), "pages": turn_pages(look, look.records.last_position)}


def _build_children(look: Look) -> dict[str, Any]:
    children, count = list_shown_children(look)
    return {"children": children, "pages": turn_pages(look, count), **_narrowing(look)}


def _build_tasks(look: Look) -> dict[str, Any]:
    tasks, count = list_shown_tasks(look)
    return {"tasks": tasks, "pages": turn_pages(look, count)}


def _narrowing(look: Look) -> dict[str, Any]:
    """Return what the list is narrowed to, and the ways to more and to less of it."""
    if not look.of and not look.only_failed:
        return {"narrowed": None}
    count = look.maps.get(look.of)
    return {
        "narrowed": {
            "of": look.of,
            "only_failed": look.only_failed,
            "count": count.say() if count else "",
            "all_url": look.links.to_tab(look.tab, of=look.of),
            "failed_url": look.links.to_tab(look.tab, of=look.of, only="failed"),
            "back_url": look.links.to_tab(look.tab),
        }
    }


def _build_signals(look: Look) -> dict[str, Any]:
    return {"signals": show_signals(look), "pages": turn_pages(look, len(look.records.signals))}


def _build_timers(look: Look) -> dict[str, Any]:
    return {"timers": show_timers(look), "pages": turn_pages(look, len(look.records.timers))}


def _build_related(look: Look) -> dict[str, Any]:
    return {"groups": list_groups(look), "limit": MAX_RELATED}


def _build_history(look: Look) -> dict[str, Any]:
    entries = show_history(look)
    return {"entries": slice_page(look, entries), "pages": turn_pages(look, len(entries))}


def _build_payloads(look: Look) -> dict[str, Any]:
    if not look.may_see_payloads:
        return {}
    found = dict(zip(("input", "result"), load_payloads(look.row), strict=True))
    return {
        part: show_payload(text, look.links.to_payload(part), limit=MAX_SHOWN)
        for part, text in found.items()
        if text
    }


_BUILDERS: Mapping[Tab, Callable[[Look], dict[str, Any]]] = {
    Tab.TIMELINE: _build_timeline,
    Tab.STEPS: _build_steps,
    Tab.SIGNALS: _build_signals,
    Tab.TIMERS: _build_timers,
    Tab.HISTORY: _build_history,
    Tab.PAYLOADS: _build_payloads,
    Tab.RELATED: _build_related,
    Tab.GRAPH: _build_graph,
    Tab.CHILDREN: _build_children,
    Tab.TASKS: _build_tasks,
}
