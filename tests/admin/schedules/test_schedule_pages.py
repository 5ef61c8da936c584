from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from durable_django import Recurrence, schedules, workflow
from durable_django.control.permissions import Permission
from durable_django.engine.registry import default_registry
from durable_django.models import Schedule, ScheduleTick, WorkflowExecution
from durable_django.testing import DurableDriver
from tests.admin.acting import SCRIPT, find_inline, log_in, make_user
from tests.api.doors import durable_settings

pytestmark = pytest.mark.django_db

LIST = "/admin/durable_django/schedule/"
HOUR = timedelta(hours=1)
FORM = {
    "name": "daily",
    "workflow": "pages.report",
    "cron": "30 2 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "input": '{"day": "x", "password": "hunter2"}',
    "overlap": "queue",
    "misfire": "all",
    "misfire_grace": "2 h",
    "disable_after": "3",
    "gap": "skip",
    "fold": "both",
    "priority": "7",
    "tags": "eu, nightly",
    "reason": "the customer wants it",
}


@pytest.fixture(autouse=True)
def workflows(durable: DurableDriver) -> Iterator[None]:
    @workflow(name="pages.report")
    def report(ctx: Any, day: str = "", password: str = "") -> str:
        return day

    @workflow(name="pages.coded", schedule=Recurrence("0 4 * * *"))
    def coded(ctx: Any) -> None: ...

    yield
    for definition in default_registry.list_definitions():
        if definition.name.startswith("pages."):
            default_registry.forget(definition.name)


@pytest.fixture
def root(db: None) -> Client:
    return log_in(User.objects.create_superuser("root"))


@pytest.fixture
def daily() -> int:
    schedules.create(
        "daily",
        "pages.report",
        cron="30 2 * * *",
        timezone="Europe/Berlin",
        input={"day": "x", "password": "hunter2"},
    )
    return Schedule.objects.get(name="daily").pk


@pytest.fixture
def of_code(durable: DurableDriver) -> int:
    durable.schedules.sync()
    # Those of the example's workflows.
    Schedule.objects.filter(source="code").exclude(name="pages.coded").delete()
    return Schedule.objects.get(name="pages.coded").pk


def page_of(id_: int, *parts: str) -> str:
    return "/".join([LIST.rstrip("/"), str(id_), *parts, ""])


def act(client: Client, id_: int, action: str, **data: str) -> Any:
    return client.post(page_of(id_, "act", action), {"reason": "to see", **data})


class TestList:
    def test_it_tells_when_each_runs_and_what_became_of_it(
        self, root: Client, daily: int, durable: DurableDriver
    ):
        durable.advance(days=1)
        [execution] = WorkflowExecution.objects.all()

        text = unescape(root.get(LIST).text)

        assert "At 02:30 every day (Europe/Berlin)" in text
        assert "Sat 2026-01-03 02:30 CET" in text
        assert 'title="Sat 2026-01-03 01:30 UTC"' in text
        assert page_url_of(execution) in text
        assert find_inline(text) == []

    @pytest.mark.parametrize("count", [1, 100])
    def test_queries_do_not_grow(
        self, root: Client, durable: DurableDriver, django_assert_num_queries: Any, count: int
    ):
        for number in range(count):
            schedules.create(f"s-{number:03}", "pages.report", every=HOUR)
        durable.advance(hours=1, minutes=1)
        root.get(LIST)

        with django_assert_num_queries(6):
            text = root.get(LIST).text

        assert text.count("dw-name") == min(count, 50)

    @pytest.mark.parametrize(
        ("query", "shown"),
        [
            ("state=enabled", {"pages.coded"}),
            ("state=disabled", {"daily"}),
            ("state=code", {"pages.coded"}),
            ("state=failing", set()),
            ("q=REPORT", {"daily"}),
            ("q=a%00b", set()),
            ("state=nonsense&page=x", {"daily", "pages.coded"}),
        ],
    )
    def test_it_is_narrowed(
        self, root: Client, daily: int, of_code: int, query: str, shown: set[str]
    ):
        schedules.disable("daily")

        text = root.get(f"{LIST}?{query}").text

        assert set(re.findall(r'dw-name" href="[^"]*">([^<]*)<', text)) == shown

    def test_what_is_wrong_is_said(self, root: Client, daily: int, durable: DurableDriver):
        Schedule.objects.update(
            consecutive_failures=5, is_enabled=False, disabled_reason="token=hunter2"
        )
        schedules.create("lost", "pages.report", cron="0 1 * * *")
        Schedule.objects.filter(name="lost").update(timezone="Mars/Olympus")

        text = root.get(LIST).text

        assert "Disabled: starts failed" in text
        assert "Cannot tick" in text
        assert "hunter2" not in text

    def test_one_that_is_late_says_how_much(self, root: Client, daily: int, durable: DurableDriver):
        durable.clock.advance(hours=3)

        assert "1 h 30 min late" in root.get(LIST).text

    def test_who_may_not_view_sees_none(self, daily: int):
        client = log_in(make_user(Permission.VIEW))

        assert client.get(LIST).status_code == 403
        assert client.get(page_of(daily, "change")).status_code == 403

    def test_several_are_disabled_and_enabled(self, root: Client, daily: int, of_code: int):
        there = f"{LIST}selected/disable/"
        asked = root.get(there, {"schedule": [daily, of_code, "x", "9" * 40]})

        done = root.post(there, {"schedule": [daily, of_code], "reason": "holidays"})

        assert "daily" in asked.text
        assert done.headers["Location"] == LIST
        assert [one.disabled_reason for one in Schedule.objects.all()] == ["holidays"] * 2
        assert LogEntry.objects.count() == 2
        root.post(f"{LIST}selected/enable/", {"schedule": [daily]})
        assert schedules.get("daily").is_enabled
        assert root.get(there).status_code == 200
        assert root.get(f"{LIST}selected/delete/").status_code == 404


