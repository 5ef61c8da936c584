"""What an execution waits for now, by its row, its calls and its timers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from durable_django.control.calls import group_calls
from durable_django.control.waiting import CurrentWait, find_current_wait, list_current_waits
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    TimerStatus,
    WaitKind,
)
from durable_django.domain.wait import ANY_NEWS, Wait, list_waits
from durable_django.engine.awaitables import Event, Signal, Timer
from tests.control.records import Records, at, driven, read, records

SUSPENDED = ExecutionStatus.SUSPENDED
CHILD = UUID(int=7)


def waits_of(stored: Records) -> list[CurrentWait]:
    return list_current_waits(stored.execution, group_calls(stored.checkpoints), stored.timers)


def told(stored: Records) -> list[tuple[str, str, str]]:
    return [(one.kind, one.name, one.key) for one in waits_of(stored)]


def several(*parts: tuple[WaitKind, str], **fields: Any) -> Records:
    text = list_waits(Wait(kind=kind, name=name) for kind, name in parts)
    return records(SUSPENDED, waiting_kind=WaitKind.SEVERAL, waiting_for=text, **fields)


class TestOne:
    def test_a_child_is_found_by_the_open_attempt_of_its_call(self):
        stored = records(SUSPENDED, waiting_kind=WaitKind.CHILD, waiting_for="pay")
        stored.step("pay", 1, kind=CheckpointKind.CHILD, idempotency_key=str(CHILD))
        stored.timer("pay", 99)

        [wait] = waits_of(stored)

        assert (wait.key, wait.child_id, wait.until, wait.timer_key) == (
            "pay",
            CHILD,
            at(99),
            "pay",
        )

    def test_a_poll_says_when_it_is_made_again(self):
        stored = records(
            SUSPENDED, waiting_kind=WaitKind.POLL, waiting_for="arrived", wake_at=at(50)
        )
        stored.step("arrived", 1, kind=CheckpointKind.POLL, retry_at=at(50))

        [wait] = waits_of(stored)

        assert (wait.until, wait.firing_key) == (at(50), "arrived")

    def test_the_time_to_live_is_no_part_of_a_wait(self):
        fields = {"wake_at": at(50), "expires_at": at(50)}
        stored = records(SUSPENDED, waiting_kind=WaitKind.MAP, waiting_for="load", **fields)

        assert waits_of(stored)[0].until is None

    def test_a_wait_in_a_branch_is_found_by_the_last_part_of_its_timer(self):
        stored = records(SUSPENDED, waiting_kind=WaitKind.SIGNAL, waiting_for="paid")
        stored.timer("prepare/paid", 99)

        assert told(stored) == [("signal", "paid", "prepare/paid")]

    def test_calls_in_branches_do_not_count_as_occurrences_in_the_body(self):
        stored = records(SUSPENDED, waiting_kind=WaitKind.SIGNAL, waiting_for="paid")
        stored.step("prepare/paid", 1, 2, kind=CheckpointKind.SIGNAL, branch_position=1)

        assert told(stored) == [("signal", "paid", "paid")]

    @pytest.mark.parametrize("kind", [WaitKind.NOTHING, WaitKind.YIELD, WaitKind.DEFERRED])
    def test_what_waits_for_a_worker_waits_for_nothing_by_name(self, kind):
        assert waits_of(records(SUSPENDED, waiting_kind=kind, waiting_for="x")) == []

    def test_what_has_ended_waits_for_nothing(self):
        fields = {"waiting_kind": WaitKind.SIGNAL, "waiting_for": "paid"}

        assert waits_of(records(ExecutionStatus.FAILED, **fields)) == []


class TestSeveral:
    def test_each_part_is_found_with_what_is_recorded_of_it(self):
        stored = several(
            (WaitKind.CHILD, "race/pay"), (WaitKind.SIGNAL, "paid"), (WaitKind.TIMER, "late")
        )
        stored.step("race/pay", 1, kind=CheckpointKind.CHILD, idempotency_key=str(CHILD))
        stored.timer("race/late", 99)

        child, signal, timer = waits_of(stored)

        assert (child.key, child.child_id) == ("race/pay", CHILD)
        # Which call waits for it is recorded nowhere.
        assert (signal.name, signal.key, signal.until) == ("paid", "", None)
        assert (timer.key, timer.until, timer.firing_key) == ("race/late", at(99), "race/late")

    def test_two_of_one_name_get_a_timer_each(self):
        stored = several((WaitKind.TIMER, "nap"), (WaitKind.TIMER, "nap"))
        stored.timer("both/a/nap", 10)
        stored.timer("both/b/nap", 20)

        assert {wait.until for wait in waits_of(stored)} == {at(10), at(20)}

    def test_attempts_that_are_put_off_are_found_by_name(self):
        stored = several((WaitKind.RETRY, "stock"), (WaitKind.SIGNAL, "paid"))
        failed = {"status": CheckpointStatus.FAILED, "name": "stock", "retry_at": at(30)}
        stored.step("prepare/stock", 1, 2, **failed)

        assert [(w.key, w.until) for w in waits_of(stored)] == [
            ("prepare/stock", at(30)),
            ("", None),
        ]

    def test_it_is_no_single_wait(self):
        stored = several((WaitKind.SIGNAL, "a"), (WaitKind.SIGNAL, "b"))

        assert find_current_wait(stored.execution, [], []) is None

    @pytest.mark.parametrize("text", [ANY_NEWS, "", "charge", "|nonsense:x|", "a:b"])
    def test_a_list_that_cannot_be_read_leaves_what_else_is_recorded(self, text):
        stored = records(SUSPENDED, waiting_kind=WaitKind.SEVERAL, waiting_for=text)
        stored.step("pay", 1, kind=CheckpointKind.CHILD, idempotency_key="no id")
        stored.step("charge", 1, 2, status=CheckpointStatus.FAILED, retry_at=at(30))
        stored.timer("late", 99)
        stored.timer("over", 9, status=TimerStatus.FIRED)

        assert told(stored) == [
            ("child", "pay", "pay"),
            ("retry", "charge", "charge"),
            ("timer", "late", "late"),
        ]


class TestWhatTheEngineLeaves:
    def test_a_race_waits_for_all_that_runs_in_it(self):
        def body(ctx):
            ctx.race("end", paid=Signal("money"), off=Event("off", "7"), late=Timer(days=3))

        with driven(body) as (driver, flow):
            stored = read(driver, driver.start(flow))

            signal, event, timer = waits_of(stored)

            assert (signal.kind, signal.name) == ("signal", "money")
            assert (event.kind, event.name.partition("/")[0]) == ("event", "~event")
            assert (timer.key, timer.until) == ("end/late", driver.clock.now() + timedelta(days=3))

    def test_branches_that_are_bodies_wait_under_their_own_names(self):
        def pack(ctx):
            ctx.wait_signal("packed")

        def body(ctx):
            with ctx.parallel("prepare") as p:
                p.branch("a", pack)
                p.branch("b", lambda ctx: ctx.sleep("nap", timedelta(hours=1)))

        with driven(body) as (driver, flow):
            stored = read(driver, driver.start(flow))

            assert told(stored) == [("signal", "packed", ""), ("timer", "nap", "prepare/b/nap")]
