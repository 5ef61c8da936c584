from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.recurrence import Recurrence
from durable_django.domain.schedule import OverlapPolicy, Schedule, ScheduleSource
from durable_django.engine.registry import Registry
from durable_django.exceptions import PayloadError
from durable_django.scheduling.code_schedules import REMOVED_FROM_CODE, SyncReport
from durable_django.scheduling.schedule_keeper import ScheduleKeeper
from durable_django.testing import build_test_engine
from tests.scheduling.conftest import World

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
ANA = Actor(kind=ActorKind.USER, id="7", name="ana")
HOUR = timedelta(hours=1)
BERLIN = "Europe/Berlin"
NIGHTLY = Recurrence("30 2 * * *", timezone=BERLIN)


def sync_with(world: World, when: object, **options: object) -> SyncReport:
    """Define the workflow `nightly` with this schedule, or none, and sync."""
    world.define("nightly", lambda ctx, a=1: None, schedule=when, **options)
    return world.keeper.sync()


class TestNewSchedule:
    def test_has_the_name_of_its_workflow_and_all_the_code_says(self, world: World):
        recurrence = Recurrence(
            "30 2 * * *",
            timezone="Europe/Berlin",
            input={"a": 5},
            overlap="queue",
            queue="slow",
            priority=3,
            tags=("x",),
            disable_after=0,
            misfire_grace=HOUR,
            description="the books",
        )

        report = sync_with(world, recurrence)

        schedule = world.schedules.load_schedule("nightly")
        assert report == SyncReport(created=["nightly"])
        assert (schedule.workflow_name, schedule.workflow_version) == ("nightly", None)
        assert (schedule.cron, schedule.timezone) == ("30 2 * * *", "Europe/Berlin")
        assert (schedule.source, schedule.overlap) == (ScheduleSource.CODE, OverlapPolicy.QUEUE)
        assert (schedule.queue, schedule.priority, schedule.tags) == ("slow", 3, ("x",))
        assert (schedule.disable_after, schedule.misfire_grace) == (0, HOUR)
        assert schedule.description == "the books"
        assert world.engine.payloads.decode(schedule.input, "Input") == {"a": 5}
        assert schedule.next_tick_at == MIDNIGHT + 1.5 * HOUR

    def test_ticks_like_any_other(self, world: World):
        sync_with(world, NIGHTLY)

        world.run_at(MIDNIGHT + 1.5 * HOUR)
        world.engine.drain()

        assert world.outcomes("nightly") == [("01:30", "started")]
        assert world.executions()[0].status == "completed"

    def test_interval_is_counted_from_when_it_was_first_seen(self, world: World):
        world.clock.advance(minutes=20)
        sync_with(world, HOUR)
        world.clock.advance(minutes=20)

        assert world.keeper.sync() == SyncReport()
        schedule = world.schedules.load_schedule("nightly")
        assert schedule.anchor_at == MIDNIGHT + timedelta(minutes=20)
        assert schedule.next_tick_at == MIDNIGHT + timedelta(minutes=80)

    @pytest.mark.parametrize(
        "when",
        [
            NIGHTLY,
            Recurrence(HOUR, anchor_at=MIDNIGHT + timedelta(seconds=1.5), timezone=BERLIN),
            Recurrence("0  2 * * *", anchor_at=MIDNIGHT, input={"a": (1, {2})}, tags=("x", "x")),
        ],
        ids=["cron", "interval", "all that is said in another way"],
    )
    def test_second_look_writes_nothing(self, world: World, when: Recurrence):
        sync_with(world, when)
        before = world.schedules.load_schedule("nightly")
        world.clock.advance(minutes=5)

        assert world.keeper.sync() == SyncReport()
        assert world.schedules.load_schedule("nightly") == before


