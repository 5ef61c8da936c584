from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from durable_django.domain.event import Actor, ActorKind, EventType
from durable_django.domain.identifiers import new_id
from durable_django.domain.schedule import TickKind, TickOutcome
from durable_django.engine.start_request import StartOptions
from durable_django.scheduling.schedule_keeper import ScheduleKeeper
from durable_django.testing import make_tick
from tests.scheduling.conftest import World

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
ANA = Actor(kind=ActorKind.USER, id="7", name="ana")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def at(hours: float) -> datetime:
    return MIDNIGHT + hours * HOUR


class TestTick:
    def test_starts_one_execution_that_tells_of_its_schedule(self, world: World):
        world.define("report", lambda ctx, a, b=2: None, queue="slow", tags=["own"])
        world.create(workflow="report", input={"a": 1}, tags=["x"], priority=5, version=1)

        report = world.run_at(at(1))

        [execution] = world.executions()
        [tick] = report.ticks
        assert (tick.outcome, tick.kind, tick.tick_at) == ("started", TickKind.CLOCK, at(1))
        assert tick.execution_id == execution.id
        assert execution.key == "~schedule/hourly/2026-01-01T01:00:00Z"
        assert set(execution.tags) == {"own", "x", "schedule:hourly"}
        assert (execution.queue, execution.priority) == ("slow", 5)
        assert world.engine.payloads.decode(execution.input, "Input") == {"a": 1, "b": 2}

    def test_is_an_act_of_the_schedule(self, world: World):
        world.create()

        world.run_at(at(1))

        [execution] = world.executions()
        [event] = world.store.list_events(execution.id, after=0, limit=9)
        assert event.type is EventType.STARTED
        assert (event.actor.kind, event.actor.id) == (ActorKind.SCHEDULE, "hourly")

    def test_comes_once_however_often_it_is_asked_for(self, world: World):
        world.create()

        ticks = [len(world.run_at(at(1)).ticks) for _ in range(3)]

        assert ticks == [1, 0, 0]
        assert len(world.executions()) == 1

    def test_never_comes_early(self, world: World):
        world.create()

        report = world.run_at(at(1) - timedelta(microseconds=1))

        assert report.ticks == []
        assert world.keeper.next_alarm() == at(1)

    def test_is_followed_by_the_next(self, world: World):
        world.create(overlap="allow")

        for hours in (1, 2, 3):
            world.run_at(at(hours))

        assert world.outcomes() == [
            ("01:00", "started"),
            ("02:00", "started"),
            ("03:00", "started"),
        ]
        schedule = world.schedules.load_schedule("hourly")
        assert (schedule.last_tick_at, schedule.next_tick_at) == (at(3), at(4))

    def test_gives_its_instant_to_the_argument_that_wants_it(self, world: World):
        world.define("daily", lambda ctx, day: None)
        world.create(workflow="daily", tick_argument="day")

        world.run_at(at(1) + MINUTE)

        [execution] = world.executions()
        assert world.engine.payloads.decode(execution.input, "Input") == {"day": at(1)}

    def test_takes_the_highest_version_there_is_then(self, world: World):
        world.create()
        world.define("nothing", lambda ctx: None, version=2)

        world.run_at(at(1))

        assert world.executions()[0].workflow_version == 2

    def test_interval_ticks_like_a_cron(self, world: World):
        world.create(every=timedelta(minutes=90), overlap="allow")

        world.run_at(at(1.5))
        world.run_at(at(3))

        assert world.outcomes() == [("01:30", "started"), ("03:00", "started")]

    def test_schedules_tick_side_by_side_and_the_limit_leaves_the_rest_due(self, world: World):
        for name in ("a", "b", "c"):
            world.create(name)
        world.clock.set(at(1))

        counts = [len(world.keeper.run_due(2).ticks) for _ in range(3)]

        assert counts == [2, 1, 0]

    def test_disabled_schedule_does_not_tick(self, world: World):
        world.create()
        world.editor.disable("hourly")

        assert world.run_at(at(1)).ticks == []
        assert world.keeper.next_alarm() is None

    def test_is_no_change_of_the_schedule(self, world: World):
        world.create()
        before = world.editor.update("hourly", {"priority": 1}, by=ANA)

        world.run_at(at(1))

        after = world.schedules.load_schedule("hourly")
        assert (after.actor_name, after.updated_at) == ("ana", before.updated_at)

    def test_tick_that_a_backfill_started_is_passed_over(self, world: World):
        world.create()
        backfilled = make_tick(
            schedule_name="hourly", tick_at=at(1), kind=TickKind.BACKFILL, execution_id=new_id()
        )
        world.schedules.insert_tick(backfilled)

        report = world.run_at(at(1))

        assert (report.ticks, report.moved) == ([], 1)
        assert world.executions() == []
        assert world.schedules.load_schedule("hourly").next_tick_at == at(2)

    def test_schedule_that_was_made_again_finds_what_the_tick_started(self, world: World):
        world.create()
        world.run_at(at(1))
        [first] = world.executions()
        world.editor.delete("hourly")
        world.clock.set(MIDNIGHT)
        world.create()

        [tick] = world.run_at(at(1)).ticks

        assert tick.execution_id == first.id
        assert tick.detail == "It had been started before."
        assert len(world.executions()) == 1


