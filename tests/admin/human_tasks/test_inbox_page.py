from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from durable_django.admin.human_tasks import inbox_page
from durable_django.control.permissions import Permission
from durable_django.domain.status import TaskStatus
from durable_django.models import HumanTask
from durable_django.runtime import engine
from tests.admin.acting import find_inline
from tests.admin.human_tasks.conftest import client_of
from tests.control.human_tasks.desk import DO, HOUR, SEE, execution, over, task

pytestmark = pytest.mark.django_db
INBOX = "/admin/durable_django/humantask/"
#: Session, user; groups, permissions of their own and by groups; counts, workflows, tasks,
#: candidates. The driver's clock is no query.
QUERIES = 9


def titles(response: Any) -> list[str]:
    return [one.title for one in response.context["rows"]]


def text_of(response: Any) -> str:
    body = response.text.partition('id="content"')[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


class TestTabs:
    def test_each_has_what_it_says(self, eva: Client):
        task("group:finance", title="free")
        task(assignee="eva", title="mine")
        task("group:finance", assignee="bob", title="bob's")
        task("group:legal", title="for others")
        over(task("eva", title="old"))

        found = {tab: titles(eva.get(INBOX, {"tab": tab})) for tab in ("mine", "groups", "all")}

        assert found == {"mine": ["mine"], "groups": ["free"], "all": ["free", "mine", "bob's"]}
        assert titles(eva.get(INBOX, {"tab": "done"})) == ["old"]

    def test_first_two_are_counted(self, eva: Client):
        for _ in range(3):
            task("group:finance")
        task(assignee="eva")

        said = text_of(eva.get(INBOX))

        assert "My tasks (1)" in said
        assert "My groups' (3)" in said

    def test_count_ends_where_counting_does(self, eva: Client, monkeypatch: Any):
        monkeypatch.setattr(inbox_page, "MAX_COUNTED", 2)
        for _ in range(4):
            task("group:finance")

        assert "My groups' (2+)" in text_of(eva.get(INBOX))

    def test_begins_with_what_there_is_to_do(self, eva: Client, boss: Client):
        assert eva.get(INBOX).context["tab"] == "mine"
        task("group:finance")
        assert eva.get(INBOX).context["tab"] == "groups"
        task(assignee="eva")
        assert eva.get(INBOX).context["tab"] == "mine"
        assert boss.get(INBOX).context["tab"] == "all"


class TestRows:
    def test_most_urgent_is_first_and_says_how_urgent(self, eva: Client):
        now = engine().store.now()
        task("group:finance", title="some day")
        task("group:finance", title="soon", due_at=now + 4 * HOUR)
        task("group:finance", title="late", due_at=now - 2 * HOUR)

        response = eva.get(INBOX)

        assert titles(response) == ["late", "soon", "some day"]
        assert "! overdue 2 h late" in text_of(response)
        assert "due in 4 h soon" in text_of(response)

    def test_what_is_free_is_claimed_and_the_rest_opened(self, eva: Client):
        free, own = task("group:finance"), task(assignee="eva")

        page = eva.get(INBOX, {"tab": "all"}).text

        assert f'action="{act_of(free, "claim")}"' in page
        assert act_of(own, "claim") not in page
        assert 'aria-label="Open Approve refund #77"' in page

    def test_execution_is_a_link_only_for_who_may_see_it(self, eva: Client):
        row = task(of=execution(key="order-77"))
        place = reverse("admin:durable_django_workflowexecution_change", args=[row.execution_id])

        assert place not in eva.get(INBOX).text
        assert "order-77" in eva.get(INBOX).text
        viewer = client_of("vic", DO, Permission.VIEW)
        assert f'href="{place}"' in viewer.get(INBOX).text

    def test_four_eyes_are_marked_and_cannot_be_claimed(self, eva: Client):
        row = task("group:finance", not_by=["eva"])

        response = eva.get(INBOX, {"tab": "all"})

        assert "My groups' (0)" in text_of(response)
        assert "four eyes: not you" in text_of(response)
        assert act_of(row, "claim") not in response.text

    def test_who_ended_it_is_told(self, eva: Client):
        row = task("eva")
        over(row)
        HumanTask.objects.filter(pk=row.pk).update(actor_kind="user", actor_name="bob")

        assert "Completed just now Approve refund #77 bob" in text_of(
            eva.get(INBOX, {"tab": "done"})
        )


class TestFilters:
    def test_each_leaves_out_the_rest(self, eva: Client):
        now = engine().store.now()
        other = execution(workflow_name="hr.onboard", key="emp-12")
        task("group:finance", title="a", due_at=now - HOUR)
        task("group:finance", title="b", of=other, due_at=now + 3 * HOUR)
        task("group:finance", assignee="bob", title="c", due_at=now + 72 * HOUR)
        task("group:finance", title="d")

        def found(**asked: str) -> list[str]:
            return titles(eva.get(INBOX, {"tab": "all", **asked}))

        assert found(state="claimed") == ["c"]
        assert found(workflow="hr.onboard") == ["b"]
        assert found(due="overdue") == ["a"]
        assert found(due="day") == ["a", "b"]
        assert found(due="week") == ["a", "b", "c"]
        assert found(q="emp-") == ["b"]
        assert found(q="d") == ["d"]

    def test_what_was_ended_is_told_apart_by_how(self, eva: Client):
        over(task("eva", title="done"))
        over(task("eva", title="gone"), TaskStatus.CANCELLED)

        assert titles(eva.get(INBOX, {"tab": "done", "state": "cancelled"})) == ["gone"]

    @pytest.mark.parametrize(
        "asked",
        [
            {"tab": "x", "state": "x", "due": "x", "page": "x"},
            {"q": "\0", "workflow": "\0", "state": "\0", "tab": "\0"},
            {"q": "x" * 9000, "workflow": "x" * 9000, "page": "99999"},
            {"page": "-1", "q": "'; --"},
            {"status__exact": "open", "data__contains": "x", "o": "9", "e": "1"},
        ],
    )
    def test_nonsense_is_no_error(self, eva: Client, asked: dict[str, str]):
        task("group:finance")

        assert eva.get(INBOX, asked).status_code == 200

    def test_tabs_keep_them_and_one_link_lifts_them(self, eva: Client):
        page = eva.get(INBOX, {"tab": "all", "q": "refund", "due": "week"}).text

        assert "?due=week&amp;q=refund&amp;tab=done" in page
        assert f'href="{INBOX}?tab=all">' in page


class TestPages:
    def test_one_more_than_a_page_has_a_next_one(self, eva: Client, monkeypatch: Any):
        monkeypatch.setattr(inbox_page, "PER_PAGE", 2)
        for number in range(5):
            task("group:finance", title=f"t{number}")

        pages = [eva.get(INBOX, {"page": page}) for page in (1, 2, 3, 4)]

        assert [titles(page) for page in pages] == [["t0", "t1"], ["t2", "t3"], ["t4"], []]
        assert [bool(page.context["older_url"]) for page in pages] == [True, True, False, False]
        assert [bool(page.context["newer_url"]) for page in pages] == [False, True, True, True]


class TestWhoMay:
    def test_who_has_neither_permission_is_refused(self, store: Any):
        stranger = client_of("stranger", Permission.VIEW, Permission.REASSIGN_TASKS)

        assert stranger.get(INBOX).status_code == 403

    def test_nothing_is_posted_to_it(self, eva: Client):
        assert eva.post(INBOX, {"action": "delete_selected"}).status_code == 403

    def test_it_is_on_the_front_page_of_a_task_worker(self, eva: Client):
        assert f'href="{INBOX}"' in eva.get("/admin/").text

    def test_what_is_out_of_scope_is_not_there(self, settings: Any):
        settings.DURABLE = {"SCOPE": "tests.admin.scopes.only_orders"}
        task(of=execution(workflow_name="page.order"), title="in")
        task(of=execution(workflow_name="page.other"), title="out")

        root = client_of("root", SEE, DO, is_superuser=True)

        assert titles(root.get(INBOX, {"tab": "all"})) == ["in"]
        assert "page.other" not in root.get(INBOX).text


class TestCosts:
    @pytest.mark.parametrize("count", [1, 200])
    def test_queries_do_not_grow_with_the_tasks(self, eva: Client, count: int):
        ContentType.objects.get_for_model(HumanTask)
        for number in range(count):
            task(("group:finance", "bob"), of=execution(), title=f"t{number}")

        with CaptureQueriesContext(connection) as queries:
            response = eva.get(INBOX, {"tab": "groups"})

        assert len(titles(response)) == min(count, 50)
        assert len(queries) == QUERIES


def test_page_has_no_style_or_script_of_its_own(eva: Client):
    task("group:finance", title="<script>alert(1)</script>")

    page = eva.get(INBOX).text

    assert find_inline(page.partition('id="content"')[2]) == []
    assert "&lt;script&gt;alert(1)" in page


class TestLinkAboveTheExecutions:
    def test_it_says_how_many_there_are_to_do(self, store: Any):
        task(assignee="eva")
        task("group:finance")
        task("group:legal")
        both = client_of("eva", DO, Permission.VIEW, groups=["finance"])

        page = both.get("/admin/durable_django/workflowexecution/").text

        assert f'<a href="{INBOX}">Task inbox (2)</a>' in page

    def test_who_completes_none_reads_no_number(self, store: Any):
        client = client_of("vic", SEE, Permission.VIEW)

        page = client.get("/admin/durable_django/workflowexecution/").text

        assert f'<a href="{INBOX}">Task inbox</a>' in page

    def test_who_may_see_no_task_has_none(self, store: Any):
        client = client_of("vic", Permission.VIEW)

        assert INBOX not in client.get("/admin/durable_django/workflowexecution/").text


def act_of(row: HumanTask, act: str) -> str:
    return reverse("admin:durable_django_humantask_act", args=[row.pk, act])