def page_url_of(execution: WorkflowExecution) -> str:
    return reverse("admin:durable_django_workflowexecution_change", args=[execution.pk])


class TestPage:
    def test_it_shows_five_runs_and_its_ticks(
        self, root: Client, daily: int, durable: DurableDriver
    ):
        durable.advance(days=2)

        page = root.get(page_of(daily, "change"))

        assert page.text.count(" 02:30 CET") == 5 + 2
        assert "Started" in page.text
        assert "hunter2" not in page.text
        assert find_inline(page.text) == []

    def test_its_executions_are_found(self, root: Client, daily: int, durable: DurableDriver):
        durable.advance(days=1)
        [execution] = WorkflowExecution.objects.all()
        text = unescape(root.get(page_of(daily, "change")).text)
        [there] = re.findall(r'href="([^"]*schedule%3A[^"]*)"', text)

        assert str(execution.pk) in root.get(there).text

    @pytest.mark.parametrize("count", [1, 100])
    def test_queries_do_not_grow(
        self,
        root: Client,
        daily: int,
        durable: DurableDriver,
        django_assert_num_queries: Any,
        count: int,
    ):
        schedules.update("daily", every=HOUR)
        durable.advance(hours=count, minutes=1)
        root.get(page_of(daily, "change"))

        with django_assert_num_queries(8):
            text = root.get(page_of(daily, "change")).text

        assert text.count("<tr>") >= min(count, 25)

    def test_ticks_have_pages(self, root: Client, daily: int, durable: DurableDriver):
        schedules.update("daily", every=HOUR)
        durable.advance(hours=30, minutes=1)

        second = root.get(page_of(daily, "change") + "?page=2").text

        assert "Thu 2026-01-01 02:00 CET" in second
        assert "Page 2 of 2" in second

    def test_input_is_for_who_may_see_payloads(self, daily: int):
        client = log_in(make_user(Permission.VIEW_SCHEDULES))

        text = client.get(page_of(daily, "change")).text

        assert "You may not see payloads." in text
        assert "/act/" not in text

    def test_what_is_not_there_is_not_found(self, root: Client):
        for id_ in ("7", "x", "9" * 40, "_2F"):
            assert root.get(f"{LIST}{id_}/change/").status_code == 404

    def test_who_does_not_see_the_execution_gets_no_link(
        self, root: Client, daily: int, durable: DurableDriver
    ):
        durable.advance(days=1)
        [execution] = WorkflowExecution.objects.all()

        with durable_settings(SCOPE="tests.api.doors.see_nothing"):
            texts = [root.get(page_of(daily, "change")).text, root.get(LIST).text]

        assert all(str(execution.pk) not in text for text in texts)


