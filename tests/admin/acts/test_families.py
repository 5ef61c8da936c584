"""The pages that act, on executions with children, groups, maps and polls."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from durable_django import RetryPolicy, WorkflowContext, client, workflow
from durable_django.engine.awaitables import Event, Signal, Timer
from durable_django.models import ExecutionEvent, StepCheckpoint, WorkflowExecution
from durable_django.testing import DurableDriver
from tests.admin.acting import act_url, log_in

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def fail(_: int) -> None:
    raise OSError("down")


def undo(_: Any) -> None:
    """Undo it."""


@workflow(name="kinacts.child")
def child(ctx: WorkflowContext, number: int) -> Any:
    return ctx.wait_signal("go")


@workflow(name="kinacts.group")
def group(ctx: WorkflowContext, *, decided: bool = True) -> Any:
    ctx.step("validate", int)
    with ctx.parallel("prepare") as p:
        p.step("stock", int)
        p.branch("pack", lambda ctx: ctx.step("box", int))
        if not decided:
            p.wait("paid", Signal("paid"))
    return ctx.wait_signal("go")


@workflow(name="kinacts.map")
def mapped(ctx: WorkflowContext, count: int) -> Any:
    ctx.map("load", abs, list(range(count)), compensate=undo)
    ctx.map("each", child, [1, 2])


@workflow(name="kinacts.race")
def race(ctx: WorkflowContext) -> Any:
    ctx.race("end", paid=Signal("paid"), off=Event("off"), late=Timer(days=3))


@workflow(name="kinacts.poll")
def poll(ctx: WorkflowContext) -> Any:
    return ctx.poll("arrived", lambda: None, every=HOUR)


@workflow(name="kinacts.tried")
def tried(ctx: WorkflowContext) -> None:
    ctx.map("load", fail, [1, 2], retry=RetryPolicy.fixed(3, HOUR))


@workflow(name="kinacts.paying")
def paying(ctx: WorkflowContext) -> Any:
    return ctx.child("pay", child, 1, timeout=HOUR)


@pytest.fixture
def browser() -> Client:
    return log_in(User.objects.create_superuser("root"))


def open_page(browser: Client, execution: Any, act: str, query: str = "") -> str:
    page = browser.get(f"{act_url(execution.id, act)}{query}")
    assert page.status_code == 200, page.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())


def choices(browser: Client, execution: Any, query: str = "") -> list[tuple[str, bool]]:
    """Return what can be forked from, and whether it is chosen."""
    page = unescape(browser.get(f"{act_url(execution.id, 'fork')}{query}").text)
    radios = re.findall(r'<input[^>]*name="from_step"[^>]*>', page)
    return [
        (re.findall(r'value="([^"]*)"', radio)[0], "checked" in radio)
        for radio in radios
        if 'value=""' not in radio
    ]


class TestFork:
    def test_a_group_is_one_choice_and_its_branches_are_none(
        self, durable: DurableDriver, browser: Client
    ):
        execution = durable.start(group)

        text = open_page(browser, execution, "fork")

        assert [key for key, _chosen in choices(browser, execution)] == ["validate", "prepare"]
        assert "prepare as a whole: prepare/pack/box, prepare/stock" in text

    @pytest.mark.parametrize("key", ["prepare", "prepare/stock", "prepare/pack/box"])
    def test_who_comes_from_inside_a_group_is_offered_the_group(
        self, durable: DurableDriver, browser: Client, key: str
    ):
        execution = durable.start(group)

        found = choices(browser, execution, f"?key={key}")

        assert found == [("validate", False), ("prepare", True)]

    @pytest.mark.parametrize("key", ["prepare", "prepare/pack/box", "prepare/nothing"])
    def test_a_group_that_was_never_decided_is_forked_by_the_first_call_in_it(
        self, durable: DurableDriver, browser: Client, key: str
    ):
        execution = durable.start(group, decided=False)

        [first, inside] = choices(browser, execution, f"?key={key}")
        data = {"from_step": inside[0], "version": "1", "input": '{"decided": true}'}
        browser.post(act_url(execution.id, "fork"), data)
        durable.drain()

        assert (first, inside[1]) == (("validate", False), True)
        fork = WorkflowExecution.objects.get(forked_from=execution.id)
        rows = StepCheckpoint.objects.filter(execution=fork).exclude(key="validate")
        assert {row.key for row in rows} == {"prepare", "prepare/stock", "prepare/pack/box"}
        assert min(row.started_at for row in rows) >= fork.created_at

    def test_a_map_is_one_choice_however_many_items_it_has(
        self, durable: DurableDriver, browser: Client
    ):
        execution = durable.start(mapped, 300)

        assert [key for key, _chosen in choices(browser, execution)] == ["load", "each"]

    @pytest.mark.parametrize("count", [1, 300])
    def test_its_page_takes_the_same_queries_for_any_number_of_items(
        self, durable: DurableDriver, browser: Client, count: int
    ):
        execution = durable.start(mapped, count)

        with CaptureQueriesContext(connection) as queries:
            browser.get(act_url(execution.id, "fork"))

        # Session, user, execution, steps, items, children of the map that is not done.
        assert len(queries) == 6


class TestCancel:
    def test_it_says_how_many_items_are_undone_and_how_many_children_are_cancelled(
        self, durable: DurableDriver, browser: Client
    ):
        execution = durable.start(mapped, 5)

        text = open_page(browser, execution, "cancel")

        assert "One step is undone: load by tests.admin.acts.test_families.undo map 5 items" in text
        assert "2 children that have not ended are cancelled with it." in text

    def test_without_children_nothing_is_said_of_them(
        self, durable: DurableDriver, browser: Client
    ):
        assert "children" not in open_page(browser, durable.start(group), "cancel")


class TestRetry:
    def test_it_says_that_a_failed_group_runs_again_and_its_map_is_kept(
        self, durable: DurableDriver, browser: Client
    ):
        execution = durable.start(tried)
        durable.advance(hours=3)

        text = open_page(browser, execution, "retry")

        assert "Runs again load map" in text


class TestFiring:
    def test_a_check_can_be_made_now(self, durable: DurableDriver, browser: Client):
        execution = durable.start(poll)

        text = open_page(browser, execution, "fire_timer")
        browser.post(act_url(execution.id, "fire_timer"), {"timer": "arrived"})

        assert "arrived next check" in text
        [event] = ExecutionEvent.objects.filter(execution_id=execution.id)
        assert event.details == {"key": "arrived"}
        row = WorkflowExecution.objects.get(pk=execution.id)
        assert row.wake_at <= durable.clock.now()

    def test_an_item_can_be_tried_again_now(self, durable: DurableDriver, browser: Client):
        execution = durable.start(tried)

        text = open_page(browser, execution, "fire_timer", "?key=load/2")
        browser.post(act_url(execution.id, "fire_timer"), {"timer": "load/2"})
        durable.drain()

        assert text.count("next attempt of an item") == 2
        attempts = StepCheckpoint.objects.filter(execution_id=execution.id, kind="item")
        assert attempts.filter(key="load/2").count() == 2
        assert attempts.filter(key="load/1").count() == 1

    def test_a_child_s_timeout_is_told_as_that(self, durable: DurableDriver, browser: Client):
        text = open_page(browser, durable.start(paying), "fire_timer")

        assert "pay timeout of child" in text

    def test_of_several_things_the_timers_are_offered(
        self, durable: DurableDriver, browser: Client
    ):
        text = open_page(browser, durable.start(race), "fire_timer")

        assert "end/late end of a sleep, or a timeout" in text


class TestSignal:
    def test_the_first_signal_of_several_things_is_proposed(
        self, durable: DurableDriver, browser: Client
    ):
        execution = durable.start(race)

        page = browser.get(act_url(execution.id, "signal")).text

        assert 'value="paid"' in page

    def test_a_list_that_cannot_be_read_proposes_nothing(
        self, durable: DurableDriver, browser: Client
    ):
        execution = durable.start(race)
        WorkflowExecution.objects.filter(pk=execution.id).update(waiting_for="|x:y|")

        assert browser.get(act_url(execution.id, "signal")).status_code == 200


def test_a_broadcast_s_act_is_told_in_the_history(durable: DurableDriver, browser: Client):
    execution = durable.start(race)
    client.broadcast("off", by=client.CODE)
    durable.drain()

    page = browser.get(
        f"/admin/durable_django/workflowexecution/{UUID(str(execution.id))}/change/?tab=history"
    )

    assert "Event came" in page.text
    assert "~event" not in page.text
