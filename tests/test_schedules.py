"""The Python door to schedules, on the project's own database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from durable_django import Recurrence, client, runtime, schedules, workflow
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.schedule import ScheduleSource
from durable_django.engine.registry import default_registry
from durable_django.exceptions import ScheduleError, ScheduleNotFoundError
from durable_django.models import Schedule
from durable_django.testing import DurableDriver

pytestmark = pytest.mark.django_db

PREFIX = "door."
HOUR = timedelta(hours=1)
#: When the driver's clock begins.
MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
ANA = Actor(kind=ActorKind.USER, id="7", name="ana")


@pytest.fixture(autouse=True)
def workflows() -> Iterator[None]:
    @workflow(name=f"{PREFIX}report")
    def report(ctx: Any, day: Any = None) -> Any:
        return day

    @workflow(name=f"{PREFIX}nightly", schedule=Recurrence("30 2 * * *", overlap="allow"))
    def nightly(ctx: Any) -> str:
        ctx.sleep("a_while", HOUR)
        return "done"

    yield
    for definition in default_registry.list_definitions():
        if definition.name.startswith(PREFIX):
            default_registry.forget(definition.name)


def test_a_schedule_is_created_looked_at_changed_and_deleted(durable: DurableDriver):
    created = schedules.create("daily", "door.report", cron="0 9 * * *", by=ANA)

    assert schedules.get("daily") == created
    assert schedules.list_schedules() == [created]
    assert schedules.list_schedules(ScheduleSource.CODE) == []
    assert schedules.update("daily", description="new").description == "new"
    assert schedules.upsert("daily", "door.report", every=HOUR).every == HOUR
    assert not schedules.disable("daily", reason="holidays").is_enabled
    assert schedules.enable("daily").is_enabled
    schedules.delete("daily")
    with pytest.raises(ScheduleNotFoundError):
        schedules.get("daily")


def test_schedules_tick_while_a_test_lets_time_pass(durable: DurableDriver):
    schedules.create(
        "daily", "door.report", cron="0 9 * * *", tick_argument="day", timezone="Europe/Berlin"
    )

    durable.advance(days=3)

    ticks = schedules.list_ticks("daily")
    results = [client.get(tick.execution_id).result(timeout=0) for tick in ticks]
    assert results == [MIDNIGHT + timedelta(days=days, hours=8) for days in (2, 1, 0)]


def test_schedules_of_the_code_tick_in_a_test_that_asks_for_them(durable: DurableDriver):
    durable.advance(days=1)
    assert client.list_executions() == []
    durable.schedules.sync()

    durable.advance(hours=3, minutes=29)
    [sleeping] = client.list_executions()
    durable.advance(minutes=2)

    assert sleeping.status == "suspended"
    assert client.get(sleeping.id).result(timeout=0) == "done"


def test_acts_vanish_with_the_callers_transaction(durable: DurableDriver):
    schedules.create("daily", "door.report", cron="0 9 * * *")

    with transaction.atomic():
        schedules.disable("daily")
        schedules.trigger("daily")
        transaction.set_rollback(True)

    assert schedules.get("daily").is_enabled
    assert schedules.list_ticks("daily") == []
    assert client.list_executions() == []


def test_a_refused_act_does_not_spoil_the_callers_transaction(durable: DurableDriver):
    with transaction.atomic():
        schedules.create("daily", "door.report", cron="0 9 * * *")
        for act in (
            lambda: schedules.create("daily", "door.report", cron="0 9 * * *"),
            lambda: schedules.update("daily", cron="61 * * * *"),
            lambda: schedules.backfill("unknown", MIDNIGHT, MIDNIGHT),
        ):
            with pytest.raises(Exception, match=r".+"):
                act()
        schedules.update("daily", description="kept")

    assert schedules.get("daily").description == "kept"


def test_trigger_and_backfill_start_executions(durable: DurableDriver):
    schedules.create("hourly", "door.report", every=HOUR, tick_argument="day", overlap="allow")
    schedules.disable("hourly")
    durable.advance(hours=3)

    handle = schedules.trigger("hourly", reason="now", by=ANA)
    plan = schedules.backfill("hourly", MIDNIGHT, MIDNIGHT + 3 * HOUR, dry_run=True)
    done = schedules.backfill("hourly", MIDNIGHT, MIDNIGHT + 3 * HOUR, by=ANA)
    durable.drain()

    assert handle.result(timeout=0) > MIDNIGHT + 3 * HOUR
    assert plan.ticks == done.ticks == tuple(MIDNIGHT + hours * HOUR for hours in (0, 1, 2))
    assert [client.get(one).result(timeout=0) for one in done.execution_ids] == list(done.ticks)


class TestPreview:
    def test_is_of_a_schedule_or_of_a_timing_that_is_none_yet(self, durable: DurableDriver):
        schedules.create("daily", "door.report", cron="0 9 * * *", timezone="Europe/Berlin")
        expected = [MIDNIGHT + timedelta(days=days, hours=8) for days in range(2)]

        by_name = schedules.preview("daily", count=2)
        by_timing = schedules.preview(cron="0 9 * * *", timezone="Europe/Berlin", count=2)

        assert by_name == by_timing == expected

    def test_of_a_schedule_with_other_options_is_what_it_would_be(self, durable: DurableDriver):
        schedules.create("daily", "door.report", cron="0 9 * * *")

        [tick] = schedules.preview("daily", cron="0 10 * * *", count=1)

        assert tick == MIDNIGHT + timedelta(hours=10)
        assert schedules.get("daily").cron == "0 9 * * *"

    def test_begins_after_the_instant_it_is_given(self, durable: DurableDriver):
        [tick] = schedules.preview(every=HOUR, after=MIDNIGHT + 9 * HOUR, count=1)

        assert tick == MIDNIGHT + 10 * HOUR

    def test_of_nothing_is_refused(self, durable: DurableDriver):
        with pytest.raises(ScheduleError, match="neither"):
            schedules.preview()

    def test_is_of_five_unless_told_otherwise(self, durable: DurableDriver):
        assert len(schedules.preview(cron="* * * * *")) == 5


def test_a_timing_is_explained_in_words(durable: DurableDriver):
    schedules.create("daily", "door.report", cron="0 9 * * *", timezone="Europe/Berlin")

    assert schedules.explain("daily") == "At 09:00 every day (Europe/Berlin)"
    assert schedules.explain(every=timedelta(minutes=5)) == "Every 5 minutes"


def test_recovering_makes_up_for_a_ticker_that_does_not_come(durable: DurableDriver):
    schedules.create("hourly", "door.report", every=HOUR)
    durable.clock.advance(hours=1)

    report = client.recover()

    assert len(report.resumed) == 1
    # It also writes the schedules of the code: there may be no worker at all.
    assert schedules.get("door.nightly").source is ScheduleSource.CODE


def test_recovering_leaves_schedules_alone_if_they_are_turned_off(
    durable: DurableDriver, settings: Any
):
    settings.DURABLE = {"RUN_SCHEDULES": False}
    runtime.use_engine(durable.engine)
    schedules.create("hourly", "door.report", every=HOUR)
    durable.clock.advance(hours=1)

    assert client.recover().resumed == []


def test_there_is_an_async_twin_of_each(durable: DurableDriver):
    twins = {name for name in vars(schedules) if name.startswith("a") and name[1:] in ACTS}

    assert {name[1:] for name in twins} == ACTS


def test_row_that_cannot_be_read_does_not_stop_the_others(
    durable: DurableDriver, caplog: pytest.LogCaptureFixture
):
    """Of a later version, say, or changed past the doors."""
    for name in ("a", "b", "c"):
        schedules.create(name, "door.report", every=HOUR)
    Schedule.objects.filter(name="b").update(overlap="of_later")
    durable.clock.advance(hours=1)

    with caplog.at_level(logging.ERROR):
        report = durable.schedules.run_due()

    assert [tick.schedule_name for tick in report.ticks] == ["a", "c"]
    assert report.undone == ["b"]
    assert "overlap is one of 'skip', 'queue', 'cancel_running', 'allow', not 'of_later'" in (
        caplog.text
    )


ACTS = {
    "create",
    "upsert",
    "update",
    "enable",
    "disable",
    "delete",
    "trigger",
    "backfill",
    "get",
    "list_schedules",
    "list_ticks",
    "preview",
    "explain",
}


def test_async_code_previews(durable: DurableDriver):
    ticks = asyncio.run(schedules.apreview(cron="0 9 * * *", count=1, after=MIDNIGHT))

    assert ticks == [MIDNIGHT + 9 * HOUR]