class TestForm:
    def test_a_schedule_is_added(self, root: Client, durable: DurableDriver):
        answer = root.post(f"{LIST}add/", FORM)

        made = schedules.get("daily")
        assert answer.headers["Location"] == page_of(Schedule.objects.get().pk, "change")
        assert (made.cron, made.timezone, made.misfire_grace) == (
            "30 2 * * MON-FRI",
            "Europe/Berlin",
            2 * HOUR,
        )
        assert (made.overlap, made.misfire, made.gap, made.fold) == ("queue", "all", "skip", "both")
        assert (made.tags, made.priority, made.disable_after) == (("eu", "nightly"), 7, 3)
        assert made.actor_name.endswith("root")
        entry = LogEntry.objects.get()
        assert "the customer wants it" in entry.change_message

    @pytest.mark.parametrize(
        ("wrong", "field", "told"),
        [
            ({"cron": "61 * * * *"}, "cron", "is not a legal cron expression"),
            ({"cron": ""}, "cron", ""),
            ({"every": "5 min"}, "every", "not both"),
            ({"cron": "", "every": "often"}, "every", "is no length of time"),
            ({"timezone": "Mars/Olympus"}, "timezone", "Mars/Olympus"),
            ({"input": "{"}, "input", ""),
            ({"input": '{"night": 1}'}, "input", "night"),
            ({"input": "[1]"}, "input", "object"),
            ({"tick_argument": "day"}, "tick_argument", "leave it out"),
            ({"misfire_grace": "99999 d"}, "misfire_grace", "3650"),
            ({"version": "9"}, "version", "version"),
            ({"name": "a/b"}, "name", "legal schedule name"),
            ({"tags": "\u200b"}, "tags", ""),
            ({"queue": "a\u200bb"}, "queue", "queue"),
            ({"priority": "1001"}, "priority", "1000"),
        ],
    )
    def test_what_is_wrong_stands_at_its_field(
        self, root: Client, wrong: dict[str, str], field: str, told: str
    ):
        answer = root.post(f"{LIST}add/", FORM | wrong)

        errors = answer.context["form"].errors
        assert list(errors) == [field]
        assert told in str(errors[field])
        assert not Schedule.objects.exists()

    def test_name_is_taken_once(self, root: Client, daily: int):
        answer = root.post(f"{LIST}add/", FORM)

        assert "already" in str(answer.context["form"].errors["name"])

    def test_next_runs_are_shown_without_saving(self, root: Client):
        answer = root.post(f"{LIST}add/", FORM | {"_preview": "1"})

        assert [run.in_zone for run in answer.context["runs"]][:2] == [
            "Thu 2026-01-01 02:30 CET",
            "Fri 2026-01-02 02:30 CET",
        ]
        assert "At 02:30 on Monday through Friday (Europe/Berlin)" in answer.text
        assert not Schedule.objects.exists()
        wrong = root.post(f"{LIST}add/", FORM | {"_preview": "1", "cron": "x"})
        assert "cron" in wrong.context["form"].errors

    def test_it_is_shown_as_it_is_and_saved_as_it_is(self, root: Client):
        root.post(f"{LIST}add/", FORM)
        before = schedules.get("daily")
        id_ = Schedule.objects.get().pk
        form = root.get(page_of(id_, "edit")).context["form"]
        shown = {name: form[name].value() for name in form.fields}
        data = {name: value for name, value in shown.items() if value is not None}

        answer = root.post(page_of(id_, "edit"), data)

        assert answer.status_code == 302
        assert "hunter2" not in shown["input"]
        after = schedules.get("daily")
        assert (after.input, after.next_tick_at) == (before.input, before.next_tick_at)
        assert after.misfire_grace == before.misfire_grace

    def test_input_that_is_not_shown_stays(self, daily: int):
        client = log_in(make_user(Permission.VIEW_SCHEDULES, Permission.CHANGE_SCHEDULES))
        before = schedules.get("daily").input
        page = client.get(page_of(daily, "edit"))

        client.post(page_of(daily, "edit"), FORM | {"input": "", "priority": "9"})

        assert page.context["form"]["input"].value() is None
        assert (schedules.get("daily").input, schedules.get("daily").priority) == (before, 9)

    def test_what_the_code_defines_is_read_only(self, root: Client, of_code: int):
        page = root.get(page_of(of_code, "change")).text
        answers = [
            root.get(page_of(of_code, "edit")),
            root.post(page_of(of_code, "edit"), FORM),
            act(root, of_code, "delete"),
        ]

        assert "The code defines it" in page
        assert "/edit/" not in page
        assert [answer.status_code for answer in answers] == [409] * 3
        assert schedules.get("pages.coded").cron == "0 4 * * *"
        assert act(root, of_code, "disable").status_code == 302

    def test_what_the_code_defines_no_longer_can_be_deleted(self, root: Client, of_code: int):
        act(root, of_code, "disable")
        default_registry.forget("pages.coded")

        page = root.get(page_of(of_code, "change")).text
        answer = act(root, of_code, "delete")

        assert "defines it no longer" in page
        assert "/act/delete/" in page
        assert (answer.status_code, Schedule.objects.count()) == (302, 0)


