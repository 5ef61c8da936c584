from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import pytest

from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.limit import Limit
from durable_django.domain.recurrence import Recurrence
from durable_django.domain.schedule import OverlapPolicy, ScheduleSource
from durable_django.exceptions import (
    DefinitionError,
    ScheduleDefinedInCodeError,
    ScheduleError,
    ScheduleExistsError,
    ScheduleNotFoundError,
    UnknownWorkflowError,
)
from durable_django.scheduling.code_schedules import REMOVED_FROM_CODE
from tests.scheduling.conftest import World

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANA = Actor(kind=ActorKind.USER, id="7", name="ana")


class TestCreate:
    def test_is_enabled_and_ticks_next_after_now(self, world: World):
        world.clock.advance(minutes=30)

        schedule = world.editor.create("hourly", {"workflow": "nothing", "cron": "0 * * * *"}, ANA)

        assert world.schedules.load_schedule("hourly") == schedule
        assert schedule.is_enabled
        assert schedule.next_tick_at == MIDNIGHT + HOUR
        assert schedule.created_at == schedule.updated_at == world.clock.now()
        assert (schedule.source, schedule.actor_name) == (ScheduleSource.USER, "ana")

    def test_interval_is_counted_from_now_unless_there_is_an_anchor(self, world: World):
        world.clock.advance(minutes=30, microseconds=5)

        bare = world.create("bare", every=HOUR)
        anchored = world.create("anchored", every=HOUR, anchor_at=MIDNIGHT)

        assert bare.next_tick_at == MIDNIGHT + 1.5 * HOUR
        assert anchored.next_tick_at == MIDNIGHT + HOUR

    def test_first_tick_may_be_an_anchor_in_the_future(self, world: World):
        schedule = world.create(every=HOUR, anchor_at=MIDNIGHT + 9 * HOUR)

        assert schedule.next_tick_at == MIDNIGHT + 9 * HOUR

    def test_taken_name_is_refused_and_the_first_one_stays(self, world: World):
        first = world.create()

        with pytest.raises(ScheduleExistsError, match="'hourly' already"):
            world.create(cron="5 * * * *")

        assert world.schedules.load_schedule("hourly") == first

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"cron": "61 * * * *"}, "cron"),
            ({"cron": ""}, "cron"),
            ({"cron": None}, "cron"),
            ({"cron": "0 * * * *", "every": HOUR}, "every"),
            ({"every": timedelta(milliseconds=999)}, "every"),
            ({"every": 60}, "every"),
            ({"timezone": "Mars/Olympus"}, "timezone"),
            ({"timezone": None}, "timezone"),
            ({"anchor_at": datetime(2026, 1, 1)}, "anchor_at"),  # noqa: DTZ001 -- refused for that
            ({"overlap": "explode"}, "overlap"),
            ({"gap": None}, "gap"),
            ({"misfire_grace": timedelta(days=9999)}, "misfire_grace"),
            ({"disable_after": "5"}, "disable_after"),
            ({"priority": -1}, "priority"),
            ({"priority": "1"}, "priority"),
            ({"queue": " "}, "queue"),
            ({"queue": 5}, "queue"),
            ({"tags": "word"}, "tags"),
            ({"tags": [5]}, "tags"),
            ({"tags": [[]]}, "tags"),
            ({"tags": ["\n"]}, "tags"),
            ({"tags": [f"t{number}" for number in range(50)]}, "tags"),
            ({"description": "a\0b"}, "description"),
            ({"description": "\ud800"}, "description"),
            ({"description": "x" * 10_001}, "description"),
            ({"description": None}, "description"),
            ({"input": {"colour": "red"}}, "input"),
            ({"input": ["a"]}, "input"),
            pytest.param({"input": {"a": object()}}, "input", id="an input that is no JSON"),
            ({"tick_argument": "not a name"}, "tick_argument"),
            ({"tick_argument": 5}, "tick_argument"),
            ({"tick_argument": "b"}, "input"),
            ({"tick_argument": "a", "input": {"a": 1}}, "tick_argument"),
            ({"version": "1"}, "version"),
            ({"version": True}, "version"),
            ({"workflow": 5}, "workflow"),
            ({"colour": "red"}, "colour"),
        ],
        ids=lambda value: repr(value)[:50],
    )
    def test_what_is_wrong_is_named(self, world: World, options: dict[str, Any], field: str):
        world.define("nothing", lambda ctx, a=1: None)

        with pytest.raises(ScheduleError) as caught:
            world.create(**options)

        assert caught.value.field == field
        assert world.schedules.list_schedules() == []

    @pytest.mark.parametrize("name", ["", "a/b", " a", "a\n", "x" * 201, 5])
    def test_name_is_one_like_any(self, world: World, name: Any):
        with pytest.raises(DefinitionError):
            world.create(name)

    @pytest.mark.parametrize("options", [{"workflow": "unknown"}, {"version": 9}])
    def test_workflow_must_be_known(self, world: World, options: dict[str, Any]):
        with pytest.raises(UnknownWorkflowError):
            world.create(**options)

    def test_longest_name_there_is_can_tick(self, world: World):
        world.create("x" * 200)

        [tick] = world.run_at(MIDNIGHT + HOUR).ticks

        assert tick.outcome == "started"

    def test_limit_of_the_workflow_and_a_queue_do_not_go_together(self, world: World):
        world.define("limited", lambda ctx: None, limit=Limit(3))

        with pytest.raises(ScheduleError, match="overlap='allow'") as caught:
            world.create(workflow="limited", overlap="queue")

        assert caught.value.field == "overlap"
        world.create(workflow="limited")
        with pytest.raises(ScheduleError):
            world.editor.update("hourly", {"overlap": "queue"})