class TestMisfire:
    def test_down_for_a_year_is_two_rows_and_one_execution(self, world: World):
        world.create(cron="* * * * *")
        year = timedelta(days=365)

        report = world.run_at(MIDNIGHT + year)

        assert [tick.outcome for tick in report.ticks] == ["missed", "started"]
        assert report.ticks[0].detail.startswith("more than 1000 ticks")
        assert len(world.executions()) == 1
        assert world.schedules.load_schedule("hourly").next_tick_at == MIDNIGHT + year + MINUTE

    def test_all_are_started_in_portions(self, world: World):
        world.create(misfire="all", overlap="allow", misfire_grace=timedelta(days=3))
        world.clock.set(at(50))

        counts = [len(world.keeper.run_due().ticks) for _ in range(4)]

        assert counts == [20, 20, 10, 0]
        assert len(world.executions()) == 50

    def test_those_after_one_that_was_backfilled_are_told_of(self, world: World):
        world.create(overlap="allow")
        world.clock.set(at(5.5))
        world.requester.backfill("hourly", at(1), at(3))

        world.keeper.run_due()

        assert world.outcomes() == [
            ("01:00", "started"),
            ("02:00", "started"),
            ("03:00", "missed"),
            ("05:00", "started"),
        ]
        ticks = world.schedules.list_ticks("hourly", 9)
        assert ticks[1].detail.startswith("2 ticks, up to 2026-01-01 04:00:00 UTC")

    def test_older_than_the_grace_is_missed(self, world: World):
        world.create(misfire_grace=timedelta(minutes=5))

        world.run_at(at(1.5))

        assert world.outcomes() == [("01:00", "missed")]
        assert world.executions() == []


