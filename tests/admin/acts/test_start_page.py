from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse

from durable_django import WorkflowContext, workflow
from durable_django.control.permissions import Permission
from durable_django.models import ExecutionEvent, WorkflowExecution
from durable_django.testing.driver import DurableDriver
from tests.admin.acting import SCRIPT, find_inline, log_in, make_user, page_url

pytestmark = pytest.mark.django_db
LIST = "/admin/durable_django/workflowexecution/start/"


@workflow(name="start.greet")
def greet(ctx: WorkflowContext, name: str, times: int = 2, key: str = "its own") -> str:
    """Greet somebody <b>politely</b>.

    And more.
    """
    return name * times


@workflow(name="start.greet", version=2)
def greet_again(ctx: WorkflowContext, name: str) -> str:
    return name


@workflow(name="start.nothing")
def nothing(ctx: WorkflowContext) -> None:
    return None


def url_of(name: str) -> str:
    return reverse("admin:durable_django_start", args=[name])


@pytest.fixture
def starter() -> User:
    return make_user(Permission.VIEW, Permission.START)


def send(user: User, name: str = "start.greet", query: str = "", **fields: Any) -> Any:
    given = {"input-name": "ada", "start-priority": "0"}
    data = given | {key.replace("__", "-"): value for key, value in fields.items()}
    return log_in(user).post(url_of(name) + query, data)


def hide_all(user: Any, rows: Any) -> Any:
    return rows.none()


class TestList:
    def test_shows_what_is_registered_and_not_our_own(self, starter: User):
        page = log_in(starter).get(LIST)

        names = [one.name for one in page.context["startables"]]
        assert "start.greet" in names
        assert names == sorted(names)
        assert not [name for name in names if name.startswith("durable.")]
        assert "&lt;b&gt;politely" not in page.text  # the docstring of version 1, not the newest's

    def test_and_the_form_need_the_permission(self, durable: DurableDriver):
        viewer = make_user(*(one for one in Permission if one is not Permission.START))
        browser = log_in(viewer)

        answers = [browser.get(LIST), browser.get(url_of("start.greet")), send(viewer)]

        assert [answer.status_code for answer in answers] == [403, 403, 403]
        assert not WorkflowExecution.objects.exists()

    def test_has_nothing_inline(self, starter: User):
        browser = log_in(starter)

        pages = browser.get(LIST).text + browser.get(url_of("start.greet")).text

        assert find_inline(pages) == []


class TestForm:
    @pytest.mark.parametrize("name", ["start.unknown", "durable.bulk"])
    def test_of_what_cannot_be_started_is_not_there(self, starter: User, name: str):
        assert log_in(starter).get(url_of(name)).status_code == 404
        assert send(starter, name).status_code == 404

    def test_is_of_the_newest_version_unless_another_is_asked_for(self, starter: User):
        browser = log_in(starter)

        newest = browser.get(url_of("start.greet"))
        first = browser.get(url_of("start.greet") + "?version=1")

        assert list(newest.context["form"].fields) == ["name"]
        assert list(first.context["form"].fields) == ["name", "times", "key"]
        assert "&lt;b&gt;politely&lt;/b&gt;" in first.text
        assert browser.get(url_of("start.greet") + "?version=9").status_code == 404

    def test_get_starts_nothing(self, durable: DurableDriver, starter: User):
        log_in(starter).get(url_of("start.greet"), {"input-name": "ada", "start-priority": "0"})

        assert not WorkflowExecution.objects.exists()

    def test_without_the_token_starts_nothing(self, durable: DurableDriver, starter: User):
        browser = log_in(starter, enforce_csrf_checks=True)

        assert browser.post(url_of("start.nothing"), {"start-priority": "0"}).status_code == 403
        assert not WorkflowExecution.objects.exists()