class TestChangedSchedule:
    @pytest.mark.parametrize(
        ("after", "expected"),
        [
            (Recurrence("30 4 * * *", timezone="Europe/Berlin"), MIDNIGHT + 3.5 * HOUR),
            (Recurrence("30 2 * * *", timezone="UTC"), MIDNIGHT + 2.5 * HOUR),
            (Recurrence(HOUR), MIDNIGHT + 2 * HOUR),
            (Recurrence(HOUR, anchor_at=MIDNIGHT), MIDNIGHT + 2 * HOUR),
            (Recurrence("30 2 * * *", timezone="Europe/Berlin", queue="slow"), None),
        ],
        ids=["cron", "timezone alone", "interval", "anchored interval", "no timing"],
    )
    def test_ticks_next_after_now_if_its_timing_is_another(
        self, world: World, after: Recurrence, expected: datetime | None
    ):
        sync_with(world, NIGHTLY)
        former = world.schedules.load_schedule("nightly").next_tick_at
        world.clock.set(MIDNIGHT + HOUR)

        report = sync_with(world, after)

        schedule = world.schedules.load_schedule("nightly")
        assert report == SyncReport(changed=["nightly"])
        assert schedule.next_tick_at == (expected or former)

    def test_tick_that_is_due_by_both_timings_is_not_lost(self, world: World):
        """Two deployments write their own again and again: one may do so at the very instant."""
        sync_with(world, "0 * * * *")
        world.clock.set(MIDNIGHT + HOUR)

        sync_with(world, "0,30 * * * *")

        world.keeper.run_due()
        assert world.outcomes("nightly") == [("01:00", "started")]
        schedule = world.schedules.load_schedule("nightly")
        assert schedule.next_tick_at == MIDNIGHT + 1.5 * HOUR

    def test_deployed_after_an_outage_it_is_caught_up_with(self, world: World):
        sync_with(world, "0 * * * *")
        world.clock.set(MIDNIGHT + 5.1 * HOUR)

        sync_with(world, "45 * * * *")

        world.keeper.run_due()
        assert world.outcomes("nightly") == [("01:45", "missed"), ("04:45", "started")]

    def test_tick_of_the_former_timing_alone_is_dropped(self, world: World):
        sync_with(world, "0 * * * *")
        world.clock.set(MIDNIGHT + HOUR)

        sync_with(world, "30 * * * *")

        assert world.keeper.run_due().ticks == []

    def test_stays_disabled_if_people_disabled_it(self, world: World):
        sync_with(world, NIGHTLY)
        world.editor.disable("nightly", "holidays")

        sync_with(world, Recurrence("30 4 * * *"))

        schedule = world.schedules.load_schedule("nightly")
        assert (schedule.is_enabled, schedule.next_tick_at) == (False, None)
        assert (schedule.disabled_reason, schedule.cron) == ("holidays", "30 4 * * *")

    def test_is_an_act_of_the_code(self, world: World):
        sync_with(world, NIGHTLY)
        created = world.schedules.load_schedule("nightly")
        world.editor.enable(world.editor.disable("nightly", by=ANA).name, by=ANA)
        world.clock.advance(minutes=5)

        sync_with(world, HOUR)

        changed = world.schedules.load_schedule("nightly")
        assert (created.actor_name, changed.actor_name) == ("code", "code")
        assert changed.updated_at == world.clock.now()

    def test_other_input_is_written(self, world: World):
        sync_with(world, Recurrence("30 2 * * *", input={"a": 1}))

        report = sync_with(world, Recurrence("30 2 * * *", input={"a": 2}))

        text = world.schedules.load_schedule("nightly").input
        assert report.changed == ["nightly"]
        assert world.engine.payloads.decode(text, "Input") == {"a": 2}


class TestSeveralVersions:
    def test_highest_that_has_a_schedule_counts(self, world: World):
        world.define("nightly", lambda ctx: None, schedule="0 1 * * *")
        world.define("nightly", lambda ctx: None, version=2, schedule="0 2 * * *")
        world.define("nightly", lambda ctx: None, version=3)

        world.keeper.sync()

        assert world.schedules.load_schedule("nightly").cron == "0 2 * * *"

    def test_schedule_stays_while_any_version_has_one(self, world: World):
        sync_with(world, NIGHTLY)
        world.define("nightly", lambda ctx: None, version=2)

        assert world.keeper.sync() == SyncReport()