class TestFailure:
    def test_is_a_tick_with_its_error_and_is_counted(self, world: World):
        world.create()
        world.registry.forget("nothing")

        world.run_at(at(1))

        [tick] = world.schedules.list_ticks("hourly", 9)
        assert tick.outcome is TickOutcome.FAILED
        assert tick.detail.startswith("UnknownWorkflowError: No workflow 'nothing' is registered")
        schedule = world.schedules.load_schedule("hourly")
        assert (schedule.consecutive_failures, schedule.is_enabled) == (1, True)
        assert schedule.next_tick_at == at(2)

    def test_success_resets_the_count(self, world: World):
        world.create()
        world.registry.forget("nothing")
        world.run_at(at(1))
        world.define("nothing", lambda ctx: None)

        world.run_at(at(2))

        assert world.schedules.load_schedule("hourly").consecutive_failures == 0

    def test_so_many_in_a_row_disable_the_schedule_and_say_why(
        self, world: World, caplog: pytest.LogCaptureFixture
    ):
        world.create()
        world.registry.forget("nothing")

        with caplog.at_level(logging.ERROR):
            reports = [world.run_at(at(hours)) for hours in range(1, 8)]

        assert [report.disabled for report in reports] == [[], [], [], [], ["hourly"], [], []]
        schedule = world.schedules.load_schedule("hourly")
        assert (schedule.is_enabled, schedule.next_tick_at) == (False, None)
        assert schedule.disabled_reason.startswith("5 failed starts in a row. The last one: Unkn")
        assert (schedule.actor_name, schedule.updated_at) == ("hourly", at(5))
        assert "Schedule disabled" in [record.message for record in caplog.records]
        assert world.outcomes() == [(f"0{hours}:00", "failed") for hours in range(1, 6)]

    def test_never_disables_if_none_are_too_many(self, world: World):
        world.create(disable_after=0)
        world.registry.forget("nothing")

        for hours in range(1, 20):
            world.run_at(at(hours))

        assert world.schedules.load_schedule("hourly").is_enabled

    @pytest.mark.parametrize(
        ("spoil", "told"),
        [
            pytest.param(
                lambda world: world.define("nothing", lambda ctx, a: None),
                "TypeError: nothing: missing a required argument: 'a'",
                id="other arguments",
            ),
            pytest.param(
                lambda world: world.schedules.save_schedule(
                    replace(world.schedules.load_schedule("hourly"), input="{")
                ),
                "PayloadError: Input of schedule 'hourly'",
                id="unreadable input",
            ),
            pytest.param(
                lambda world: world.engine.start_many(
                    world.registry.load("nothing"),
                    [((), {"a": 5})],
                    StartOptions(key="~schedule/hourly/2026-01-01T01:00:00Z"),
                ),
                "ExecutionKeyConflictError: Key '~schedule/hourly/",
                id="taken key",
            ),
        ],
    )
    def test_whatever_spoils_the_start_is_told(
        self, world: World, spoil: Callable[[World], Any], told: str
    ):
        world.define("nothing", lambda ctx, a=1: None)
        world.create()
        spoil(world)

        [tick] = world.run_at(at(1)).ticks

        assert (tick.outcome, tick.execution_id) == ("failed", None)
        assert tick.detail.startswith(told)

    def test_error_of_somebody_elses_code_is_only_named(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        def decode(*args: object) -> object:
            raise LookupError("secret")

        world.create()
        monkeypatch.setattr(world.engine.payloads, "decode", decode)

        [tick] = world.run_at(at(1)).ticks

        assert tick.detail == "LookupError: the log says more."

    def test_bad_schedule_does_not_stop_the_others(self, world: World):
        world.define("other", lambda ctx: None)
        for name in ("a", "b", "c"):
            world.create(name, workflow="other" if name == "b" else "nothing")
        world.registry.forget("nothing")

        world.run_at(at(1))

        assert [world.outcomes(name) for name in "abc"] == [
            [("01:00", "failed")],
            [("01:00", "started")],
            [("01:00", "failed")],
        ]

    def test_schedule_that_cannot_tick_any_more_is_disabled_and_says_why(self, world: World):
        world.create("broken")
        world.create("sound")
        broken = replace(world.schedules.load_schedule("broken"), timezone="Mars/Olympus")
        world.schedules.save_schedule(broken)

        report = world.run_at(at(1))

        assert (report.disabled, world.outcomes("sound")) == (["broken"], [("01:00", "started")])
        schedule = world.schedules.load_schedule("broken")
        assert not schedule.is_enabled
        assert "'Mars/Olympus' is not a time zone" in schedule.disabled_reason
        assert world.outcomes("broken") == [("01:00", "failed")]


class TestTransientFailure:
    def test_writes_nothing_and_is_tried_again_after_a_rest(
        self, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ):
        def fail(*args: object, **kwargs: object) -> object:
            raise OSError("the database is away")

        world.create("a")
        world.create("b")
        with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
            patch.setattr(world.engine, "start_by_name", fail)
            report = world.run_at(at(1))

        assert report.undone == ["a", "b"]
        assert world.outcomes("a") == []
        assert world.run_at(at(1) + timedelta(seconds=4)).ticks == []
        assert len(world.run_at(at(1) + timedelta(seconds=5)).ticks) == 2

    def test_one_does_not_keep_the_others(self, world: World, monkeypatch: pytest.MonkeyPatch):
        insert_tick = world.schedules.insert_tick

        def fail_for_a(tick: Any) -> None:
            if tick.schedule_name == "a":
                raise ConnectionError
            insert_tick(tick)

        for name in ("a", "b"):
            world.create(name)
        monkeypatch.setattr(world.schedules, "insert_tick", fail_for_a)

        report = world.run_at(at(1))

        assert report.undone == ["a"]
        assert [tick.schedule_name for tick in report.ticks] == ["b"]


class TestUnknownHere:
    """During a deployment, some processes do not know a workflow yet, or lack a time zone."""

    def test_time_zone_is_left_to_others_for_a_while(self, world: World):
        patient = ScheduleKeeper(world.engine, world.schedules, patience=timedelta(seconds=30))
        schedule = world.create()
        world.schedules.save_schedule(replace(schedule, timezone="Mars/Olympus"))

        world.clock.set(at(1) + timedelta(seconds=29))
        early = patient.run_due()
        world.clock.set(at(1) + timedelta(seconds=30))
        late = patient.run_due()

        assert (early.ticks, early.disabled) == ([], [])
        assert late.disabled == ["hourly"]

    def test_is_left_to_others_for_a_while(self, world: World):
        patient = ScheduleKeeper(world.engine, world.schedules, patience=timedelta(seconds=30))
        world.create()
        world.registry.forget("nothing")

        world.clock.set(at(1) + timedelta(seconds=29))
        early = patient.run_due().ticks
        world.clock.set(at(1) + timedelta(seconds=30))
        [tick] = patient.run_due().ticks

        assert early == []
        assert tick.outcome is TickOutcome.FAILED

    def test_does_not_stand_in_the_way_of_known_ones(self, world: World):
        patient = ScheduleKeeper(world.engine, world.schedules, patience=timedelta(seconds=30))
        world.define("known", lambda ctx: None)
        for number in range(5):
            world.create(f"a{number}")
        world.create("z", workflow="known")
        world.registry.forget("nothing")
        world.clock.set(at(1))

        report = patient.run_due(limit=2)

        assert [tick.schedule_name for tick in report.ticks] == ["z"]