class TestUpdate:
    def test_changes_what_is_given_and_nothing_else(self, world: World):
        before = world.create(description="old", tags=["a"])
        world.clock.advance(minutes=5)

        after = world.editor.update("hourly", {"description": "new", "overlap": "allow"}, ANA)

        assert world.schedules.load_schedule("hourly") == after
        assert (after.description, after.overlap) == ("new", OverlapPolicy.ALLOW)
        assert (after.tags, after.next_tick_at) == (before.tags, before.next_tick_at)
        assert (after.created_at, after.actor_name) == (before.created_at, "ana")
        assert after.updated_at == world.clock.now()

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"cron": "30 9 * * *"}, "2026-01-01T08:30:00"),
            ({"timezone": "America/New_York"}, "2026-01-01T14:00:00"),
            ({"every": HOUR}, "2026-01-01T02:00:00"),
            ({"every": HOUR, "anchor_at": MIDNIGHT + HOUR / 2}, "2026-01-01T01:30:00"),
            ({"description": "the same"}, "2026-01-01T08:00:00"),
        ],
        ids=["cron", "timezone alone", "interval", "anchor", "no timing"],
    )
    def test_other_timing_ticks_next_after_now(
        self, world: World, changes: dict[str, Any], expected: str
    ):
        world.create(cron="0 9 * * *", timezone="Europe/Berlin")
        world.clock.set(MIDNIGHT + HOUR)

        schedule = world.editor.update("hourly", changes)

        assert schedule.next_tick_at == datetime.fromisoformat(expected).replace(tzinfo=UTC)

    @pytest.mark.parametrize("policy", ["gap", "fold"])
    def test_policy_for_changed_clocks_is_timing(self, world: World, policy: str):
        world.create(cron="30 2 29 3 *", timezone="Europe/Berlin")
        world.clock.set(datetime(2026, 3, 1, tzinfo=UTC))

        schedule = world.editor.update("hourly", {policy: {"gap": "skip", "fold": "last"}[policy]})

        year = {"gap": 2027, "fold": 2026}[policy]
        assert schedule.next_tick_at is not None
        assert schedule.next_tick_at.year == year

    def test_cron_and_interval_take_each_others_place(self, world: World):
        world.create()

        interval = world.editor.update("hourly", {"every": HOUR})
        cron = world.editor.update("hourly", {"cron": "5 * * * *"})

        assert (interval.cron, interval.every) == ("", HOUR)
        assert (cron.cron, cron.every, cron.anchor_at) == ("5 * * * *", None, None)

    def test_another_interval_is_counted_from_the_anchor_that_is_there(self, world: World):
        world.create(every=HOUR)
        world.clock.advance(minutes=30)

        schedule = world.editor.update("hourly", {"every": 2 * HOUR})

        assert (schedule.anchor_at, schedule.next_tick_at) == (MIDNIGHT, MIDNIGHT + 2 * HOUR)

    def test_what_is_disabled_stays_so(self, world: World):
        world.create()
        world.editor.disable("hourly", "holidays")

        schedule = world.editor.update("hourly", {"cron": "5 * * * *"})

        assert (schedule.is_enabled, schedule.next_tick_at) == (False, None)
        assert schedule.disabled_reason == "holidays"

    def test_same_again_writes_nothing(self, world: World):
        before = world.create(cron="0 * * * *", tags=["a"])
        world.clock.advance(minutes=5)

        assert world.editor.update("hourly", {"cron": "0 * * * *", "tags": ["a"]}, ANA) == before

    def test_input_is_held_against_another_workflow(self, world: World):
        world.define("needs_a", lambda ctx, a: None)
        world.create()

        with pytest.raises(ScheduleError) as caught:
            world.editor.update("hourly", {"workflow": "needs_a"})

        assert caught.value.field == "input"
        world.editor.update("hourly", {"workflow": "needs_a", "input": {"a": 1}})

    def test_unknown_workflow_does_not_stand_in_the_way_of_other_changes(self, world: World):
        world.create()
        world.registry.forget("nothing")

        assert world.editor.update("hourly", {"cron": "5 * * * *"}).cron == "5 * * * *"

    def test_what_is_not_there_is_an_error(self, world: World):
        with pytest.raises(ScheduleNotFoundError, match="no schedule 'hourly'"):
            world.editor.update("hourly", {"cron": "5 * * * *"})


