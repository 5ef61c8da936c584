from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from durable_django.control import human_tasks
from durable_django.control.human_tasks import acting
from durable_django.control.human_tasks.links import mint_link
from durable_django.domain.status import TaskStatus
from durable_django.models import (
    ExecutionEvent,
    HumanTask,
    HumanTaskCandidate,
    HumanTaskLink,
    WorkflowExecution,
)
from tests.admin.acting import log_in
from tests.admin.human_tasks.conftest import client_of
from tests.control.human_tasks.desk import DO, SEE, STEER, fresh, over, person, task
from tests.control.human_tasks.sample_forms import RefundForm

pytestmark = pytest.mark.django_db
INBOX = "/admin/durable_django/humantask/"
FORM = f"{RefundForm.__module__}.{RefundForm.__qualname__}"
YES = {"answer-approved": "true"}


def act_of(row: HumanTask, act: str) -> str:
    return reverse("admin:durable_django_humantask_act", args=[row.pk, act])


def page_of(row: HumanTask) -> str:
    return reverse("admin:durable_django_humantask_change", args=[row.pk])


def text_of(response: Any) -> str:
    body = response.text.partition('id="content"')[2]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def snapshot(row: HumanTask) -> Any:
    """All that an act could change."""
    executions = WorkflowExecution.objects.filter(pk=row.execution_id).values_list()
    tasks = HumanTask.objects.filter(pk=row.pk).values_list()
    counts = [model.objects.count() for model in (ExecutionEvent, LogEntry, HumanTaskLink)]
    return list(executions), list(tasks), counts


def told(row: HumanTask) -> list[tuple[str, str, str]]:
    events = ExecutionEvent.objects.filter(execution=row.execution_id).order_by("id")
    return list(events.values_list("type", "actor_name", "reason"))


class TestClaim:
    def test_button_makes_it_theirs(self, eva: Client):
        row = task("group:finance")

        response = eva.post(act_of(row, "claim"))

        assert response.headers["Location"] == page_of(row)
        assert (fresh(row).status, fresh(row).assignee) == ("claimed", "eva")
        assert told(row) == [("task_claimed", "eva", "")]
        assert LogEntry.objects.get().get_change_message() == "Claimed."

    def test_who_comes_second_reads_who_was_first(self, eva: Client):
        row = task("group:finance")
        human_tasks.claim(row.pk, user=person("bob", DO, groups=["finance"]))
        before = snapshot(row)

        response = eva.post(act_of(row, "claim"))

        assert response.status_code == 409
        assert re.search(r"bob claimed it at \d\d:\d\d\.", text_of(response))
        assert "Nothing was changed" in text_of(response)
        assert snapshot(row) == before

    def test_address_alone_does_nothing(self, eva: Client):
        row = task("group:finance")

        response = eva.get(act_of(row, "claim"))

        assert response.headers["Location"] == page_of(row)
        assert fresh(row).status == "open"


