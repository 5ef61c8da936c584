from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.limit import Limit
from durable_django.domain.schedule import TickKind, TickOutcome
from durable_django.exceptions import (
    ScheduleError,
    ScheduleNotFoundError,
    UnknownWorkflowError,
)
from durable_django.testing import make_tick
from tests.scheduling.conftest import World

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANA = Actor(kind=ActorKind.USER, id="7", name="ana")


def at(hours: float) -> datetime:
    return MIDNIGHT + hours * HOUR


class TestTrigger:
    def test_starts_now_and_tells_who_asked(self, world: World):
        world.create()
        world.clock.advance(minutes=20)

        handle = world.requester.trigger("hourly", reason="month's end", by=ANA)

        [tick] = world.schedules.list_ticks("hourly", 9)
        assert (tick.kind, tick.outcome) == (TickKind.MANUAL, TickOutcome.STARTED)
        assert (tick.execution_id, tick.detail) == (handle.id, "Asked for by ana.")
        [event] = world.store.list_events(handle.id, after=0, limit=9)
        assert (event.actor, event.reason) == (ANA, "month's end")
        assert "schedule:hourly" in handle.execution.tags

    def test_asked_for_by_nobody_it_is_the_schedules_act(self, world: World):
        world.create()

        handle = world.requester.trigger("hourly")

        [event] = world.store.list_events(handle.id, after=0, limit=9)
        assert event.actor.kind is ActorKind.SCHEDULE

    def test_works_while_disabled_and_leaves_alarm_and_failures(self, world: World):
        world.create()
        disabled = world.editor.disable("hourly")

        world.requester.trigger("hourly")

        assert world.schedules.load_schedule("hourly") == disabled

    def test_each_call_is_another_execution_also_at_one_instant(self, world: World):
        world.create(workflow="waiting")

        handles = [world.requester.trigger("hourly") for _ in range(3)]

        assert len({handle.id for handle in handles}) == 3
        assert len(world.schedules.list_ticks("hourly", 9)) == 3

    def test_at_the_instant_of_a_tick_leaves_the_tick_to_the_clock(self, world: World):
        world.create()
        world.clock.set(at(1))

        world.requester.trigger("hourly")
        world.engine.drain()
        world.keeper.run_due()

        assert [tick.kind for tick in world.schedules.list_ticks("hourly", 9)] == [
            TickKind.MANUAL,
            TickKind.CLOCK,
        ]

    def test_is_a_predecessor_like_any_other(self, world: World):
        world.create(workflow="waiting")
        world.requester.trigger("hourly")

        [tick] = world.run_at(at(1)).ticks

        assert tick.outcome is TickOutcome.SKIPPED

    @pytest.mark.parametrize("overlap", ["skip", "allow", "cancel_running"])
    def test_cancels_nothing_and_is_not_skipped(self, world: World, overlap: str):
        world.create(workflow="waiting", overlap=overlap)

        first, second = (world.requester.trigger("hourly") for _ in range(2))
        world.engine.drain()

        assert [one.refresh().status for one in (first, second)] == ["suspended"] * 2

    def test_queues_if_the_schedule_does(self, world: World):
        world.create(workflow="waiting", overlap="queue")

        first, second = (world.requester.trigger("hourly") for _ in range(2))
        world.engine.drain()

        assert [one.refresh().status for one in (first, second)] == ["suspended", "pending"]

    def test_what_cannot_be_started_is_raised_and_leaves_no_tick(self, world: World):
        world.create()
        world.registry.forget("nothing")

        with pytest.raises(UnknownWorkflowError):
            world.requester.trigger("hourly")

        assert world.schedules.list_ticks("hourly", 9) == []

    def test_input_that_fits_no_more_is_the_schedules_fault(self, world: World):
        world.create()
        world.define("nothing", lambda ctx, a: None)

        with pytest.raises(ScheduleError, match="missing a required argument: 'a'") as caught:
            world.requester.trigger("hourly")

        assert caught.value.field == "input"

    def test_options_that_fit_no_more_are_the_schedules_fault_too(self, world: World):
        world.create(overlap="queue")
        world.define("nothing", lambda ctx: None, limit=Limit(1))

        with pytest.raises(ScheduleError, match="under two limits") as caught:
            world.requester.trigger("hourly")

        assert caught.value.field == "workflow"

    def test_what_is_not_there_is_an_error(self, world: World):
        with pytest.raises(ScheduleNotFoundError):
            world.requester.trigger("hourly")