class TestUpsert:
    OPTIONS: ClassVar[dict[str, Any]] = {"workflow": "nothing", "cron": "0 * * * *", "tags": ["a"]}

    def test_creates_what_is_not_there(self, world: World):
        schedule = world.editor.upsert("hourly", self.OPTIONS)

        assert world.schedules.load_schedule("hourly") == schedule
        assert schedule.next_tick_at == MIDNIGHT + HOUR

    def test_gives_what_is_there_these_options_and_no_others(self, world: World):
        before = world.create(description="old", overlap="allow", priority=5)

        after = world.editor.upsert("hourly", self.OPTIONS)

        assert (after.description, after.overlap, after.priority) == ("", OverlapPolicy.SKIP, 0)
        assert (after.tags, after.created_at) == (("a",), before.created_at)

    @pytest.mark.parametrize("is_enabled", [True, False])
    def test_keeps_it_enabled_or_disabled(self, world: World, *, is_enabled: bool):
        world.create()
        if not is_enabled:
            world.editor.disable("hourly", "holidays")

        schedule = world.editor.upsert("hourly", self.OPTIONS | {"cron": "5 * * * *"})

        assert schedule.is_enabled is is_enabled
        assert (schedule.next_tick_at is None) is not is_enabled
        assert schedule.disabled_reason == ("" if is_enabled else "holidays")

    def test_same_timing_keeps_a_tick_that_is_due(self, world: World):
        world.create()
        world.clock.set(MIDNIGHT + HOUR)

        schedule = world.editor.upsert("hourly", self.OPTIONS)

        assert schedule.next_tick_at == MIDNIGHT + HOUR

    def test_interval_keeps_its_anchor(self, world: World):
        world.editor.upsert("often", {"workflow": "nothing", "every": HOUR})
        world.clock.advance(minutes=20)

        schedule = world.editor.upsert("often", {"workflow": "nothing", "every": HOUR})

        assert schedule.next_tick_at == MIDNIGHT + HOUR

    def test_keeps_the_count_of_failures(self, world: World):
        world.create()
        world.registry.forget("nothing")
        world.run_at(MIDNIGHT + HOUR)
        world.define("nothing", lambda ctx: None)

        assert world.editor.upsert("hourly", self.OPTIONS).consecutive_failures == 1