class TestComplete:
    def test_answer_wakes_the_execution(self, eva: Client):
        row = task("group:finance")

        response = eva.post(act_of(row, "complete"), {**YES, "comment": "as agreed"}, follow=True)

        assert response.redirect_chain == [(INBOX, 302)]
        assert "Completed: Approve refund #77. Its execution goes on." in response.text
        done = fresh(row)
        assert (done.status, done.actor_name, done.comment) == ("completed", "eva", "as agreed")
        assert WorkflowExecution.objects.get(pk=row.execution_id).wake_at is not None
        assert LogEntry.objects.get().get_change_message() == "Completed."

    def test_what_is_wrong_is_said_at_its_field_and_the_rest_is_kept(self, eva: Client):
        row = task("eva", form=FORM, fields=[])
        sent = {"answer-amount": "-5", "answer-reason": "lost", "answer-note": "my words"}
        before = snapshot(row)

        response = eva.post(act_of(row, "complete"), {**sent, "comment": "my comment"})

        assert response.status_code == 200
        assert "greater than or equal to 0" in text_of(response)
        assert "Please correct the error below" in text_of(response)
        assert 'value="-5"' in response.text
        assert '<option value="lost" selected>' in response.text
        assert "my words</textarea>" in response.text
        assert "my comment</textarea>" in response.text
        assert snapshot(row) == before

    def test_what_is_wrong_with_all_of_it_is_said_above(self, eva: Client):
        row = task("eva", form=FORM, fields=[])
        sent = {"answer-amount": "2000", "answer-reason": "lost"}

        response = eva.post(act_of(row, "complete"), sent)

        assert "Too much for one refund." in text_of(response)
        assert fresh(row).status == "open"

    @pytest.mark.parametrize("name", ["answer-note", "answer-amount", "answer-tags", "comment"])
    def test_nul_is_no_error_of_ours(self, eva: Client, name: str):
        row = task("eva", form=FORM, fields=[])
        sent = {"answer-amount": "5", "answer-reason": "lost", name: "a\0b"}

        assert eva.post(act_of(row, "complete"), sent).status_code in (200, 302)

    def test_answer_that_is_too_large_is_said(self, eva: Client, settings: Any):
        settings.DURABLE = {"MAX_PAYLOAD_BYTES": 1024}
        row = task("eva", form=FORM, fields=[])
        sent = {"answer-amount": "5", "answer-reason": "lost", "answer-note": "x" * 5000}

        response = eva.post(act_of(row, "complete"), sent)

        assert response.status_code == 200
        assert "Please correct the error" in text_of(response)
        assert fresh(row).status == "open"

    def test_who_comes_second_reads_who_was_first(self, eva: Client):
        row = task("group:finance")
        bob = person("bob", DO, groups=["finance"])
        human_tasks.complete(row.pk, {"approved": False}, user=bob)
        before = snapshot(row)

        response = eva.post(act_of(row, "complete"), YES)

        assert response.status_code == 409
        said = text_of(response)
        assert re.search(r"It was already completed by bob at \d\d:\d\d\.", said)
        assert snapshot(row) == before

    def test_who_comes_second_keeps_what_they_typed(self, eva: Client):
        row = task("group:finance", form=FORM, fields=[])
        bob = person("bob", DO, groups=["finance"])
        human_tasks.complete(row.pk, {"amount": "5", "reason": "lost"}, user=bob)
        typed = {
            "answer-amount": "77.50",
            "answer-pay_at": "",
            "answer-tags": ["a", "b"],
            "answer-note": "<b>Torn</b>, token=hunter2",
            "comment": "Called them\ntwice",
        }

        response = eva.post(act_of(row, "complete"), typed)

        said = text_of(response)
        assert "Amount 77.50 Tags a, b Note <b>Torn</b>, token=•••" in said
        assert "Comment Called them twice" in said
        assert "Pay at" not in said
        assert "<b>Torn" not in response.text

    def test_who_lost_sight_of_the_task_keeps_what_they_typed(self, eva: Client):
        row = task("group:finance", form=FORM, fields=[])
        HumanTaskCandidate.objects.filter(task=row).update(name="hr")
        sent = {"answer-pay_at": "tomorrow", "answer-password": "hunter2"}
        response = eva.post(act_of(row, "complete"), sent)

        assert response.status_code == 404
        assert "not yours to see any more" in text_of(response)
        assert "Pay at tomorrow Password •••" in text_of(response)
        assert page_of(row) not in response.text

    def test_race_that_is_lost_at_the_last_moment_changes_nothing(
        self, eva: Client, monkeypatch: Any
    ):
        row = task("group:finance")
        bob = person("bob", DO, groups=["finance"])
        check = acting.check_answer

        def too_slow(*arguments: Any, **options: Any) -> Any:
            monkeypatch.setattr(acting, "check_answer", check)
            human_tasks.complete(row.pk, {"approved": False}, user=bob)
            return check(*arguments, **options)

        monkeypatch.setattr(acting, "check_answer", too_slow)
        response = eva.post(act_of(row, "complete"), YES)

        assert response.status_code == 409
        assert "already completed by bob" in text_of(response)
        # Bob's goes too here: in one process he answers within eva's transaction.
        assert (fresh(row).actor_name, LogEntry.objects.count()) == ("", 0)

    def test_four_eyes_are_refused_with_the_reason(self, store: Any):
        row = task(not_by=["root"])
        root = client_of("root", is_superuser=True)
        before = snapshot(row)

        response = root.post(act_of(row, "complete"), YES)

        assert response.status_code == 403
        assert "second pair of eyes" in text_of(response)
        assert snapshot(row) == before

    def test_what_is_no_longer_theirs_leads_to_the_inbox(self, eva: Client):
        row = task("group:legal")

        response = eva.post(act_of(row, "complete"), follow=True)

        assert response.redirect_chain == [(INBOX, 302)]
        assert "Nothing was changed" in response.text


class TestHandingOn:
    def test_own_is_released_by_a_button(self, eva: Client):
        row = task("group:finance", assignee="eva")

        assert eva.post(act_of(row, "release")).headers["Location"] == INBOX
        assert fresh(row).assignee == ""

    def test_another_s_is_released_with_a_reason(self, boss: Client):
        row = task("group:finance", assignee="eva")
        assert "What will happen" in boss.get(act_of(row, "release")).text

        boss.post(act_of(row, "release"), {"reason": "on leave"})

        assert told(row) == [("task_released", "boss", "on leave")]

    def test_it_is_delegated(self, eva: Client):
        person("bob")
        row = task(assignee="eva")

        eva.post(act_of(row, "delegate"), {"to": "bob", "reason": "busy"})

        assert (fresh(row).assignee, fresh(row).owner) == ("bob", "eva")
        assert told(row) == [("task_delegated", "eva", "busy")]

    @pytest.mark.parametrize("to", ["bob", "group:legal"])
    def test_it_is_reassigned(self, boss: Client, to: str):
        person("bob")
        Group.objects.create(name="legal")
        row = task(assignee="eva")

        boss.post(act_of(row, "reassign"), {"to": to, "reason": "left"})

        assert fresh(row).assignee == ("bob" if to == "bob" else "")
        assert told(row) == [("task_reassigned", "boss", "left")]

    @pytest.mark.parametrize("act", ["delegate", "reassign"])
    @pytest.mark.parametrize("to", ["nobody", "weak", "", "group:", "a\0b", "x" * 300])
    def test_whom_it_cannot_be_given_to_is_said_at_the_field(self, store: Any, act: str, to: str):
        person("weak", SEE)
        row = task(assignee="max")
        client = client_of("max", DO, SEE, STEER)
        before = snapshot(row)

        response = client.post(act_of(row, act), {"to": to, "reason": "my reason"})

        assert response.status_code == 200
        assert response.context["form"].errors["to"]
        assert "my reason</textarea>" in response.text
        assert snapshot(row) == before

    def test_what_one_does_not_have_is_not_delegated(self, eva: Client):
        row = task("group:finance")

        asked, sent = (
            eva.get(act_of(row, "delegate")),
            eva.post(act_of(row, "delegate"), {"to": "bob"}),
        )

        assert (asked.status_code, sent.status_code) == (409, 403)
        assert "Only who has the task" in text_of(sent)