class TestBackfill:
    @pytest.fixture(autouse=True)
    def _noon(self, world: World) -> None:
        world.create()
        world.editor.disable("hourly")
        world.clock.set(at(12))

    def test_starts_the_ticks_from_start_on_and_before_end(self, world: World):
        done = world.requester.backfill("hourly", at(3), at(6), by=ANA, reason="outage")

        assert done.ticks == (at(3), at(4), at(5))
        assert list(done.execution_ids) == [one.id for one in world.executions()]
        ticks = world.schedules.list_ticks("hourly", 9)
        assert {(tick.kind, tick.outcome) for tick in ticks} == {
            (TickKind.BACKFILL, TickOutcome.STARTED)
        }
        event = world.store.list_events(done.execution_ids[0], after=0, limit=9)[0]
        assert (event.actor, event.reason) == (ANA, "outage")

    def test_again_starts_nothing(self, world: World):
        world.requester.backfill("hourly", at(3), at(6))

        again = world.requester.backfill("hourly", at(3), at(6))

        assert (again.ticks, again.execution_ids) == ((), ())
        assert len(world.executions()) == 3

    def test_dry_run_says_what_and_starts_nothing(self, world: World):
        plan = world.requester.backfill("hourly", at(3), at(5), dry_run=True)

        assert (plan.ticks, plan.execution_ids, plan.is_dry_run) == ((at(3), at(4)), (), True)
        assert world.executions() == []
        assert world.schedules.list_ticks("hourly", 9) == []

    def test_makes_up_for_what_was_missed_or_failed_and_nothing_else(self, world: World):
        for hours, outcome in enumerate(TickOutcome, start=1):
            world.schedules.insert_tick(
                make_tick(
                    schedule_name="hourly",
                    tick_at=at(hours),
                    outcome=outcome,
                    created_at=at(hours),
                )
            )

        done = world.requester.backfill("hourly", at(1), at(6))

        outcomes = {outcome: at(hours) for hours, outcome in enumerate(TickOutcome, start=1)}
        made_up = {outcomes[TickOutcome.MISSED], outcomes[TickOutcome.FAILED], at(5)}
        assert set(done.ticks) == made_up
        for tick_at in made_up:
            tick = world.schedules.find_tick("hourly", tick_at)
            assert tick is not None
            assert (tick.kind, tick.outcome) == (TickKind.BACKFILL, TickOutcome.STARTED)

    def test_still_tells_of_what_was_missed_with_the_one_it_makes_up_for(self, world: World):
        why = "5 ticks, up to 2026-01-01 05:00:00 UTC: nobody was there in time."
        missed = make_tick(
            schedule_name="hourly", tick_at=at(1), outcome=TickOutcome.MISSED, detail=why
        )
        world.schedules.insert_tick(missed)

        world.requester.backfill("hourly", at(1), at(2), by=ANA)

        [tick] = world.schedules.list_ticks("hourly", 9)
        assert tick.detail == f"Asked for by ana. Before: {why}"

    @pytest.mark.parametrize("first", [1, 2, 4], ids=["before", "at its second", "within"])
    def test_leaves_out_all_that_one_row_says_were_skipped(self, world: World, first: int):
        skipped = make_tick(
            schedule_name="hourly",
            tick_at=at(1),
            outcome=TickOutcome.SKIPPED,
            created_at=at(5) + timedelta(minutes=20),
        )
        world.schedules.insert_tick(skipped)
        by_hand = make_tick(schedule_name="hourly", kind=TickKind.MANUAL, tick_at=at(1.1))
        world.schedules.insert_tick(by_hand)

        plan = world.requester.backfill("hourly", at(first), at(8), dry_run=True)

        assert plan.ticks == (at(6), at(7))

    def test_leaves_out_what_the_overlap_policy_skipped_after_an_outage(self, world: World):
        world.editor.update("hourly", {"workflow": "waiting", "misfire": "all"})
        world.editor.enable("hourly")
        world.run_at(at(16.5))
        world.editor.disable("hourly")
        world.clock.set(at(20))

        plan = world.requester.backfill("hourly", at(12), at(20), dry_run=True)

        assert world.outcomes() == [("13:00", "started"), ("14:00", "skipped")]
        assert plan.ticks == (at(12), at(17), at(18), at(19))

    def test_minds_no_overlap_but_a_queue(self, world: World):
        world.editor.update("hourly", {"workflow": "waiting", "overlap": "cancel_running"})
        world.requester.backfill("hourly", at(1), at(3))
        world.editor.update("hourly", {"overlap": "queue"})
        world.requester.backfill("hourly", at(3), at(5))
        world.engine.drain()

        statuses = [execution.status for execution in world.executions()]
        assert statuses == ["suspended", "suspended", "suspended", "pending"]

    def test_gives_each_its_own_instant(self, world: World):
        world.define("daily", lambda ctx, day: day)
        world.editor.update("hourly", {"workflow": "daily", "tick_argument": "day"})

        world.requester.backfill("hourly", at(3), at(5))
        world.engine.drain()

        results = [world.engine.result_of(one) for one in world.executions()]
        assert results == [at(3), at(4)]

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (at(6), at(6)),
            (at(6), at(3)),
            (at(6), at(13)),
            (datetime(2026, 1, 1), at(3)),  # noqa: DTZ001 -- refused for that
            (datetime.min.replace(tzinfo=UTC), at(3)),
        ],
        ids=["empty", "backwards", "into the future", "naive", "before all databases"],
    )
    def test_range_must_be_one_and_past(self, world: World, start: datetime, end: datetime):
        with pytest.raises(ScheduleError):
            world.requester.backfill("hourly", start, end)

    def test_more_than_the_limit_is_refused_before_anything_is_started(self, world: World):
        world.editor.update("hourly", {"every": timedelta(seconds=1), "anchor_at": MIDNIGHT})

        with pytest.raises(ScheduleError, match="More than 10000 ticks"):
            world.requester.backfill("hourly", at(0), at(12))

        assert world.executions() == []

    def test_what_cannot_be_started_is_raised(self, world: World):
        world.registry.forget("nothing")

        with pytest.raises(UnknownWorkflowError):
            world.requester.backfill("hourly", at(3), at(5))

        assert world.schedules.list_ticks("hourly", 9) == []

    def test_what_is_broken_off_is_finished_by_the_same_call(self, world: World):
        """A hundred are one transaction; those before the one that broke stay."""
        world.clock.set(at(300))
        start, started = world.engine.start_by_name, []

        def start_some(*args: object, **kwargs: object) -> object:
            if len(started) == 150:
                raise ConnectionError
            started.append(1)
            return start(*args, **kwargs)  # type: ignore[arg-type]

        world.engine.start_by_name = start_some  # type: ignore[method-assign, assignment]
        with pytest.raises(ConnectionError):
            world.requester.backfill("hourly", at(1), at(251))
        world.engine.start_by_name = start  # type: ignore[method-assign]
        left = len(world.schedules.list_ticks("hourly", 999))

        done = world.requester.backfill("hourly", at(1), at(251))

        # The store in memory cannot take back what the broken hundred wrote.
        assert left in (100, 150)
        assert len(done.ticks) == 250 - left
        assert len({tick.execution_id for tick in world.schedules.list_ticks("hourly", 999)}) == 250
        assert len(world.executions()) == 250

    def test_what_is_not_there_is_an_error(self, world: World):
        with pytest.raises(ScheduleNotFoundError):
            world.requester.backfill("other", at(3), at(5))
