"""The pages of schedules and queues in a real browser, in light and dark, with and without scripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from durable_django import queues, schedules
from durable_django.engine.durable_engine import DurableEngine
from tests.browser.conftest import Window
from tests.browser.gallery import fill_controls

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

PICTURES = os.environ.get("DURABLE_PICTURES", "")
_SCHEDULES = "admin:durable_django_schedule"
_QUEUE_ACT = "admin:durable_django_workqueue_act"
#: A route, and the schedule and words it is about.
PAGES: dict[str, tuple[str, tuple[str, ...], str]] = {
    "schedules": (f"{_SCHEDULES}_changelist", (), ""),
    "schedule": (f"{_SCHEDULES}_change", ("Nightly refunds",), ""),
    "schedule-given-up": (f"{_SCHEDULES}_change", ("Trials",), ""),
    "schedule-add": (f"{_SCHEDULES}_add", (), ""),
    "schedule-edit": (f"{_SCHEDULES}_edit", ("Nightly refunds",), ""),
    "schedule-backfill": (f"{_SCHEDULES}_act", ("Nightly refunds", "backfill"), ""),
    "schedule-delete": (f"{_SCHEDULES}_act", ("Nightly refunds", "delete"), ""),
    "queues": ("admin:durable_django_workqueue_changelist", (), ""),
    "queue-rate": (_QUEUE_ACT, ("rate",), "?queue=default"),
    "queue-pause": (_QUEUE_ACT, ("pause",), "?queue=mail"),
}


@pytest.fixture
def ids(engine: DurableEngine) -> dict[str, int]:
    return fill_controls(engine)


def _address(name: str, ids: dict[str, int]) -> str:
    route, words, query = PAGES[name]
    return reverse(route, args=[ids.get(word, word) for word in words]) + query


@pytest.mark.parametrize("name", PAGES)
def test_page_opens_without_a_fault(
    window: Window, ids: dict[str, int], name: str, scheme: str
) -> None:
    window.open(_address(name, ids))

    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        window.page.screenshot(path=Path(PICTURES) / f"{name}-{scheme}.png", full_page=True)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert window.page.evaluate(wide) <= 0
    assert window.faults == []


def test_next_runs_are_shown_and_a_bad_cron_is_named_without_scripts(
    chromium: Any, server: Any, window: Window, ids: dict[str, int]
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(window.page.context.cookies())
    page = context.new_page()
    page.goto(server.url + _address("schedule-add", ids))
    page.fill("[name=cron]", "0 9 * * MON-FRI")
    page.fill("[name=timezone]", "America/New_York")

    page.click("[name=_preview]")
    shown = page.inner_text(".dw-next")
    page.fill("[name=cron]", "0 25 * * *")
    page.click("[name=_preview]")

    assert shown.count(" 09:00 E") == 5
    assert "'25' is no hour" in page.inner_text(".dw-has-errors .errorlist >> nth=-1")
    context.close()


def test_several_are_disabled_and_a_past_is_backfilled(window: Window, ids: dict[str, int]) -> None:
    window.open(_address("schedules", ids))
    window.page.check(f"[name=schedule][value='{ids['Nightly refunds']}']")
    window.page.click("text=Disable the selected…")
    window.page.click("#content form [type=submit]")
    window.page.wait_for_load_state()
    assert not schedules.get("Nightly refunds").is_enabled

    window.open(_address("schedule-backfill", ids))
    window.page.fill("[name=start]", "2026-01-01T00:00")
    window.page.fill("[name=end]", "2026-01-05T00:00")
    window.page.click("text=Count first")
    if PICTURES:
        window.page.screenshot(
            path=Path(PICTURES) / "schedule-backfill-counted.png", full_page=True
        )
    window.page.click("text=Start 4 executions")
    window.page.wait_for_load_state()

    assert "4 executions were started" in window.page.inner_text(
        "#content-start, .messagelist >> nth=0"
    )
    assert window.faults == []


def test_queue_is_resumed(window: Window, ids: dict[str, int]) -> None:
    window.open(_address("queues", ids))
    window.page.click("a[href*='import%2Flegacy'] >> text=Resume…")
    window.page.fill("[name=reason]", "seen in a browser")

    window.page.click("#content form [type=submit]")
    window.page.wait_for_load_state()

    assert queues.get("import/legacy").control.mode == "open"
    assert window.faults == []
