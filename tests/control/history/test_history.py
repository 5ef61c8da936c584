from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

from hypothesis import given

from durable_django.control.history.history import (
    HistoryEntry,
    HistoryType,
    build_history,
    history_json,
)
from durable_django.control.items import ItemCount
from durable_django.domain.event import Actor, ActorKind, Event, EventType
from durable_django.domain.signal import topic_of
from durable_django.domain.status import (
    CheckpointKind,
    CheckpointStatus,
    ExecutionStatus,
    ParkReason,
    SignalStatus,
    TimerStatus,
)
from durable_django.engine.branches import BranchStatus
from durable_django.engine.group_record import GroupRecord, write_record
from durable_django.engine.map_result import write_items
from durable_django.engine.workflow_function import workflow
from durable_django.testing import make_checkpoint, make_error
from tests.control.records import Records, any_records, at, driven, read, records

FAILED = CheckpointStatus.FAILED
ALICE = Actor(kind=ActorKind.USER, id="7", name="alice")


def build(stored: Records, *events: Event, **options: Any) -> list[HistoryEntry]:
    return build_history(*stored.all, list(events), **options)


def told(entries: list[HistoryEntry]) -> list[tuple[str, str]]:
    return [(str(entry.type), entry.key) for entry in entries]


def event(stored: Records, type_: EventType, seconds: float, **fields: Any) -> Event:
    known = {"id": 1, "actor": ALICE, "created_at": at(seconds)}
    return Event(execution_id=stored.execution.id, type=type_, **(known | fields))


def test_calls_are_told_with_beginning_and_end_in_order():
    stored = records(ExecutionStatus.COMPLETED, started_at=at(0.5), finished_at=at(9))
    stored.step("charge", 1, 2, status=FAILED, retry_at=at(3))
    stored.step("charge", 3, 4, attempt=2)

    entries = build(stored)

    assert told(entries) == [
        ("created", ""),
        ("began", ""),
        ("attempt_began", "charge"),
        ("attempt_failed", "charge"),
        ("attempt_began", "charge"),
        ("attempt_completed", "charge"),
        ("completed", ""),
    ]
    assert (entries[3].attempt, entries[3].due_at) == (1, at(3))
    assert entries[3].error == "shop.CardDeclined: The card was declined."
    assert entries[3].details == {"is_final": False}


def test_at_one_instant_all_of_a_call_comes_before_all_of_the_next():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(0))
    stored.step("a", 0, 0, position=1)
    stored.step("b", 0, 0, position=2)

    assert told(build(stored)) == [
        ("created", ""),
        ("began", ""),
        ("attempt_began", "a"),
        ("attempt_completed", "a"),
        ("attempt_began", "b"),
        ("attempt_completed", "b"),
        ("completed", ""),
    ]


def test_the_order_does_not_depend_on_the_order_of_the_rows():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(5))
    for number, key in enumerate("abcd", 1):
        stored.step(key, 1, 1, position=number)
    forwards = build(stored)

    stored.checkpoints.reverse()

    assert build(stored) == forwards


def test_an_undo_is_told_as_one():
    stored = records(ExecutionStatus.FAILED, finished_at=at(9), error=make_error().to_text())
    stored.step("charge", 1, 2, status=CheckpointStatus.COMPENSATED)
    stored.step("~undo/charge", 3, 4, status=FAILED, retry_at=at(5))
    stored.step("~undo/charge", 5, 6, attempt=2)

    assert told(build(stored))[4:] == [
        ("undo_began", "~undo/charge"),
        ("undo_failed", "~undo/charge"),
        ("undo_began", "~undo/charge"),
        ("undo_completed", "~undo/charge"),
        ("failed", ""),
    ]


def test_a_sleep_is_told_from_its_timer_to_its_end():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(90))
    stored.step("charge", 1, 2)
    stored.step("nap", 62, 63, kind=CheckpointKind.SLEEP)
    stored.timer("nap", 62, status=TimerStatus.FIRED)

    entries = build(stored)

    assert told(entries)[4:7] == [
        ("timer_registered", "nap"),
        ("timer_due", "nap"),
        ("sleep_passed", "nap"),
    ]
    assert (entries[4].at, entries[4].due_at, entries[4].is_approximate) == (at(2), at(62), True)


