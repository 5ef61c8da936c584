"""Explanations of executions that wait for others: children, items, events, checks, or several."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from durable_django.control.explaining.explanation import Explanation, explain
from durable_django.control.items import ItemCount
from durable_django.domain.execution import Execution
from durable_django.domain.principals import principals_of
from durable_django.domain.signal import topic_of
from durable_django.domain.status import (
    CheckpointKind,
    ExecutionStatus,
    ParentClosePolicy,
    ParkReason,
    WaitKind,
)
from durable_django.domain.wait import Wait, list_waits
from durable_django.engine.awaitables import Event, Signal, Timer
from durable_django.engine.workflow_function import workflow
from durable_django.testing import make_execution
from durable_django.testing.factories import make_task
from tests.control.records import Records, at, driven, read, records

NOW = 100
CHILD = UUID(int=7)
SUSPENDED = ExecutionStatus.SUSPENDED


def waiting(kind: WaitKind, name: str, **fields: Any) -> Records:
    return records(SUSPENDED, waiting_kind=kind, waiting_for=name, **fields)


def tell(stored: Records, **options: Any) -> Explanation:
    return explain(*stored.all, at(NOW), **options)


def child_of(stored: Records, status: ExecutionStatus, **fields: Any) -> dict[UUID, Execution]:
    known: dict[str, Any] = {
        "id": CHILD,
        "workflow_name": "shop.invoice",
        "parent_id": stored.execution.id,
        "parent_key": "pay",
    }
    return {CHILD: make_execution(status=status, **(known | fields))}


def effects(said: Explanation) -> dict[str, str]:
    return {offer.action: offer.effect for offer in said.actions}


class TestChild:
    def wait(self, **fields: Any) -> Records:
        stored = waiting(WaitKind.CHILD, "pay", **fields)
        stored.step("pay", 5, kind=CheckpointKind.CHILD, idempotency_key=str(CHILD))
        return stored

    def test_it_is_named_with_its_workflow_and_where_it_stands(self):
        stored = self.wait()
        children = child_of(stored, SUSPENDED, waiting_kind=WaitKind.SIGNAL, waiting_for="paid")

        said = tell(stored, children=children)

        assert said.headline == "Waits for child pay"
        assert "child pay (shop.invoice), which waits for signal paid" in said.reason
        assert (said.since, said.until, said.is_late) == (at(5), None, False)
        [waited] = said.waits
        assert (waited.execution_id, waited.key, waited.action) == (str(CHILD), "pay", "")

    @pytest.mark.parametrize("reason", list(ParkReason))
    def test_a_parked_one_is_the_cause(self, reason):
        stored = self.wait()
        children = child_of(stored, ExecutionStatus.PARKED, park_reason=reason)

        said = tell(stored, children=children)

        assert said.headline.startswith("Waits for child pay, which is parked: ")
        assert "?" not in said.headline
        assert said.advice.startswith("The child pay needs a person")

    def test_a_paused_one_is_the_cause_too(self):
        stored = self.wait()

        said = tell(stored, children=child_of(stored, ExecutionStatus.PAUSED))

        assert said.headline == "Waits for child pay, which is paused"
        assert "Resume the child" in said.advice

    @pytest.mark.parametrize("status", list(ExecutionStatus))
    @pytest.mark.parametrize("kind", list(WaitKind))
    def test_wherever_it_stands_there_are_words(self, status, kind):
        stored = self.wait()
        children = child_of(stored, status, waiting_kind=kind, waiting_for=topic_of("x", "y"))

        said = tell(stored, children=children)

        assert all([said.headline, said.reason, said.next, said.advice])
        assert "~event" not in said.reason or kind is not WaitKind.EVENT

    def test_of_one_that_may_not_be_seen_only_the_call_is_told(self):
        said = tell(self.wait())

        assert "child pay, which is not there, or not for you to see" in said.reason
        assert said.waits[0].execution_id == ""

    def test_its_timeout_can_be_fired(self):
        stored = self.wait()
        stored.timer("pay", 500)

        said = tell(stored, children=child_of(stored, ExecutionStatus.RUNNING))

        assert said.until == at(500)
        assert "timeout" in said.next
        assert "times out now" in effects(said)["fire_timer"]
        assert (said.waits[0].action, said.waits[0].timer) == ("fire_timer", "pay")

    @pytest.mark.parametrize(
        ("policy", "told"),
        [(ParentClosePolicy.CANCEL, True), (ParentClosePolicy.ABANDON, False)],
    )
    def test_a_cancel_says_whether_it_takes_the_child_with_it(self, policy, told):
        stored = self.wait()
        children = child_of(stored, ExecutionStatus.RUNNING, on_parent_close=policy)

        said = effects(tell(stored, children=children))

        assert ("children that have not ended" in said["cancel"]) is told

    def test_one_that_has_ended_makes_it_due(self):
        said = tell(self.wait(wake_at=at(NOW - 1)))

        assert said.headline == "Due now"
        assert "child pay has ended" in said.reason


class TestMap:
    def test_it_says_how_many_items_are_done_and_how_many_failed(self):
        stored = waiting(WaitKind.MAP, "load")
        stored.step("load", 5, kind=CheckpointKind.MAP)
        count = ItemCount(total=250, completed=12, failed=3, open=4, are_children=True)

        said = tell(stored, maps={"load": count})

        assert said.headline == "Works through load: 12 of 250 done, 3 failed"
        assert "12 of 250 done, 3 failed, 4 under way" in said.reason
        assert "last child" in said.next
        assert "fire_timer" not in effects(said)

    def test_items_that_are_tried_again_are_told_with_the_next_time(self):
        stored = waiting(WaitKind.MAP, "load", wake_at=at(400))
        stored.step("load", 5, kind=CheckpointKind.MAP)

        said = tell(stored, maps={"load": ItemCount(total=9, completed=8, open=1)})

        assert said.until == at(400)
        assert said.next == "The next attempt of an item."

    def test_without_numbers_it_still_has_words(self):
        said = tell(waiting(WaitKind.MAP, "load"))

        assert said.headline == "Works through load"

    def test_a_cancel_says_how_many_items_it_undoes(self):
        stored = waiting(WaitKind.SIGNAL, "paid")
        stored.step("load", 1, 2, kind=CheckpointKind.MAP, compensation="shop.unload")
        stored.step("charge", 3, 4, compensation="shop.refund")

        said = tell(stored, maps={"load": ItemCount(total=3, completed=3, to_undo=2)})

        assert "charge, load (2 items), in this order" in effects(said)["cancel"]

    def test_a_map_without_anything_to_undo_is_not_undone(self):
        stored = waiting(WaitKind.SIGNAL, "paid")
        stored.step("load", 1, 2, kind=CheckpointKind.MAP, compensation="shop.unload")

        said = tell(stored, maps={"load": ItemCount(total=3, undone=3)})

        assert "nothing to undo" in effects(said)["cancel"]


class TestEvent:
    def test_it_says_how_to_broadcast(self):
        said = tell(waiting(WaitKind.EVENT, topic_of("price-changed", "")))

        assert said.headline == "Waits for event price-changed"
        assert "(durable_broadcast price-changed)" in said.advice

    def test_a_key_is_not_stored_and_that_is_said(self):
        said = tell(waiting(WaitKind.EVENT, topic_of("price-changed", "A-1")))

        assert "--key" in said.advice
        assert "~event" not in f"{said.headline} {said.reason} {said.next} {said.advice}"

    def test_one_that_has_come_is_told_by_its_name(self):
        topic = topic_of("price-changed", "A-1")
        stored = waiting(WaitKind.EVENT, topic, wake_at=at(NOW - 1))
        stored.signal(topic, NOW - 2)

        said = tell(stored)

        assert "Event price-changed, which it waits for, has come" in said.reason
        assert {f.code: f.value for f in said.facts}["inbox"] == "event price-changed"


class TestPoll:
    def test_it_says_when_it_checks_again_and_that_it_may_now(self):
        stored = waiting(WaitKind.POLL, "arrived", wake_at=at(160))
        stored.step("arrived", 5, kind=CheckpointKind.POLL, retry_at=at(160))

        said = tell(stored)

        assert said.headline == "Checks arrived again and again"
        assert (said.since, said.until) == (at(5), at(160))
        assert said.waits[0].timer == "arrived"
        assert "The check arrived is made now" in effects(said)["fire_timer"]


class TestSeveral:
    def wait(self, *parts: tuple[WaitKind, str], **fields: Any) -> Records:
        text = list_waits(Wait(kind=kind, name=name) for kind, name in parts)
        return waiting(WaitKind.SEVERAL, text, **fields)

    def test_each_has_its_own_line_and_what_brings_it_about(self):
        stored = self.wait(
            (WaitKind.CHILD, "race/pay"),
            (WaitKind.SIGNAL, "paid"),
            (WaitKind.TIMER, "late"),
            (WaitKind.EVENT, topic_of("off", "")),
            (WaitKind.TASK, "race/approve"),
            (WaitKind.POLL, "race/look"),
            (WaitKind.MAP, "race/load"),
            wake_at=at(400),
        )
        stored.step("race/pay", 1, kind=CheckpointKind.CHILD, idempotency_key=str(CHILD))
        stored.step("race/look", 1, kind=CheckpointKind.POLL, retry_at=at(300))
        stored.timer("race/late", 400)
        task = make_task(stored.execution.id, "race/approve", title="Approve refund #7")

        said = tell(
            stored,
            children=child_of(stored, ExecutionStatus.RUNNING),
            tasks=[task],
            maps={"race/load": ItemCount(total=2, completed=1)},
        )

        assert said.headline == "Waits for 7 things"
        assert said.until == at(400)
        lines = {one.kind: one for one in said.waits}
        assert lines["child"].text == "Child race/pay (shop.invoice), which runs."
        assert lines["signal"].action == "signal"
        assert (lines["timer"].action, lines["timer"].timer) == ("fire_timer", "race/late")
        assert "durable_broadcast off" in lines["event"].text
        assert lines["task"].text.startswith("A person: task Approve refund #7, for everybody")
        assert lines["task"].task_id == str(task.id)
        assert (lines["poll"].action, lines["poll"].argument) == ("fire_timer", "race/look")
        assert "1 of 2 done" in lines["map"].text

    def test_a_parked_child_among_them_is_what_to_look_at(self):
        stored = self.wait((WaitKind.SIGNAL, "paid"), (WaitKind.CHILD, "pay"))
        stored.step("pay", 1, kind=CheckpointKind.CHILD, idempotency_key=str(CHILD))
        parked = child_of(stored, ExecutionStatus.PARKED, park_reason=ParkReason.POISON)

        said = tell(stored, children=parked)

        assert "The child pay needs a person" in said.advice

    @pytest.mark.parametrize(
        ("given", "who"),
        [
            ({"assignee": "bob"}, ", which bob has."),
            ({"candidates": principals_of(["group:finance"])}, ", offered to group:finance."),
            ({}, ", for everybody who completes tasks."),
        ],
        ids=["assignee", "candidates", "everybody"],
    )
    def test_a_person_among_them_is_named_and_is_what_to_see_to(
        self, given: dict[str, Any], who: str
    ):
        stored = self.wait((WaitKind.TASK, "sign"), (WaitKind.TIMER, "late"))
        task = make_task(stored.execution.id, "sign", title="Sign it", **given)

        said = tell(stored, tasks=[task])

        assert said.waits[0].text == f"A person: task Sign it{who}"
        assert said.advice == "Have task Sign it be completed, or reassign it."

    def test_firing_says_of_each_timer_what_becomes_of_it(self):
        stored = self.wait((WaitKind.TIMER, "a"), (WaitKind.TIMER, "b"), (WaitKind.SIGNAL, "c"))
        stored.timer("x/a", 200)
        stored.timer("x/b", 50)

        said = effects(tell(stored))

        assert said["fire_timer"].startswith("The sleep x/a is over now")
        assert "x/b" not in said["fire_timer"]

    def test_a_list_that_did_not_fit_leaves_no_question_open(self):
        said = tell(waiting(WaitKind.SEVERAL, "*"))

        assert said.headline == "Waits for several things"
        assert all([said.reason, said.next, said.advice])


class TestWhatTheEngineLeaves:
    def test_a_race_is_told_thing_by_thing(self):
        def body(ctx):
            ctx.race("end", paid=Signal("money"), off=Event("off", "7"), late=Timer(days=3))

        with driven(body) as (driver, flow):
            execution = driver.start(flow)
            said = explain(*read(driver, execution).all, driver.clock.now())

        assert [(one.kind, one.name) for one in said.waits] == [
            ("signal", "money"),
            ("event", "off"),
            ("timer", "late"),
        ]
        assert said.until == driver.clock.now() + timedelta(days=3)

    def test_a_poll_is_made_at_once_when_it_is_fired(self):
        answers = iter([False, True])

        def body(ctx):
            return ctx.poll("arrived", lambda: next(answers), every=timedelta(hours=1))

        with driven(body) as (driver, flow):
            execution = driver.start(flow)
            said = explain(*read(driver, execution).all, driver.clock.now())
            driver.engine.acts.fire_timer(execution.id, said.waits[0].timer)
            driver.drain()

            assert driver.result(execution) is True

    def test_a_child_s_timeout_is_fired_by_the_key_that_is_told(self):
        def body(ctx):
            return ctx.child("pay", flow_of_child, timeout=timedelta(days=1), default="late")

        with driven(lambda ctx: ctx.wait_signal("never")) as (driver, flow_of_child):
            execution = driver.start(workflow(name="parent", registry=driver.engine.registry)(body))
            said = explain(*read(driver, execution).all, driver.clock.now())
            driver.engine.acts.fire_timer(execution.id, said.waits[0].timer)
            driver.drain()

            assert driver.result(execution) == "late"