class TestEnableAndDisable:
    def test_disabled_one_says_who_or_why(self, world: World):
        world.create()

        told = world.editor.disable("hourly", "holidays", ANA)
        untold = world.editor.disable("hourly", by=ANA)

        assert (told.disabled_reason, untold.disabled_reason) == ("holidays", "Disabled by ana.")
        assert (told.is_enabled, told.next_tick_at, told.actor_name) == (False, None, "ana")

    def test_enabled_again_it_ticks_next_after_now_and_failures_are_forgotten(self, world: World):
        world.create(disable_after=1)
        world.registry.forget("nothing")
        world.run_at(MIDNIGHT + HOUR)
        world.clock.set(MIDNIGHT + 5.5 * HOUR)

        schedule = world.editor.enable("hourly", ANA)

        assert (schedule.is_enabled, schedule.disabled_reason) == (True, "")
        assert schedule.consecutive_failures == 0
        assert schedule.next_tick_at == MIDNIGHT + 6 * HOUR

    def test_enabling_what_is_enabled_changes_nothing(self, world: World):
        before = world.create()
        world.clock.set(MIDNIGHT + 2 * HOUR)

        assert world.editor.enable("hourly", ANA) == before

    def test_reason_must_be_storable(self, world: World):
        world.create()

        with pytest.raises(ScheduleError) as caught:
            world.editor.disable("hourly", "a\0b")

        assert caught.value.field == "reason"

    @pytest.mark.parametrize("act", ["enable", "disable", "delete"])
    def test_what_is_not_there_is_an_error(self, world: World, act: str):
        with pytest.raises(ScheduleNotFoundError):
            getattr(world.editor, act)("hourly")


class TestDelete:
    def test_leaves_what_it_has_started(self, world: World):
        world.create()
        world.run_at(MIDNIGHT + HOUR)

        world.editor.delete("hourly")

        assert world.schedules.list_schedules() == []
        assert world.schedules.list_ticks("hourly", 9) == []
        assert len(world.executions()) == 1


class TestScheduleOfTheCode:
    @pytest.fixture(autouse=True)
    def _in_code(self, world: World) -> None:
        world.define("nightly", lambda ctx: None, schedule=Recurrence("30 2 * * *"))
        world.keeper.sync()

    @pytest.mark.parametrize(
        "act",
        [
            lambda editor: editor.update("nightly", {"cron": "5 * * * *"}),
            lambda editor: editor.upsert("nightly", {"workflow": "nothing", "cron": "5 * * * *"}),
            lambda editor: editor.create("nightly", {"workflow": "nothing", "cron": "5 * * * *"}),
            lambda editor: editor.delete("nightly"),
        ],
        ids=["update", "upsert", "create", "delete"],
    )
    def test_is_changed_in_the_code_alone(self, world: World, act: Any):
        before = world.schedules.load_schedule("nightly")

        with pytest.raises(ScheduleDefinedInCodeError, match="'nightly' is defined in the code"):
            act(world.editor)

        assert world.schedules.load_schedule("nightly") == before

    def test_its_name_is_taken_before_it_is_first_written(self, world: World):
        world.define("weekly", lambda ctx: None, schedule=Recurrence("0 0 * * MON"))

        with pytest.raises(ScheduleDefinedInCodeError):
            world.create("weekly")

    def test_people_disable_and_enable_it(self, world: World):
        assert not world.editor.disable("nightly").is_enabled
        assert world.editor.enable("nightly").is_enabled

    def test_can_be_deleted_once_the_code_defines_it_no_longer(self, world: World):
        world.define("nightly", lambda ctx: None)
        world.keeper.sync()
        assert world.schedules.load_schedule("nightly").disabled_reason == REMOVED_FROM_CODE

        world.editor.delete("nightly")

        assert world.schedules.list_schedules() == []

    @pytest.mark.parametrize(
        "act",
        [
            lambda world: world.define("nightly", lambda ctx: None),
            lambda world: world.registry.forget("nightly"),
        ],
        ids=["its schedule", "the workflow"],
    )
    def test_what_else_it_was_disabled_for_does_not_keep_it(self, world: World, act: Any):
        world.editor.disable("nightly", "holidays")
        act(world)
        world.keeper.sync()

        world.editor.delete("nightly")

        assert world.schedules.list_schedules() == []

    def test_one_that_was_removed_and_is_back_stays(self, world: World):
        world.define("nightly", lambda ctx: None)
        world.keeper.sync()
        world.define("nightly", lambda ctx: None, schedule=Recurrence("30 2 * * *"))

        with pytest.raises(ScheduleDefinedInCodeError):
            world.editor.delete("nightly")