class TestRemovedSchedule:
    def test_is_disabled_and_says_why(self, world: World):
        sync_with(world, NIGHTLY)

        report = sync_with(world, None)

        schedule = world.schedules.load_schedule("nightly")
        assert report == SyncReport(disabled=["nightly"])
        assert (schedule.is_enabled, schedule.next_tick_at) == (False, None)
        assert schedule.disabled_reason == REMOVED_FROM_CODE
        assert world.keeper.sync() == SyncReport()

    def test_ticks_again_when_the_code_defines_it_again(self, world: World):
        sync_with(world, NIGHTLY)
        sync_with(world, None)

        report = sync_with(world, NIGHTLY)

        schedule = world.schedules.load_schedule("nightly")
        assert report == SyncReport(changed=["nightly"])
        assert (schedule.is_enabled, schedule.disabled_reason) == (True, "")
        assert schedule.next_tick_at == MIDNIGHT + 1.5 * HOUR

    def test_workflow_that_is_not_registered_here_may_be_another_deployments(self, world: World):
        sync_with(world, NIGHTLY)

        assert world.keeper.sync(Registry()) == SyncReport()
        assert world.schedules.load_schedule("nightly").is_enabled

    def test_of_a_workflow_that_nobody_knows_is_disabled_by_its_next_tick(self, world: World):
        """A deployment was taken back, say, or the workflow has another name now."""
        sync_with(world, NIGHTLY)
        world.registry.forget("nightly")

        report = world.run_at(MIDNIGHT + 1.5 * HOUR)

        schedule = world.schedules.load_schedule("nightly")
        assert report.disabled == ["nightly"]
        assert (schedule.is_enabled, schedule.next_tick_at) == (False, None)
        assert schedule.disabled_reason == REMOVED_FROM_CODE
        assert world.outcomes("nightly") == [("01:30", "failed")]

    def test_ticks_again_when_the_workflow_is_known_again(self, world: World):
        sync_with(world, NIGHTLY)
        world.registry.forget("nightly")
        world.run_at(MIDNIGHT + 1.5 * HOUR)

        report = sync_with(world, NIGHTLY)

        schedule = world.schedules.load_schedule("nightly")
        assert report == SyncReport(changed=["nightly"])
        assert (schedule.is_enabled, schedule.consecutive_failures) == (True, 0)
        assert schedule.next_tick_at == MIDNIGHT + 25.5 * HOUR


class TestTwoDeployments:
    def test_each_writes_its_own_and_the_one_that_stays_wins(self, world: World):
        old_registry, new_registry = world.registry, Registry()
        new_engine = build_test_engine(world.store, world.clock, registry=new_registry)
        new = ScheduleKeeper(new_engine, world.schedules)
        world.define("nightly", lambda ctx: None, schedule="0 1 * * *")
        world.registry = new_registry
        world.define("nightly", lambda ctx: None, schedule="0 3 * * *")

        reports = [new.sync(), world.keeper.sync(old_registry), new.sync(), new.sync()]

        assert [bool(one.created or one.changed) for one in reports] == [True, True, True, False]
        assert world.schedules.load_schedule("nightly").cron == "0 3 * * *"


class TestRefusal:
    def test_name_of_a_persons_schedule_is_left_to_them_and_told_once(
        self, world: World, caplog: pytest.LogCaptureFixture
    ):
        theirs = world.create("nightly")

        with caplog.at_level(logging.ERROR):
            reports = [sync_with(world, NIGHTLY), world.keeper.sync()]

        assert [report.refused for report in reports] == [["nightly"]] * 2
        assert world.schedules.load_schedule("nightly") == theirs
        assert [record.message for record in caplog.records] == ["Schedule of the code not written"]

    def test_name_that_became_a_persons_meanwhile_is_left_to_them(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        sync_with(world, NIGHTLY)
        ours = world.schedules.load_schedule("nightly")
        theirs = replace(ours, source=ScheduleSource.USER)
        world.schedules.save_schedule(theirs)
        monkeypatch.setattr(world.schedules, "list_schedules", lambda source: [ours])

        reports = [sync_with(world, HOUR), sync_with(world, None)]

        assert reports == [SyncReport(refused=["nightly"]), SyncReport(refused=["nightly"])]
        assert world.schedules.load_schedule("nightly") == theirs

    def test_stored_input_that_cannot_be_read_is_written_anew(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        def digest(text: str) -> str:
            raise PayloadError("Input", "its key is gone")

        sync_with(world, NIGHTLY)
        monkeypatch.setattr(world.engine.payloads, "digest", digest)

        assert world.keeper.sync() == SyncReport(changed=["nightly"])

    def test_whatever_goes_wrong_with_one_does_not_stop_the_others(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ):
        insert = world.schedules.insert_schedule

        def fail_for_bad(schedule: Schedule) -> bool:
            if schedule.name == "bad":
                raise LookupError
            return insert(schedule)

        world.define("bad", lambda ctx: None, schedule=HOUR)
        monkeypatch.setattr(world.schedules, "insert_schedule", fail_for_bad)

        report = sync_with(world, NIGHTLY)

        assert report == SyncReport(created=["nightly"], refused=["bad"])

    def test_input_that_cannot_be_stored_does_not_stop_the_others(self, world: World):
        world.define("bad", lambda ctx, a=1: None, schedule=Recurrence(HOUR, input={"a": object()}))

        report = sync_with(world, NIGHTLY)

        assert report == SyncReport(created=["nightly"], refused=["bad"])