class TestCancel:
    def test_it_asks_why_and_ends_it(self, boss: Client):
        row = task("eva")
        asked = boss.get(act_of(row, "cancel"))
        assert 'name="reason"' in asked.text
        assert "This cannot be taken back" in text_of(asked)

        boss.post(act_of(row, "cancel"), {"reason": "ordered twice"})

        assert fresh(row).status == "cancelled"
        assert told(row) == [("task_cancelled", "boss", "ordered twice")]
        assert "ordered twice" in LogEntry.objects.get().get_change_message()

    def test_what_is_over_says_how(self, boss: Client):
        row = task("eva")
        over(row, TaskStatus.EXPIRED)

        response = boss.get(act_of(row, "cancel"))

        assert response.status_code == 409
        assert "Its time was up" in text_of(response)


class TestLinks:
    def test_it_is_shown_once(self, eva: Client):
        row = task("group:finance")

        response = eva.post(act_of(row, "link"), {"hours": "24"})

        [url] = re.findall(r'readonly value="(http[^"]+)"', response.text)
        assert "no-store" in response["Cache-Control"]
        assert Client().get(url).status_code == 200
        again = eva.get(act_of(row, "link")).text
        assert url not in again
        assert "can be used" in again
        link = HumanTaskLink.objects.get()
        assert link.user == "eva"
        assert link.expires_at - link.created_at == timedelta(hours=24)

    def test_whom_four_eyes_keep_from_it_makes_none(self, store: Any):
        row = task(not_by=["root"])
        root = client_of("root", is_superuser=True)

        asked = root.get(act_of(row, "link"))
        sent = root.post(act_of(row, "link"), {"hours": "1", "to": "root"})

        assert (asked.status_code, sent.status_code) == (403, 403)
        assert not HumanTaskLink.objects.exists()

    def test_it_is_revoked(self, eva: Client):
        row = task("group:finance")
        link = mint_link(row.pk, "eva", expires_in=timedelta(hours=1))

        eva.post(act_of(row, "revoke"), {"link": str(link.id)})
        again = eva.post(act_of(row, "revoke"), {"link": str(link.id)}, follow=True)

        assert HumanTaskLink.objects.get().revoked_at is not None
        assert "It could not be used any more" in again.text

    @pytest.mark.parametrize("link", ["", "x", "00000000-0000-7000-8000-000000000000"])
    def test_one_that_is_not_there_is_said(self, eva: Client, link: str):
        row = task("group:finance")

        response = eva.post(act_of(row, "revoke"), {"link": link}, follow=True)

        assert response.redirect_chain == [(page_of(row), 302)]
        assert 'class="error"' in response.text

    def test_project_without_the_api_is_told_what_to_do(self, eva: Client, settings: Any):
        settings.ROOT_URLCONF = "tests.admin.human_tasks.urls_without_api"
        row = task("group:finance")

        response = eva.post(act_of(row, "link"), {"hours": "1"})

        assert "durable_django.api.urls" in text_of(response)
        assert not HumanTaskLink.objects.exists()


class TestEveryAct:
    @pytest.mark.parametrize(
        "act",
        ["claim", "complete", "release", "delegate", "reassign", "cancel", "link", "revoke"],
    )
    def test_it_needs_the_token_of_its_form(self, store: Any, act: str):
        row = task()
        user = User.objects.create_superuser("root")
        before = snapshot(row)

        response = log_in(user, enforce_csrf_checks=True).post(act_of(row, act), YES)

        assert response.status_code == 403
        assert snapshot(row) == before

    def test_unknown_one_is_not_there(self, eva: Client):
        assert eva.post(act_of(task(), "explode")).status_code == 404

    def test_words_of_the_task_lose_their_secrets(self, boss: Client):
        row = task("eva", title="token=hunter2")

        page = boss.get(act_of(row, "cancel")).text

        assert "hunter2" not in page