def test_a_timer_that_its_signal_made_needless_is_told_as_cancelled():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(90))
    stored.step("paid", 30, 30, kind=CheckpointKind.SIGNAL)
    stored.timer("paid", 62, status=TimerStatus.CANCELLED)
    stored.signal("paid", 29, status=SignalStatus.DELIVERED, delivered_at=at(30))

    assert told(build(stored))[2:] == [
        ("timer_registered", "paid"),
        ("signal_accepted", "paid"),
        ("signal_delivered", "paid"),
        ("timer_cancelled", "paid"),
        ("completed", ""),
    ]


def test_a_wait_that_timed_out_is_told():
    stored = records(ExecutionStatus.COMPLETED, finished_at=at(90))
    stored.step("paid", 60, 60, kind=CheckpointKind.SIGNAL, status=FAILED, is_final=True)

    assert ("wait_timed_out", "paid") in told(build(stored))


def test_signals_that_were_never_consumed_end_with_the_execution():
    stored = records(ExecutionStatus.CANCELLED, finished_at=at(9))
    stored.signal("paid", 3, status=SignalStatus.EXPIRED)
    stored.signal("paid", 4, status=SignalStatus.DEAD)
    stored.signal("paid", 5)

    entries = [entry for entry in build(stored) if entry.key]

    assert [(entry.type, entry.at) for entry in entries] == [
        ("signal_accepted", at(3)),
        ("signal_accepted", at(4)),
        ("signal_accepted", at(5)),
        ("signal_expired", at(9)),
        ("signal_dead", at(9)),
    ]
    assert entries[3].is_approximate


def test_an_act_is_told_with_actor_and_reason():
    stored = records(ExecutionStatus.CANCELLED, finished_at=at(9), cancel_requested_at=at(5))
    act = event(
        stored,
        EventType.CANCEL_REQUESTED,
        5,
        id=42,
        reason="customer called",
        details={"compensate": True},
    )

    [entry] = [one for one in build(stored, act) if one.type is HistoryType.ACT]

    assert (entry.actor, entry.actor_kind, entry.reason) == ("alice", "user", "customer called")
    assert (entry.event_id, entry.at) == (42, at(5))
    assert entry.details == {"act": "cancel_requested", "compensate": True}


def test_acts_of_one_instant_are_in_the_order_in_which_they_were_committed():
    stored = records()
    acts = [event(stored, EventType.SIGNALLED, 3, id=number) for number in (9, 3, 5)]

    entries = build(stored, *acts)

    assert [entry.event_id for entry in entries if entry.event_id] == [3, 5, 9]


def test_requests_that_left_no_event_are_told_all_the_same():
    stored = records(cancel_requested_at=at(5), cancel_reason="by code", pause_requested_at=at(4))

    acts = [entry for entry in build(stored) if entry.type is HistoryType.ACT]

    assert [(entry.details["act"], entry.reason, entry.actor) for entry in acts] == [
        ("pause_requested", "", ""),
        ("cancel_requested", "by code", ""),
    ]


def test_where_it_stopped_is_told():
    parked = records(
        ExecutionStatus.PARKED, park_reason=ParkReason.POISON, error="gone", updated_at=at(7)
    )
    paused = records(ExecutionStatus.PAUSED, updated_at=at(7))

    assert build(parked)[-1].type is HistoryType.PARKED
    assert build(parked)[-1].details == {"park_reason": "poison"}
    assert (build(paused)[-1].type, build(paused)[-1].at) == (HistoryType.PAUSED, at(7))


def test_the_hook_decides_what_is_shown_of_errors():
    stored = records(ExecutionStatus.FAILED, finished_at=at(9), error=make_error().to_text())
    stored.step("charge", 1, 2, status=FAILED, is_final=True)

    entries = build(stored, describe_error=lambda _: "[hidden]")

    assert {entry.error for entry in entries} == {"", "[hidden]"}


def test_everything_is_a_json_value():
    stored = records(ExecutionStatus.FAILED, finished_at=at(9), error="x")
    stored.step("charge", 1, 2, status=FAILED, retry_at=at(9))
    stored.signal("paid", 3)

    found = json.loads(json.dumps(history_json(build(stored))))

    assert found[0]["at"] == "2026-03-02T09:00:00+00:00"
    assert {one["type"] for one in found} >= {"created", "attempt_failed", "signal_accepted"}


