"""Every admin page in a real browser, in light and dark, under `default-src 'self'`."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from durable_django.engine.durable_engine import DurableEngine
from durable_django.models import HumanTask, WorkflowExecution
from tests.browser.conftest import Window
from tests.browser.gallery import ALICE

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

TABS = (
    "timeline",
    "steps",
    "signals",
    "timers",
    "history",
    "payloads",
    "related",
    "graph",
    "tasks",
)
LISTS = {
    "list": "admin:durable_django_workflowexecution_changelist",
    "workflows": "admin:durable_django_workflows",
    "health": "admin:durable_django_health",
    "start": "admin:durable_django_start",
    "bulk": "admin:durable_django_bulk",
    "inbox": "admin:durable_django_humantask_changelist",
}
INBOX, TASK = LISTS["inbox"], "admin:durable_django_humantask_change"
STATES = [
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
#: An act, and a state in which it may be done.
ACTS = {
    "cancel": "waiting",
    "terminate": "waiting",
    "pause": "waiting",
    "resume": "paused",
    "retry": "failed",
    "fork": "completed",
    "signal": "waiting",
    "fire_timer": "sleeping",
}
_FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary"


@pytest.mark.parametrize("name", LISTS)
def test_page_opens_without_a_fault(window: Window, name: str) -> None:
    window.open(reverse(LISTS[name]))

    assert window.faults == []


@pytest.mark.parametrize("state", STATES)
def test_execution_page_opens_without_a_fault(
    window: Window, executions: dict[str, UUID], state: str
) -> None:
    window.open(_page_of(executions[state]))

    assert window.faults == []
    assert window.page.locator(".dw-badge").count() >= 1


@pytest.mark.parametrize("tab", TABS)
def test_tab_opens_without_a_fault(window: Window, executions: dict[str, UUID], tab: str) -> None:
    window.open(f"{_page_of(executions['failed'])}?tab={tab}")

    assert window.faults == []


@pytest.mark.parametrize("action", ACTS)
def test_act_is_asked_for_and_done(
    window: Window, executions: dict[str, UUID], engine: DurableEngine, action: str
) -> None:
    execution_id = executions[ACTS[action]]
    window.open(reverse("admin:durable_django_execution_act", args=[execution_id, action]))
    window.page.fill("[name=reason]", "seen in a browser")
    before = len(engine.store.list_events(execution_id, after=0, limit=99))

    window.page.click("#content form [type=submit]:not([name=_preview])")
    window.page.wait_for_load_state()

    told = engine.store.list_events(execution_id, after=0, limit=99)[before:]
    assert [(event.actor.name) for event in told] == ["alice"]
    assert action == "signal" or told[0].reason == "seen in a browser"
    assert window.faults == []


TASK_PAGES = ("overdue", "mine", "later", "theirs", "barred", "done")
TASK_ACTS = ("delegate", "reassign", "cancel", "link")


class TestHumanTasks:
    @pytest.mark.parametrize("tab", ["mine", "groups", "all", "done"])
    def test_inbox_opens_without_a_fault(
        self, window: Window, tasks: dict[str, UUID], tab: str
    ) -> None:
        window.open(f"{reverse(INBOX)}?tab={tab}")

        assert window.faults == []
        assert window.page.locator(".dw-inbox-table tbody tr").count() >= 1

    @pytest.mark.parametrize("tab", ["all", "done"])
    def test_inbox_fits_a_phone(self, window: Window, tasks: dict[str, UUID], tab: str) -> None:
        window.page.set_viewport_size({"width": 400, "height": 800})

        window.open(f"{reverse(INBOX)}?tab={tab}")

        boxes = [one.bounding_box() for one in window.page.locator("#content :is(a, button)").all()]
        assert max(box["x"] + box["width"] for box in boxes) <= 400
        assert window.page.evaluate("document.documentElement.scrollWidth") <= 400

    @pytest.mark.parametrize("state", TASK_PAGES)
    def test_task_opens_without_a_fault(
        self, window: Window, tasks: dict[str, UUID], state: str
    ) -> None:
        window.open(reverse(TASK, args=[tasks[state]]))

        assert window.faults == []
        has_form = state in ("mine", "later")
        assert window.page.locator("#dw-answer").count() == has_form

    @pytest.mark.parametrize("act", TASK_ACTS)
    def test_act_opens_without_a_fault(
        self, window: Window, tasks: dict[str, UUID], act: str
    ) -> None:
        window.open(reverse("admin:durable_django_humantask_act", args=[tasks["mine"], act]))

        assert window.faults == []

    def test_answer_from_the_inbox_lets_the_execution_go_on(
        self, window: Window, tasks: dict[str, UUID], engine: DurableEngine
    ) -> None:
        page = window.page
        window.open(f"{reverse(INBOX)}?tab=groups")
        page.click("role=button[name='Claim Check the address of Ana Lima']")
        page.click("role=button[name='Complete']")
        assert "This field is required" in page.inner_text("#dw-answer")

        page.check("role=radio[name='Approve']")
        page.fill("role=textbox[name=/^Comment/]", "as agreed")
        page.click("role=button[name='Complete']")

        assert "Its execution goes on" in page.inner_text(".messagelist")
        engine.drain()
        task = HumanTask.objects.get(pk=tasks["later"])
        assert (task.status, task.actor_name, task.comment) == ("completed", "alice", "as agreed")
        window.open(_page_of(task.execution_id))
        assert page.locator(".dw-head .dw-badge.dw-completed").count() == 1
        assert window.faults == []

    def test_page_works_without_scripts(
        self, chromium: Any, window: Window, tasks: dict[str, UUID]
    ) -> None:
        context = chromium.new_context(java_script_enabled=False)
        context.add_cookies(window.page.context.cookies())
        page = context.new_page()

        page.goto(window.address + reverse(TASK, args=[tasks["mine"]]))
        page.check("[value=reject]")
        page.click("[form=dw-answer]")

        assert HumanTask.objects.get(pk=tasks["mine"]).status == "completed"
        context.close()

    @pytest.mark.parametrize("place", ["inbox", "task"])
    def test_keyboard_reaches_everything(
        self, window: Window, tasks: dict[str, UUID], place: str
    ) -> None:
        window.open(reverse(INBOX) if place == "inbox" else reverse(TASK, args=[tasks["mine"]]))

        _assert_all_reached(window)


class TestLive:
    def test_page_refreshes_itself_until_the_execution_ends(
        self, window: Window, executions: dict[str, UUID], engine: DurableEngine
    ) -> None:
        window.open(_page_of(executions["waiting"]))
        _until(window, lambda: window.count_polls() > 1)

        engine.send_signal(executions["waiting"], "packed", {"boxes": 1}, by=ALICE)
        engine.drain()

        window.page.wait_for_selector(".dw-badge.dw-completed")
        window.page.wait_for_timeout(500)
        polls = window.count_polls()
        window.page.wait_for_timeout(1000)
        assert window.count_polls() == polls
        assert window.faults == []

    def test_ended_execution_is_not_asked_for(
        self, window: Window, executions: dict[str, UUID]
    ) -> None:
        window.open(_page_of(executions["completed"]))

        window.page.wait_for_timeout(800)

        assert window.count_polls() == 0

    def test_execution_that_is_gone_is_asked_for_once_more(
        self, window: Window, executions: dict[str, UUID]
    ) -> None:
        window.open(_page_of(executions["waiting"]))
        _until(window, lambda: window.count_polls() > 0)

        WorkflowExecution.objects.filter(pk=executions["waiting"]).delete()

        window.page.wait_for_timeout(1000)
        polls = window.count_polls()
        window.page.wait_for_timeout(1500)
        assert window.count_polls() == polls

    def test_hidden_page_rests(self, window: Window, executions: dict[str, UUID]) -> None:
        window.open(_page_of(executions["waiting"]))
        _until(window, lambda: window.count_polls() > 0)

        window.page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        window.page.wait_for_timeout(600)
        polls = window.count_polls()
        window.page.wait_for_timeout(1000)

        assert window.count_polls() == polls


@pytest.mark.parametrize("tab", ["timeline", "steps"])
def test_keyboard_reaches_everything(window: Window, executions: dict[str, UUID], tab: str) -> None:
    # One that has ended, so that nothing moves.
    window.open(f"{_page_of(executions['completed'])}?tab={tab}")

    _assert_all_reached(window)


def _assert_all_reached(window: Window) -> None:
    wanted = window.page.evaluate(f"""() => {{
        const all = [...document.querySelectorAll("#content {_FOCUSABLE.replace(", ", ", #content ")}")]
            .filter(e => e.tabIndex >= 0 && !(e.type === "radio" && e.name && document.querySelector(
                `input[name="${{e.name}}"]`) !== e) && e.getClientRects().length && !e.disabled
                && e.checkVisibility());
        all.forEach((e, i) => e.setAttribute("data-wanted", i));
        return all.length;
    }}""")

    reached = set()
    for _ in range(wanted + 60):
        window.page.keyboard.press("Tab")
        reached.add(
            window.page.evaluate("document.activeElement && document.activeElement.dataset.wanted")
        )

    assert wanted > 5
    assert {str(number) for number in range(wanted)} <= reached


def test_bars_of_the_timeline_can_be_seen(window: Window, executions: dict[str, UUID]) -> None:
    window.open(_page_of(executions["completed"]))

    widths = window.page.evaluate(
        "[...document.querySelectorAll('svg a rect')].map(e => +e.getAttribute('width'))"
    )

    assert widths
    assert min(widths) >= 6


def test_page_is_whole_without_scripts(
    chromium: Any, server: Any, executions: dict[str, UUID], window: Window
) -> None:
    cookies = window.page.context.cookies()
    context = chromium.new_context(java_script_enabled=False)
    context.add_cookies(cookies)
    page = context.new_page()

    page.goto(server.url + _page_of(executions["failed"]))

    text = page.inner_text("#content")
    assert re.search(r"the card expired", text)
    assert page.locator("svg a").count() >= 2
    context.close()


def _page_of(execution_id: UUID) -> str:
    return reverse("admin:durable_django_workflowexecution_change", args=[execution_id])


def _until(window: Window, happened: Any, *, most: int = 50) -> None:
    for _ in range(most):
        if happened():
            return
        window.page.wait_for_timeout(100)
    raise AssertionError(f"It did not happen in {most * 100} ms.")
