"""Parents and children on an execution's page: the tab, the way up, and who may see whom."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from durable_django import WorkflowContext, client, workflow
from durable_django.admin.page.look import Tab
from durable_django.admin.page.rows import PAGE_SIZE
from durable_django.models import WorkflowExecution
from durable_django.testing import DurableDriver
from tests.api.doors import durable_settings

pytestmark = pytest.mark.django_db
PAGES = "/admin/durable_django/workflowexecution/"


@workflow(name="kin.child")
def child(ctx: WorkflowContext, number: int) -> int:
    if number % 3 == 2:
        raise ValueError(f"no. {number}")
    if number:
        ctx.wait_signal("go")
    return number


@workflow(name="kin.parent")
def parent(ctx: WorkflowContext, count: int) -> int:
    ctx.start_child("beside", child, 1)
    return len(ctx.map("each", child, list(range(count)), tolerate=count))


@workflow(name="kin.waiter")
def waiter(ctx: WorkflowContext, number: int) -> Any:
    return ctx.child("pay", child, number, timeout=timedelta(days=1))


@workflow(name="kin.deep")
def deep(ctx: WorkflowContext, depth: int) -> Any:
    if not depth:
        return ctx.wait_signal("go")
    return ctx.child("down", deep, depth - 1)


@pytest.fixture
def staff(client: Client) -> Client:
    ContentType.objects.get_for_model(WorkflowExecution)
    client.force_login(User.objects.create_superuser("root"))
    return client


def url_of(execution_id: object, tab: str = "timeline", **query: object) -> str:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    return f"{PAGES}{execution_id}/change/?tab={tab}{more}"


def text_of(staff: Client, *args: Any, **query: object) -> str:
    page = staff.get(url_of(*args, **query))
    assert page.status_code == 200
    return unescape(page.text)


def children_in(text: str) -> list[UUID]:
    return [UUID(one) for one in re.findall(r'id="dw-child-([^"]+)"', text)]


def children_of(execution: Any) -> list[WorkflowExecution]:
    return list(WorkflowExecution.objects.filter(parent_id=execution.id).order_by("pk"))


# --- the tab ---


def test_children_are_listed_with_their_call_and_what_becomes_of_them(
    durable: DurableDriver, staff: Client
):
    execution = durable.start(parent, 3)

    text = text_of(staff, execution.id, Tab.CHILDREN)

    assert children_in(text) == [one.pk for one in children_of(execution)]
    for key in ("beside", "each/0", "each/1", "each/2"):
        assert f">{key}</a>" in text
    assert text.count("nobody waits") == 1
    # What nobody waits for goes on by itself; items are cancelled with their map.
    assert (text.count("<td>goes on</td>"), text.count("<td>is cancelled</td>")) == (1, 3)


def test_those_of_one_call_and_those_that_failed_are_found(durable: DurableDriver, staff: Client):
    execution = durable.start(parent, 6)

    of_map = children_in(text_of(staff, execution.id, Tab.CHILDREN, of="each"))
    failed = text_of(staff, execution.id, Tab.CHILDREN, of="each", only="failed")

    assert len(of_map) == 6
    assert [WorkflowExecution.objects.get(pk=one).parent_key for one in children_in(failed)] == [
        one.parent_key for one in children_of(execution) if one.status == "failed"
    ]
    assert "1 of 6 done, 2 failed" in failed


@pytest.mark.parametrize("of", ["%00", "x" * 600, "no such", "%", "EACH"])
def test_what_is_no_call_has_no_children(durable: DurableDriver, staff: Client, of: str):
    execution = durable.start(parent, 3)

    found = children_in(text_of(staff, execution.id, Tab.CHILDREN, of=of))

    # What could be no key at all asks for everything.
    assert len(found) == (4 if of in ("%00", "x" * 600) else 0)


def test_long_lists_come_in_pages(durable: DurableDriver, staff: Client):
    execution = durable.start(parent, PAGE_SIZE + 10)

    first = children_in(text_of(staff, execution.id, Tab.CHILDREN))
    second = text_of(staff, execution.id, Tab.CHILDREN, page=2)

    assert (len(first), len(children_in(second))) == (PAGE_SIZE, 11)
    assert "Page 2 of 2" in second


def test_who_has_no_children_has_no_tab_of_them(durable: DurableDriver, staff: Client):
    with_children, without = durable.start(waiter, 1), durable.start(child, 1)

    assert "tab=children" in text_of(staff, with_children.id)
    assert "tab=children" not in text_of(staff, without.id)


def test_a_change_of_a_child_is_a_change_of_the_page(durable: DurableDriver, staff: Client):
    execution = durable.start(parent, 3)
    url = f"{PAGES}{execution.id}/live/?tab=children"
    before = staff.get(url)["ETag"]
    same = staff.get(url)["ETag"]

    client.pause(next(one.pk for one in children_of(execution) if one.parent_key == "beside"))

    assert same == before
    assert staff.get(url)["ETag"] != before


# --- the way up ---


def test_a_child_s_page_leads_to_all_it_descends_from(durable: DurableDriver, staff: Client):
    top = durable.start(deep, 3)
    line = list(WorkflowExecution.objects.order_by("depth").values_list("pk", flat=True))

    text = text_of(staff, line[-1])

    _, _, above = text.partition('id="dw-ancestors"')
    above, _, _ = above.partition("</nav>")
    assert line[0] == top.id
    assert re.findall(r"workflowexecution/([^/]+)/change", above) == [str(one) for one in line[:3]]
    assert above.rstrip().endswith("<span>down</span>")


def test_a_line_that_is_too_long_is_cut(durable: DurableDriver, staff: Client):
    durable.start(deep, 12)
    last = WorkflowExecution.objects.order_by("depth").last()

    _, _, above = text_of(staff, last.pk).partition('id="dw-ancestors"')

    assert above.partition("</nav>")[0].count("<a ") == 8


def test_whoever_is_nobody_s_child_has_no_way_up(durable: DurableDriver, staff: Client):
    execution = durable.start(waiter, 1)

    assert "dw-ancestors" not in text_of(staff, execution.id)


def test_related_are_parent_children_and_siblings(durable: DurableDriver, staff: Client):
    execution = durable.start(parent, 3)
    first, second, *_ = children_of(execution)

    of_child = text_of(staff, first.pk, Tab.RELATED)
    of_parent = text_of(staff, execution.id, Tab.RELATED)

    assert "Its parent" in of_child
    assert "With the same parent" in of_child
    assert str(second.pk) in of_child
    assert "Its children" in of_parent
    assert str(first.pk) in of_parent


# --- what is told of them elsewhere ---


def test_a_parked_child_is_told_as_the_cause_and_led_to(durable: DurableDriver, staff: Client):
    execution = durable.start(waiter, 1)
    [pay] = children_of(execution)
    rows = WorkflowExecution.objects.filter(pk=pay.pk)
    rows.update(status="parked", park_reason="poison", wake_at=None, order_at=None)

    text = text_of(staff, execution.id)

    assert "Waits for child pay, which is parked: it loses its workers" in text
    assert f'{pay.pk}/change/">Open the child</a>' in text


@pytest.mark.parametrize("tab", [Tab.TIMELINE, Tab.STEPS, Tab.GRAPH, Tab.HISTORY])
def test_every_tab_leads_to_the_child(durable: DurableDriver, staff: Client, tab: Tab):
    execution = durable.start(waiter, 0)
    [pay] = children_of(execution)

    _, _, content = text_of(staff, execution.id, tab).partition(f'id="dw-tab-{tab}"')

    assert f"{pay.pk}/change/" in content


def test_a_cancel_by_the_parent_leads_to_it(durable: DurableDriver, staff: Client):
    execution = durable.start(waiter, 1)
    durable.cancel(execution)
    [pay] = children_of(execution)

    text = text_of(staff, pay.pk, Tab.HISTORY)

    assert f'{execution.id}/change/">workflow {execution.id}</a>' in text


# --- scope ---


@pytest.mark.parametrize("tab", list(Tab))
def test_of_a_child_out_of_scope_only_the_call_is_told(
    durable: DurableDriver, staff: Client, tab: Tab
):
    execution = durable.start(waiter, 1)
    [pay] = children_of(execution)

    with durable_settings(SCOPE="tests.admin.scopes.no_kin"):
        text = text_of(staff, execution.id, tab)

    assert f"{pay.pk}/change/" not in text
    assert "Waits for child pay" in text
    assert "waits for signal go" not in text
    assert children_in(text) == []


def test_children_out_of_scope_are_not_counted_but_a_map_s_numbers_are_its_own(
    durable: DurableDriver, staff: Client
):
    execution = durable.start(parent, 6)

    with durable_settings(SCOPE="tests.admin.scopes.no_kin"):
        text = text_of(staff, execution.id, Tab.CHILDREN)

    assert re.search(r"Children\s*<span class=\"dw-count\">0</span>", text)
    assert "1 of 6 done, 2 failed" in text


def test_a_parent_out_of_scope_is_an_id_and_no_way_up(durable: DurableDriver, staff: Client):
    execution = durable.start(parent, 1)
    first = children_of(execution)[0]

    with durable_settings(SCOPE="tests.admin.scopes.no_parents"):
        text = text_of(staff, first.pk)
        related = text_of(staff, first.pk, Tab.RELATED)

    assert f"an execution that you may not see ({execution.id})" in text
    assert f"{execution.id}/change/" not in text
    assert "Its parent" not in related


# --- costs ---

QUERIES = {
    Tab.TIMELINE: 1,
    Tab.STEPS: 1,
    Tab.CHILDREN: 1,
    Tab.HISTORY: 1,
    Tab.RELATED: 2,
    Tab.GRAPH: 0,
}


@pytest.mark.parametrize("tab", QUERIES)
@pytest.mark.parametrize("count", [2, 200])
def test_a_page_takes_the_same_queries_for_any_number_of_children(
    durable: DurableDriver, staff: Client, count: int, tab: Tab
):
    execution = durable.start(parent, count)

    with CaptureQueriesContext(connection) as queries:
        staff.get(url_of(execution.id, tab))

    # As for every page, and: items and children of the map are counted, and calls' children found.
    assert len(queries) == 9 + QUERIES[tab] + 3
