from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from durable_django.control import human_tasks
from durable_django.control.permissions import Permission
from durable_django.domain.identifiers import new_id
from durable_django.domain.status import TaskStatus, WaitKind
from durable_django.domain.wait import Wait, list_waits
from durable_django.models import HumanTask, WorkflowExecution
from durable_django.runtime import engine
from tests.admin.acting import find_inline
from tests.admin.human_tasks.conftest import client_of
from tests.control.human_tasks.desk import DO, HOUR, SEE, STEER, execution, over, person, task
from tests.control.human_tasks.sample_forms import RefundForm

pytestmark = pytest.mark.django_db
FORM = f"{RefundForm.__module__}.{RefundForm.__qualname__}"
#: Session, user; groups, permissions of their own and by groups; the task, its candidates.
QUERIES = 7


def page_of(row: HumanTask) -> str:
    return reverse("admin:durable_django_humantask_change", args=[row.pk])


def text_of(response: Any) -> str:
    body = response.text.partition('id="content"')[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def buttons_of(response: Any) -> list[str]:
    body = response.text.partition("dw-act-buttons")[2].partition("<section")[0]
    words = re.findall(r"<(?:a|button)[^>]*>([^<]+)</", body)
    return [unescape(word) for word in words if word != "Back to the inbox"]


class TestWhatItShows:
    def test_all_that_a_person_decides_on(self, eva: Client):
        shown = {"Amount": "77 EUR", "File": "https://x.example/a.pdf", "password": "hunter2"}
        row = task(
            ("group:finance", "bob"),
            of=execution(workflow_name="shop.refund", key="order-77"),
            description="It arrived broken.",
            display=engine().payloads.encode(shown, "It"),
            due_at=engine().store.now() + 4 * HOUR,
            owner="dan",
            not_by=["zoe"],
        )

        response = eva.get(page_of(row))

        said = text_of(response)
        assert "Approve refund #77" in said
        assert "due in 4 h" in said
        assert "It arrived broken." in said
        assert "Amount 77 EUR" in said
        assert "Asked by shop.refund · order-77" in said
        assert "Candidates group:finance, bob" in said
        assert "Delegated by dan" in said
        assert "Not by zoe" in said
        assert 'href="https://x.example/a.pdf" rel="noopener' in response.text
        assert "hunter2" not in response.text

    @pytest.mark.parametrize("value", ["javascript:alert(1)", "//x.example", "data:text/html,x"])
    def test_only_a_web_address_becomes_a_link(self, eva: Client, value: str):
        row = task("eva", display=engine().payloads.encode({"File": value}, "It"))

        assert f'href="{value}' not in eva.get(page_of(row)).text

    def test_form_is_the_real_one(self, eva: Client):
        row = task("eva", form=FORM, fields=[])

        page = eva.get(page_of(row)).text

        assert 'name="answer-amount"' in page
        assert '<option value="late">Too late</option>' in page
        assert "In EUR." in page
        assert 'name="csrfmiddlewaretoken"' in page

    def test_every_field_has_a_label(self, eva: Client):
        row = task("eva", form=FORM, fields=[])

        page = eva.get(page_of(row)).text

        ids = set(re.findall(r'<(?:input|select|textarea)[^>]* id="(id_answer-[^"]+)"', page))
        labelled = set(re.findall(r'<label for="([^"]+)"', page))
        assert ids
        assert ids <= labelled

    def test_form_that_is_not_known_here_is_said(self, eva: Client):
        row = task("eva", form="no.such.Form", fields=[])

        response = eva.get(page_of(row))

        assert "Its form cannot be shown" in text_of(response)
        assert "Complete" not in buttons_of(response)

    def test_end_tells_who_when_and_what(self, eva: Client):
        row = task("eva")
        human_tasks.complete(
            row.pk, {"approved": True}, user=person_named("eva"), comment="as agreed"
        )

        said = text_of(eva.get(page_of(row)))

        assert re.search(r"It was completed by eva at \d\d:\d\d\.", said)
        assert "Approved yes" in said
        assert "as agreed" in said


class TestButtons:
    def test_one_who_may_claim_it(self, eva: Client):
        response = eva.get(page_of(task("group:finance")))

        assert buttons_of(response) == ["Complete", "Claim", "Make a link…"]

    def test_one_who_has_it(self, eva: Client):
        response = eva.get(page_of(task(assignee="eva")))

        assert buttons_of(response) == ["Complete", "Release", "Delegate…", "Make a link…"]

    def test_one_who_hands_on(self, boss: Client):
        response = boss.get(page_of(task(assignee="eva")))

        assert buttons_of(response) == [
            "Release…",
            "Reassign…",
            "Make a link…",
            "Cancel the task…",
        ]
        assert "eva has it" in text_of(response)

    def test_one_who_only_looks(self, store: Any):
        response = client_of("vic", SEE).get(page_of(task("eva")))

        assert buttons_of(response) == []
        assert "for others to complete" in text_of(response)

    def test_one_whom_the_four_eyes_rule_keeps_from_it(self, eva: Client):
        response = eva.get(page_of(task("eva", not_by=["eva"])))

        assert buttons_of(response) == []
        assert "second pair of eyes" in text_of(response)

    def test_nobody_once_it_is_over(self, store: Any):
        row = task("eva")
        over(row, TaskStatus.EXPIRED)

        response = client_of("root", DO, SEE, STEER).get(page_of(row))

        assert buttons_of(response) == []
        assert "Its time was up" in text_of(response)


class TestWhoMay:
    @pytest.mark.parametrize("which", ["others", "none", "no id"])
    def test_what_is_not_theirs_is_like_what_is_not_there(self, eva: Client, which: str):
        other = page_of(task("group:legal"))
        none = other.replace(other.split("/")[-3], str(new_id()))
        place = {"others": other, "none": none, "no id": other.replace("-", "x")}[which]

        response = eva.get(place, follow=True)

        assert response.redirect_chain == [("/admin/durable_django/humantask/", 302)]
        assert "no such task" in text_of_messages(response)

    def test_what_is_out_of_scope_is_not_there(self, settings: Any):
        settings.DURABLE = {"SCOPE": "tests.admin.scopes.nothing"}
        row = task()

        assert client_of("root", SEE, is_superuser=True).get(page_of(row)).status_code == 302

    def test_nothing_is_posted_to_it(self, eva: Client):
        row = task("eva")

        assert eva.post(page_of(row), {"status": "completed"}).status_code == 403
        assert HumanTask.objects.get(pk=row.pk).status == "open"

    @pytest.mark.parametrize("path", ["add/", "{id}/delete/"])
    def test_rows_are_neither_added_nor_deleted(self, store: Any, path: str):
        row = task()
        root = client_of("root", is_superuser=True)
        place = "/admin/durable_django/humantask/" + path.format(id=row.pk)

        assert root.get(place).status_code == root.post(place, {"post": "yes"}).status_code == 403
        assert HumanTask.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("count", [1, 200])
def test_queries_do_not_grow_with_the_candidates(eva: Client, count: int):
    row = task([f"user{number}" for number in range(count)] + ["eva"])

    with CaptureQueriesContext(connection) as queries:
        assert eva.get(page_of(row)).status_code == 200

    assert len(queries) == QUERIES


def test_strangers_words_are_no_markup(eva: Client):
    word = '"><script>alert(1)</script>'
    fields = [{"type": "text", "name": "x", "label": word, "help": word}]
    shown = engine().payloads.encode({word: word}, "It")
    row = task("eva", title=word, description=word, display=shown, fields=fields)

    body = eva.get(page_of(row)).text.partition('id="content"')[2]

    assert find_inline(body) == []
    assert "<script>alert" not in body
    assert body.count("&lt;script&gt;alert") >= 4


def person_named(name: str) -> Any:
    return User.objects.get(username=name)


def text_of_messages(response: Any) -> str:
    return " ".join(str(one) for one in response.context["messages"])


def test_execution_tells_of_its_tasks(store: Any):
    row = task(of=execution(key="order-77"))
    client = client_of("vic", SEE, Permission.VIEW)
    place = reverse("admin:durable_django_workflowexecution_change", args=[row.execution_id])

    page = client.get(place, {"tab": "tasks"})

    assert f'href="{page_of(row)}">Approve refund #77' in page.text


def test_execution_tells_of_no_task_to_who_may_see_none(store: Any):
    row = task("eva")
    person("eva")
    client = client_of("vic", Permission.VIEW)
    place = reverse("admin:durable_django_workflowexecution_change", args=[row.execution_id])

    page = client.get(place, {"tab": "tasks"})

    assert page_of(row) not in page.text
    assert "or you may not see" in page.text


def test_what_an_execution_waits_for_leads_to_the_task(store: Any):
    row = task(of=execution(key="order-77"))
    client = client_of("vic", SEE, Permission.VIEW)
    place = reverse("admin:durable_django_workflowexecution_change", args=[row.execution_id])

    page = client.get(place)

    assert f'href="{page_of(row)}">Open the task</a>' in page.text


def test_each_of_several_that_it_waits_for_leads_to_its_task(store: Any):
    asked = execution()
    WorkflowExecution.objects.filter(pk=asked.pk).update(
        waiting_kind="several",
        waiting_for=list_waits(Wait(kind=WaitKind.TASK, name=key) for key in ("legal", "cfo")),
    )
    rows = [task(of=asked, key=key, name=key) for key in ("legal", "cfo")]
    client = client_of("vic", SEE, Permission.VIEW)
    place = reverse("admin:durable_django_workflowexecution_change", args=[asked.pk])

    page = client.get(place)

    assert re.findall(r'href="([^"]*)">Open the task</a>', page.text) == [page_of(x) for x in rows]


def test_a_task_that_one_may_not_see_is_not_led_to(store: Any):
    row = task("eva")
    person("eva")
    client = client_of("vic", Permission.VIEW)
    place = reverse("admin:durable_django_workflowexecution_change", args=[row.execution_id])

    page = client.get(place)

    assert "Waits for somebody" in page.text
    assert page_of(row) not in page.text