class TestStarting:
    def test_leads_to_the_new_execution_with_log_and_event(
        self, durable: DurableDriver, starter: User
    ):
        answer = send(starter, start__reason="by hand")

        row = WorkflowExecution.objects.get()
        event = ExecutionEvent.objects.get()
        entry = LogEntry.objects.get()
        assert answer.url == page_url(row.pk)
        assert (row.workflow_name, row.workflow_version) == ("start.greet", 2)
        assert (event.type, event.actor_name, event.reason) == ("started", "alice", "by hand")
        assert (entry.object_id, entry.action_flag) == (str(row.pk), 1)
        assert "by hand" in entry.change_message

    def test_of_a_workflow_that_the_api_may_not_start_is_allowed(
        self, durable: DurableDriver, starter: User
    ):
        assert not nothing.definition.expose

        assert send(starter, "start.nothing").status_code == 302

    def test_passes_the_options_on(self, durable: DurableDriver, starter: User):
        due = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
        options = {
            "start__key": "order-7",
            "start__subject": "shop.order:7",
            "start__queue": "slow",
            "start__priority": "5",
            "start__tags": "eu, vip",
            "start__start_at": f"{due:%Y-%m-%dT%H:%M}",
        }

        send(starter, query="?version=1", input__times="3", input__key="theirs", **options)

        row = WorkflowExecution.objects.get()
        assert (row.key, row.subject, row.queue, row.priority) == (
            "order-7",
            "shop.order:7",
            "slow",
            5,
        )
        assert (row.tags, row.wake_at, row.workflow_version) == (["eu", "vip"], due, 1)
        given = durable.engine.payloads.decode(row.input, "Input")
        assert given == {"name": "ada", "times": 3, "key": "theirs"}

    def test_a_key_with_another_input_is_the_fields_error_and_names_the_execution(
        self, durable: DurableDriver, starter: User
    ):
        first = greet_again.options(key="order-7").start("bob")

        answer = send(starter, start__key="order-7")

        assert answer.status_code == 200
        assert page_url(first.id) in str(answer.context["options"].errors["key"])
        assert WorkflowExecution.objects.count() == 1
        assert not LogEntry.objects.exists()

    def test_a_key_with_the_same_input_leads_to_the_execution_that_has_it(
        self, durable: DurableDriver, starter: User
    ):
        first = greet_again.options(key="order-7").start("ada")

        answer = send(starter, start__key="order-7")

        assert answer.url == page_url(first.id)
        assert not LogEntry.objects.exists()

    @pytest.mark.parametrize("name", ["ada", "bob"], ids=["same input", "other input"])
    def test_a_key_out_of_scope_is_taken_and_nothing_more_is_told(
        self, settings: Any, starter: User, name: str, request: pytest.FixtureRequest
    ):
        settings.DURABLE = {"SCOPE": f"{__name__}.hide_all"}
        request.getfixturevalue("durable")
        first = greet_again.options(key="order-7").start(name)

        answer = send(starter, start__key="order-7")

        assert answer.status_code == 200
        assert answer.context["options"].errors["key"] == ["The key is taken."]
        assert str(first.id) not in answer.text

    @pytest.mark.parametrize(
        ("fields", "form", "field"),
        [
            ({"input__name": ""}, "form", "name"),
            ({"start__key": "a\tb"}, "options", "key"),
            ({"start__key": "\0"}, "options", "key"),
            ({"start__key": "x" * 256}, "options", "key"),
            ({"start__queue": "q" * 201}, "options", "queue"),
            ({"start__priority": "1001"}, "options", "priority"),
            ({"start__priority": "-1"}, "options", "priority"),
            ({"start__priority": "9" * 40}, "options", "priority"),
            ({"start__tags": "x" * 256}, "options", "tags"),
            ({"start__tags": ",".join(map(str, range(51)))}, "options", "tags"),
            ({"start__start_at": "soon"}, "options", "start_at"),
            ({"start__subject": "x" * 256}, "options", "subject"),
            ({"start__reason": "x" * 501}, "options", "reason"),
        ],
    )
    def test_what_does_not_fit_is_the_fields_error(
        self,
        durable: DurableDriver,
        starter: User,
        fields: dict[str, str],
        form: str,
        field: str,
    ):
        answer = send(starter, **fields)

        assert answer.status_code == 200
        assert field in answer.context[form].errors
        assert not WorkflowExecution.objects.exists()

    def test_a_hostile_argument_is_escaped_when_it_is_shown_again(
        self, durable: DurableDriver, starter: User
    ):
        answer = send(starter, input__name=SCRIPT, start__priority="x")

        assert SCRIPT not in answer.text
        assert "&lt;script&gt;" in answer.text

    def test_who_may_start_and_not_look_stays_at_the_form(self, durable: DurableDriver):
        user = make_user(Permission.START)

        answer = send(user)

        assert answer.url == url_of("start.greet")
        assert WorkflowExecution.objects.count() == 1