class TestActs:
    def test_each_asks_first_and_changes_nothing(self, root: Client, daily: int):
        for action in ("trigger", "backfill", "disable", "delete"):
            page = root.get(page_of(daily, "act", action))
            assert "What will happen" in page.text
            assert find_inline(page.text) == []

        assert schedules.get("daily").is_enabled
        assert not WorkflowExecution.objects.exists()
        assert root.get(page_of(daily, "act", "enable")).status_code == 409
        assert root.get(page_of(daily, "act", "nonsense")).status_code == 404

    def test_disable_keeps_the_reason(self, root: Client, daily: int):
        act(root, daily, "disable", reason=SCRIPT)

        assert schedules.get("daily").disabled_reason == SCRIPT
        assert SCRIPT not in root.get(LIST).text
        act(root, daily, "enable")
        assert schedules.get("daily").is_enabled

    def test_trigger_leads_to_what_it_started(self, root: Client, daily: int):
        answer = act(root, daily, "trigger")

        [execution] = WorkflowExecution.objects.all()
        assert answer.headers["Location"] == page_url_of(execution)
        assert ScheduleTick.objects.get().kind == "manual"

    def test_backfill_counts_before_it_starts(
        self, root: Client, daily: int, durable: DurableDriver
    ):
        schedules.disable("daily")
        durable.advance(days=3)
        asked = {"start": "2026-01-01T00:00", "end": "2026-01-03T02:30"}

        counted = act(root, daily, "backfill", **asked)
        none = WorkflowExecution.objects.count()
        forged = act(root, daily, "backfill", **asked, counted="3 and more")
        done = act(root, daily, "backfill", **asked, counted=counted.context["counted"])

        assert (counted.context["count"], none) == (2, 0)
        assert "Thu 2026-01-01 02:30 CET" in counted.text
        assert forged.status_code == 200
        assert done.headers["Location"] == page_of(daily, "change")
        assert WorkflowExecution.objects.count() == 2
        assert "Backfilled: 2" in LogEntry.objects.get().change_message

    def test_range_that_is_none_is_said_at_its_field(self, root: Client, daily: int):
        answer = act(root, daily, "backfill", start="2031-01-01T00:00", end="2031-02-01T00:00")

        assert list(answer.context["form"].errors) == ["end"]

    def test_who_would_not_see_it_starts_nothing(self, root: Client, daily: int):
        with durable_settings(SCOPE="tests.api.doors.see_nothing"):
            answer = act(root, daily, "trigger")

        assert answer.status_code == 403
        assert not WorkflowExecution.objects.exists()
        assert not LogEntry.objects.exists()

    def test_deleted_is_gone_and_logged(self, root: Client, daily: int):
        answer = root.post(f"{LIST}{daily}/delete/", {"reason": "no use"})

        assert answer.headers["Location"] == LIST
        assert not Schedule.objects.exists()
        assert "no use" in LogEntry.objects.get().change_message

    @pytest.mark.parametrize(
        ("permission", "allowed"),
        [
            (Permission.RUN_SCHEDULES, {"trigger", "backfill", "disable"}),
            (Permission.CHANGE_SCHEDULES, {"disable"}),
            (Permission.DELETE_SCHEDULES, {"delete"}),
            (Permission.ADD_SCHEDULES, set()),
        ],
    )
    def test_each_has_its_permission(self, daily: int, permission: Permission, allowed: set[str]):
        client = log_in(make_user(Permission.VIEW_SCHEDULES, permission))
        without = log_in(make_user(permission, name="bob"))

        acts = ("trigger", "backfill", "disable", "delete")
        opened = {one for one in acts if client.get(page_of(daily, "act", one)).status_code == 200}

        assert opened == allowed
        assert {without.get(page_of(daily, "act", one)).status_code for one in acts} == {403}
