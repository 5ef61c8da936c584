"""Groups, their branches and the items of maps among the steps of an execution's page."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from durable_django import RetryPolicy, Terminal, WorkflowContext, workflow
from durable_django.admin.page.look import Tab
from durable_django.admin.page.rows import PAGE_SIZE
from durable_django.engine.awaitables import Signal, Timer
from durable_django.models import StepCheckpoint, WorkflowExecution
from durable_django.testing import DurableDriver

pytestmark = pytest.mark.django_db
PAGES = "/admin/durable_django/workflowexecution/"


def load(number: int) -> dict[str, Any]:
    if number % 3 == 2:
        raise Terminal(f"no. {number}, token=hunter2")
    return {"row": number, "password": "hunter2"}


def pack(ctx: WorkflowContext) -> None:
    ctx.step("box", int)
    ctx.wait_signal("boxed")


@workflow(name="branches.group")
def group(ctx: WorkflowContext) -> None:
    with ctx.parallel("prepare") as p:
        p.step("stock", int)
        p.branch("pack", pack)
        p.wait("paid", Signal("paid"))
    ctx.race("outcome", now=Timer(days=1), go=Signal("go"))


@workflow(name="branches.map")
def mapped(ctx: WorkflowContext, count: int) -> int:
    done = ctx.map("load", load, list(range(count)), tolerate=count)
    ctx.wait_signal("go")
    return len(done)


@workflow(name="branches.tried")
def tried(ctx: WorkflowContext) -> None:
    def fail(_: int) -> None:
        raise OSError("down")

    ctx.map("load", fail, [1, 2], retry=RetryPolicy.fixed(3, timedelta(hours=1)))


@pytest.fixture
def staff(client: Client) -> Client:
    ContentType.objects.get_for_model(WorkflowExecution)
    client.force_login(User.objects.create_superuser("root"))
    return client


def url_of(execution: Any, **query: object) -> str:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return f"{PAGES}{execution.id}/change/?tab=steps{more}"


def steps_of(staff: Client, execution: Any, **query: object) -> str:
    page = staff.get(url_of(execution, **query))
    assert page.status_code == 200
    return unescape(page.text.partition('id="dw-tab-steps"')[2])


def headings(text: str) -> list[tuple[str, str, str]]:
    """Return the indent, the label and the badge of every step."""
    found = re.findall(
        r'<section class="dw-box dw-step ([^"]*)"[^>]*>.*?<h2[^>]*>(.*?)</h2>.*?</span>(.*?)</span>',
        text,
        re.DOTALL,
    )
    return [
        ("".join(re.findall(r"dw-depth-(\d)", classes)), label, badge)
        for classes, label, badge in found
    ]


def items_in(text: str) -> list[str]:
    return re.findall(r'<tr id="step-[^"]*-\d+">\s*<td>([^<]*)</td>', text)


# --- groups ---


def test_branches_are_indented_under_a_group_that_is_not_decided(
    durable: DurableDriver, staff: Client
):
    text = steps_of(staff, durable.start(group))

    assert headings(text) == [
        ("", "prepare", "Under way"),
        ("1", "stock", "Completed"),
        ("1", "pack", "Under way"),
        ("2", "box", "Completed"),
    ]
    assert '<span class="dw-chip">parallel</span>' in text


def test_a_decided_group_says_how_each_branch_ended_and_never_shows_its_row_as_it_is(
    durable: DurableDriver, staff: Client
):
    execution = durable.start(group)
    for name in ("boxed", "paid", "go"):
        durable.signal(execution, name)

    page = staff.get(url_of(execution)).text
    text = unescape(page)

    assert '<span class="dw-chip">race</span>' in text
    outcomes = re.findall(
        r'<li>(?:<a[^>]*>|<span>)(\w+)</(?:a|span)> <span class="dw-muted">(\w[^<]*)</span>', text
    )
    assert outcomes[:3] == [("stock", "done"), ("pack", "done"), ("paid", "done")]
    assert outcomes[3][0] == "now"
    assert outcomes[4] == ("go", "done")
    assert text.count("decided it") == 1
    assert "timed_out" not in page
    assert "&quot;branches" not in page


def test_what_a_group_s_row_holds_otherwise_is_not_shown_either(
    durable: DurableDriver, staff: Client
):
    execution = durable.start(group)
    for name in ("boxed", "paid"):
        durable.signal(execution, name)
    written = json.dumps({"branches": {"<b>": "done"}, "by": {}, "secret": "s3cr3t"})
    StepCheckpoint.objects.filter(kind="group").update(action=written)

    text = steps_of(staff, execution)

    assert "s3cr3t" not in text
    assert ("", "prepare", "Completed") in headings(text)


def test_only_what_stands_in_the_body_can_be_forked_from(durable: DurableDriver, staff: Client):
    text = steps_of(staff, durable.start(group))

    assert re.findall(r"fork/\?key=([^\"]*)", text) == ["prepare"]


# --- maps ---


def test_a_map_shows_its_numbers_and_not_its_items(durable: DurableDriver, staff: Client):
    text = steps_of(staff, durable.start(mapped, 30))

    assert [label for _indent, label, _badge in headings(text)] == ["load"]
    assert "20 of 30 done, 10 failed" in text
    assert '<span class="dw-chip">map</span>' in text
    assert "of=load" in text


def test_the_items_are_a_list_of_their_own_in_pages(durable: DurableDriver, staff: Client):
    execution = durable.start(mapped, PAGE_SIZE + 30)

    first = steps_of(staff, execution, of="load")
    second = steps_of(staff, execution, of="load", page=2)

    assert items_in(first) == [str(number) for number in range(PAGE_SIZE)]
    assert items_in(second) == [str(number) for number in range(PAGE_SIZE, PAGE_SIZE + 30)]
    assert "Page 2 of 2" in second


def test_those_that_failed_are_found_with_their_errors(durable: DurableDriver, staff: Client):
    text = steps_of(staff, durable.start(mapped, 9), of="load", only="failed")

    assert items_in(text) == ["2", "5", "8"]
    assert text.count("<b>Terminal</b>") == 3
    assert "hunter2" not in text


def test_an_item_that_is_tried_again_says_when(durable: DurableDriver, staff: Client):
    execution = durable.start(tried)

    text = steps_of(staff, execution, of="load")
    whole = unescape(staff.get(url_of(execution)).text)

    assert text.count("Failed, tried again") == 2
    assert text.count("Next attempt from") == 2
    assert "Works through load: 0 of 2 done" in whole


def test_results_of_items_are_for_whom_payloads_are_for(durable: DurableDriver, client: Client):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_workflowexecution"))
    client.force_login(user)

    text = steps_of(client, durable.start(mapped, 3), of="load")

    assert items_in(text) == ["0", "1", "2"]
    assert "row" not in text.partition("<tbody>")[2]


@pytest.mark.parametrize("of", ["loa", "LOAD", "load/1", "%", "no such"])
def test_what_is_no_map_has_no_items(durable: DurableDriver, staff: Client, of: str):
    text = steps_of(staff, durable.start(mapped, 3), of=of)

    assert items_in(text) == []
    assert "There is none." in text


# --- costs ---

#: As every page; the items are counted. Steps, items and their number are read.
QUERIES = {
    Tab.TIMELINE: 9 + 1 + 1,
    Tab.STEPS: 9 + 1 + 1,
    Tab.GRAPH: 9 + 1 + 0,
    Tab.HISTORY: 9 + 1 + 1,
}


@pytest.mark.parametrize("tab", QUERIES)
@pytest.mark.parametrize("count", [1, 200])
def test_a_page_takes_the_same_queries_for_any_number_of_items(
    durable: DurableDriver, staff: Client, count: int, tab: Tab
):
    execution = durable.start(mapped, count)

    with CaptureQueriesContext(connection) as queries:
        staff.get(f"{PAGES}{execution.id}/change/?tab={tab}")

    assert len(queries) == QUERIES[tab]


@pytest.mark.parametrize("count", [1, 200])
def test_a_list_of_items_takes_the_same_queries_for_any_number(
    durable: DurableDriver, staff: Client, count: int
):
    execution = durable.start(mapped, count)

    with CaptureQueriesContext(connection) as queries:
        staff.get(url_of(execution, of="load"))

    assert len(queries) == 9 + 1 + 2
