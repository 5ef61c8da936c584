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

from durable_django.models import HumanTask
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
_INBOX, _TASK = "admin:durable_django_humantask_changelist", "admin:durable_django_humantask_change"
_TASK_ACT = "admin:durable_django_humantask_act"
#: The page, the task if there is one, and the act or the query.
TASK_PAGES = {
    **{f"inbox-{tab}": (_INBOX, "", f"?tab={tab}") for tab in ("mine", "groups", "all", "done")},
    **{
        f"task-{state}": (_TASK, state, "")
        for state in ("overdue", "mine", "theirs", "barred", "done")
    },
    **{
        f"task-act-{act}": (_TASK_ACT, "mine", act)
        for act in ("delegate", "reassign", "cancel", "link")
    },
}
#: The state, and the query.
FAMILY_PAGES = {
    **{
        f"{state}-{tab}": (state, f"tab={tab}")
        for state in ("parallel", "parent", "race", "mapping", "polling")
        for tab in ("timeline", "steps", "graph", "history")
    },
    "mapping-children": ("mapping", "tab=children"),
    "mapping-failed": ("mapping", "tab=steps&of=load&only=failed"),
    "mapping-items": ("mapping", "tab=steps&of=load"),
    "parallel-related": ("parallel", "tab=related"),
}
TABS = ("steps", "signals", "timers", "history", "payloads", "related", "graph")


@pytest.mark.parametrize("name", [*PAGES, *(f"tab-{tab}" for tab in TABS)])
def test_picture(window: Window, executions: dict[str, UUID], scheme: str, name: str) -> None:
    window.open(_address(name, executions))

    _take(window, f"{name}-{scheme}")


@pytest.mark.parametrize("name", FAMILY_PAGES)
def test_picture_of_families(
    window: Window, family: dict[str, UUID], scheme: str, name: str
) -> None:
    state, query = FAMILY_PAGES[name]
    window.open(f"{reverse(_EXECUTION, args=[family[state]])}?{query}")

    _take(window, f"family-{name}-{scheme}")


@pytest.mark.parametrize("name", TASK_PAGES)
def test_picture_of_tasks(window: Window, tasks: dict[str, UUID], scheme: str, name: str) -> None:
    route, task, word = TASK_PAGES[name]
    args = [tasks[task]] if task else []
    is_query = word.startswith("?")
    address = reverse(route, args=args if is_query or not word else [*args, word])
    window.open(address + (word if is_query else ""))

    _take(window, f"{name}-{scheme}")


@pytest.mark.parametrize("name", ["refused", "wrong", "linked"])
def test_picture_of_an_answer_to_a_post(
    window: Window, tasks: dict[str, UUID], scheme: str, name: str
) -> None:
    if name == "linked":
        window.open(reverse(_TASK_ACT, args=[tasks["any"], "link"]))
        window.page.fill("[name=to]", "alice")
        window.page.click("#content form [type=submit].dw-primary")
    else:
        window.open(reverse(_TASK, args=[tasks["any"]]))
        if name == "refused":
            task = HumanTask.objects.filter(pk=tasks["any"])
            task.update(status="claimed", assignee="bob", claimed_at=task.get().created_at)
            window.page.check("[value=approve]")
        window.page.click("text=Complete >> visible=true")
    window.page.wait_for_load_state()

    _take(window, f"task-{name}-{scheme}")


def _take(window: Window, name: str) -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    window.page.screenshot(path=DIRECTORY / f"{name}.png", full_page=True)


def _address(name: str, executions: dict[str, UUID]) -> str:
    if name.startswith("tab-"):
        page = reverse(_EXECUTION, args=[executions["completed"]])
        return f"{page}?tab={name.removeprefix('tab-')}"
    route, words = PAGES[name]
    args = [str(executions.get(word, word)) for word in words.split()]
    return reverse(route, args=args)
