"""Take pictures of the pages, for the README and for the eye.

Not collected by itself: `DURABLE_TEST_CHROMIUM=chromium pytest tests/browser/pictures.py`. They go
to example_project/docs, or where DURABLE_PICTURES says; with DURABLE_PICTURES=all of every page.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import UUID

import pytest
from django.urls import reverse

from tests.browser.conftest import Window

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = Path(os.environ.get("DURABLE_PICTURES", ROOT / "example_project" / "docs"))
_EXECUTION = "admin:durable_django_workflowexecution_change"
_ACT = "admin:durable_django_execution_act"
PAGES = {
    "list": ("admin:durable_django_workflowexecution_changelist", ""),
    "health": ("admin:durable_django_health", ""),
    "workflows": ("admin:durable_django_workflows", ""),
    "start": ("admin:durable_django_start", ""),
    "start-order": ("admin:durable_django_start", "shop.order"),
    **{
        state: (_EXECUTION, state)
        for state in [
            "pending",
            "running",
            "waiting",
            "sleeping",
            "retrying",
            "compensating",
            "paused",
            "parked",
            "completed",
            "failed",
            "cancelled",
        ]
    },
    **{
        f"act-{action}": (_ACT, f"{state} {action}")
        for action, state in {
            "cancel": "waiting",
            "retry": "failed",
            "fork": "completed",
            "signal": "waiting",
            "fire_timer": "sleeping",
        }.items()
    },
}
TABS = ("steps", "signals", "timers", "history", "payloads", "related", "graph")


@pytest.mark.parametrize("name", [*PAGES, *(f"tab-{tab}" for tab in TABS)])
def test_picture(window: Window, executions: dict[str, UUID], scheme: str, name: str) -> None:
    window.open(_address(name, executions))

    DIRECTORY.mkdir(parents=True, exist_ok=True)
    window.page.screenshot(path=DIRECTORY / f"{name}-{scheme}.png", full_page=True)


def _address(name: str, executions: dict[str, UUID]) -> str:
    if name.startswith("tab-"):
        page = reverse(_EXECUTION, args=[executions["completed"]])
        return f"{page}?tab={name.removeprefix('tab-')}"
    route, words = PAGES[name]
    args = [str(executions.get(word, word)) for word in words.split()]
    return reverse(route, args=args)