def test_a_story_of_the_engine_is_told_in_order():
    def story(ctx):
        ctx.step("charge", lambda: "paid")
        ctx.wait_signal("packed", timeout=timedelta(days=1))
        ctx.sleep("rest", timedelta(hours=1))

    with driven(story) as (driver, workflow):
        execution = driver.start(workflow)
        driver.advance(minutes=5)
        driver.signal(execution, "packed")
        driver.advance(hours=2)
        stored = read(driver, execution)

    assert told(build(stored)) == [
        ("created", ""),
        ("began", ""),
        ("attempt_began", "charge"),
        ("attempt_completed", "charge"),
        ("timer_registered", "packed"),
        ("signal_accepted", "packed"),
        ("signal_delivered", "packed"),
        ("timer_cancelled", "packed"),
        ("timer_registered", "rest"),
        ("timer_due", "rest"),
        ("sleep_passed", "rest"),
        ("completed", ""),
    ]


@given(any_records())
def test_whatever_is_stored_is_told_in_the_order_of_time(stored_and_now):
    stored, _now = stored_and_now

    entries = build(stored)

    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)


def test_a_child_s_beginning_and_end_are_told_with_its_id():
    stored = records()
    child = {"kind": CheckpointKind.CHILD, "idempotency_key": str(UUID(int=7))}
    stored.step("pay", 1, 2, action="shop.pay", **child)
    stored.step("ship", 3, 4, action="shop.ship", status=FAILED, is_final=True, **child)

    entries = build(stored)[2:]

    assert told(entries) == [
        ("child_started", "pay"),
        ("child_completed", "pay"),
        ("child_started", "ship"),
        ("child_failed", "ship"),
    ]
    assert {entry.child_id for entry in entries} == {UUID(int=7)}
    assert entries[0].details == {"workflow": "shop.pay"}


def test_a_group_s_decision_says_who_decided_and_how_each_branch_stood():
    stored = records()
    ended = GroupRecord(
        statuses={"paid": BranchStatus.DONE, "late": BranchStatus.DROPPED}, by="paid"
    )
    action = write_record(ended, make_checkpoint(stored.execution.id), None).action
    stored.step("end", 5, 5, kind=CheckpointKind.GROUP, action=action)

    [entry] = build(stored)[2:]

    assert entry.type is HistoryType.GROUP_DECIDED
    assert entry.details["decided_by"] == "paid"
    assert entry.details["branches"] == {"paid": "done", "late": "dropped"}


def test_a_map_s_beginning_and_end_have_numbers():
    stored = records()
    stored.step("load", 1, 5, kind=CheckpointKind.MAP, input_digest=write_items(["a", "b", "c"]))
    maps = {"load": ItemCount(total=3, completed=2, failed=1)}

    began, ended = build(stored, maps=maps)[2:]

    assert (began.type, began.details) == (HistoryType.MAP_BEGAN, {"items": 3})
    assert (ended.type, ended.details) == (HistoryType.MAP_COMPLETED, {"completed": 2, "failed": 1})


def test_checks_and_what_was_dropped_have_their_own_words():
    stored = records()
    stored.step("arrived", 1, 2, kind=CheckpointKind.POLL)
    error = make_error(type="BranchDropped").to_text()
    stored.step("race/pay", 3, 4, kind=CheckpointKind.CHILD, status=FAILED, error=error)

    assert [type_ for type_, _key in told(build(stored)[2:])] == [
        "checks_began",
        "check_succeeded",
        "child_started",
        "dropped",
    ]


def test_a_broadcast_is_told_by_the_event_s_name():
    stored = records()
    topic = topic_of("price-changed", "A-1")
    stored.signal(topic, 3, status=SignalStatus.DELIVERED, delivered_at=at(4))

    assert told(build(stored)[2:]) == [
        ("event_accepted", "price-changed"),
        ("event_delivered", "price-changed"),
    ]


def test_a_parent_that_cancels_is_named_by_its_id():
    with driven(lambda ctx: ctx.wait_signal("never")) as (driver, child):

        def body(ctx):
            return ctx.child("pay", child)

        parent = workflow(name="parent", registry=driver.engine.registry)(body)
        execution = driver.start(parent)
        [pay] = driver.store.list_children(execution.id)
        driver.cancel(execution)
        entries = build_history(
            *read(driver, pay).all, driver.store.list_events(pay.id, after=0, limit=9)
        )

    [act] = [entry for entry in entries if entry.type is HistoryType.ACT]
    assert (act.actor_kind, act.actor_id) == ("workflow", str(execution.id))
    assert act.details["act"] == "cancel_requested"
