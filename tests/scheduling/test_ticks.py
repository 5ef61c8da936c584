from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.domain.cron import CronExpression
from durable_django.domain.schedule import FoldPolicy, GapPolicy, Schedule
from durable_django.exceptions import ScheduleError
from durable_django.scheduling.ticks import (
    CronTicks,
    IntervalTicks,
    find_last,
    iterate,
    ticks_of,
)

BERLIN = "Europe/Berlin"
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"


def ticks_on(
    day: str,
    cron: str,
    zone: str,
    gap: GapPolicy = GapPolicy.SHIFT,
    fold: FoldPolicy = FoldPolicy.FIRST,
) -> list[str]:
    """Return the ticks of one local day, as the clock shows them, with the offset."""
    place = ZoneInfo(zone)
    start = datetime.fromisoformat(day).replace(tzinfo=place)
    end = (start + timedelta(days=1)).astimezone(UTC)
    ticks = CronTicks(CronExpression(cron), place, gap=gap, fold=fold)
    before = start.astimezone(UTC) - timedelta(microseconds=1)
    found = iterate(ticks, before, end - timedelta(microseconds=1))
    return [f"{tick.astimezone(place):%H:%M%z}" for tick in found]


#: The nights on which the clocks are put forward: day, zone, a time in the gap, the first instant
#: after it.
GAPS = [
    pytest.param("2026-03-29", BERLIN, "30 2", "03:00+0200", id="berlin-2026"),
    pytest.param("2027-03-28", BERLIN, "30 2", "03:00+0200", id="berlin-2027"),
    pytest.param("2026-03-08", NEW_YORK, "30 2", "03:00-0400", id="new-york-2026"),
    pytest.param("2027-03-14", NEW_YORK, "30 2", "03:00-0400", id="new-york-2027"),
    pytest.param("2026-10-04", LORD_HOWE, "15 2", "02:30+1100", id="lord-howe-2026"),
    pytest.param("2027-10-03", LORD_HOWE, "15 2", "02:30+1100", id="lord-howe-2027"),
]

#: The nights on which they are put back: day, zone, a time in the fold, its two instants.
FOLDS = [
    pytest.param("2026-10-25", BERLIN, "30 2", ["02:30+0200", "02:30+0100"], id="berlin-2026"),
    pytest.param("2027-10-31", BERLIN, "30 2", ["02:30+0200", "02:30+0100"], id="berlin-2027"),
    pytest.param("2026-11-01", NEW_YORK, "30 1", ["01:30-0400", "01:30-0500"], id="new-york-2026"),
    pytest.param("2027-11-07", NEW_YORK, "30 1", ["01:30-0400", "01:30-0500"], id="new-york-2027"),
    pytest.param(
        "2026-04-05", LORD_HOWE, "45 1", ["01:45+1100", "01:45+1030"], id="lord-howe-2026"
    ),
    pytest.param(
        "2027-04-04", LORD_HOWE, "45 1", ["01:45+1100", "01:45+1030"], id="lord-howe-2027"
    ),
]


class TestFixedTimeInAGap:
    @pytest.mark.parametrize(("day", "zone", "time", "after"), GAPS)
    def test_is_shifted_to_the_first_instant_after_it(
        self, day: str, zone: str, time: str, after: str
    ):
        assert ticks_on(day, f"{time} * * *", zone) == [after]

    @pytest.mark.parametrize(("day", "zone", "time", "after"), GAPS)
    def test_is_skipped_if_that_is_the_policy(self, day: str, zone: str, time: str, after: str):
        assert ticks_on(day, f"{time} * * *", zone, gap=GapPolicy.SKIP) == []

    @pytest.mark.parametrize(
        ("day", "zone", "cron", "expected"),
        [
            ("2026-03-29", BERLIN, "0,15,45 2 * * *", ["03:00+0200"]),
            ("2027-03-14", NEW_YORK, "5-25 2 * * *", ["03:00-0400"]),
            ("2027-10-03", LORD_HOWE, "0,15,45 2 * * *", ["02:30+1100", "02:45+1100"]),
        ],
        ids=["berlin", "new-york", "lord-howe"],
    )
    def test_several_are_one_tick(self, day: str, zone: str, cron: str, expected: list[str]):
        assert ticks_on(day, cron, zone) == expected

    def test_meets_another_time_there_as_one_tick(self):
        assert ticks_on("2026-03-29", "0 2,3 * * *", BERLIN) == ["03:00+0200"]

    def test_is_only_looked_for_on_days_that_are_meant(self):
        assert ticks_on("2026-03-29", "30 2 * * MON", BERLIN) == []
        assert ticks_on("2026-03-29", "30 2 29 3 *", BERLIN) == ["03:00+0200"]

    def test_may_be_a_whole_day(self):
        # Samoa went over the date line: there was no 30th of December 2011.
        assert ticks_on("2011-12-29", "0 9 * * *", "Pacific/Apia") == ["09:00-1000"]
        assert ticks_on("2011-12-31", "0 9 * * *", "Pacific/Apia") == ["00:00+1400", "09:00+1400"]

    @pytest.mark.parametrize(("day", "zone", "time", "after"), GAPS)
    def test_other_nights_are_as_ever(self, day: str, zone: str, time: str, after: str):
        night_before = datetime.fromisoformat(day) - timedelta(days=1)
        minute, hour = time.split()

        [tick] = ticks_on(f"{night_before:%Y-%m-%d}", f"{time} * * *", zone)

        assert tick.startswith(f"{int(hour):02}:{int(minute):02}")


class TestFixedTimeInAFold:
    @pytest.mark.parametrize(("day", "zone", "time", "both"), FOLDS)
    @pytest.mark.parametrize(
        ("fold", "wanted"),
        [
            (FoldPolicy.FIRST, slice(0, 1)),
            (FoldPolicy.LAST, slice(1, 2)),
            (FoldPolicy.BOTH, slice(0, 2)),
        ],
        ids=str,
    )
    def test_ticks_as_often_as_the_policy_says(
        self, day: str, zone: str, time: str, both: list[str], fold: FoldPolicy, wanted: slice
    ):
        assert ticks_on(day, f"{time} * * *", zone, fold=fold) == both[wanted]

    @pytest.mark.parametrize(
        ("fold", "expected"),
        [
            (FoldPolicy.FIRST, ["01:15+1100", "01:30+1100", "01:45+1100", "02:00+1030"]),
            (FoldPolicy.LAST, ["01:15+1100", "01:30+1030", "01:45+1030", "02:00+1030"]),
            (
                FoldPolicy.BOTH,
                [
                    "01:15+1100",
                    "01:30+1100",
                    "01:45+1100",
                    "01:30+1030",
                    "01:45+1030",
                    "02:00+1030",
                ],
            ),
        ],
        ids=str,
    )
    def test_fold_of_half_an_hour_repeats_half_an_hour(self, fold: FoldPolicy, expected: list[str]):
        ticks = ticks_on("2026-04-05", "0-59/15 1-2 * * *", LORD_HOWE, fold=fold)

        assert ticks[1:-3] == expected

    def test_times_come_in_the_order_in_which_they_happen(self):
        ticks = ticks_on("2026-10-25", "0,30 2 * * *", BERLIN, fold=FoldPolicy.BOTH)

        assert ticks == ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]


class TestWildcards:
    """A minute or an hour that begins with a star follows the time that passes."""

    @pytest.mark.parametrize("gap", GapPolicy)
    @pytest.mark.parametrize("fold", FoldPolicy)
    @pytest.mark.parametrize(
        ("day", "zone", "hours"),
        [
            ("2026-03-29", BERLIN, 23),
            ("2027-03-28", BERLIN, 23),
            ("2026-10-25", BERLIN, 25),
            ("2027-10-31", BERLIN, 25),
            ("2026-03-08", NEW_YORK, 23),
            ("2027-03-14", NEW_YORK, 23),
            ("2026-11-01", NEW_YORK, 25),
            ("2027-11-07", NEW_YORK, 25),
        ],
    )
    def test_every_half_hour_and_every_hour_stay_so_whatever_the_policies(
        self, day: str, zone: str, hours: int, gap: GapPolicy, fold: FoldPolicy
    ):
        half_hourly = ticks_on(day, "*/30 * * * *", zone, gap, fold)
        hourly = ticks_on(day, "0 * * * *", zone, gap, fold)

        assert len(set(half_hourly)) == len(half_hourly) == 2 * hours
        assert len(set(hourly)) == len(hourly) == hours

    @pytest.mark.parametrize(
        ("day", "cron", "expected"),
        [
            ("2026-10-04", "*/30 1-2 * * *", ["01:00", "01:30", "02:30"]),
            ("2027-10-03", "*/30 1-2 * * *", ["01:00", "01:30", "02:30"]),
            ("2026-04-05", "*/30 1-2 * * *", ["01:00", "01:30", "01:30", "02:00", "02:30"]),
            ("2027-04-04", "*/30 1-2 * * *", ["01:00", "01:30", "01:30", "02:00", "02:30"]),
            ("2026-04-05", "*/15 2 * * *", ["02:00", "02:15", "02:30", "02:45"]),
            ("2027-10-03", "*/10 2 * * *", ["02:30", "02:40", "02:50"]),
        ],
    )
    def test_ticks_when_the_clock_of_lord_howe_shows_it(
        self, day: str, cron: str, expected: list[str]
    ):
        assert [tick[:5] for tick in ticks_on(day, cron, LORD_HOWE)] == expected

    @pytest.mark.parametrize(
        ("day", "count"),
        [("2026-10-04", 23), ("2027-10-03", 23), ("2026-04-05", 24), ("2027-04-04", 24)],
    )
    def test_hours_of_lord_howe_are_those_its_clock_strikes(self, day: str, count: int):
        # At 02:00 the clock is put forward to 02:30, or back to 01:30: it strikes two once, or not.
        assert len(ticks_on(day, "0 * * * *", LORD_HOWE)) == count

    @pytest.mark.parametrize("gap", GapPolicy)
    def test_minute_of_an_hour_that_does_not_exist_does_not_tick(self, gap: GapPolicy):
        assert ticks_on("2026-03-29", "*/20 2 * * *", BERLIN, gap=gap) == []

    @pytest.mark.parametrize("fold", FoldPolicy)
    def test_minute_of_an_hour_that_comes_twice_ticks_twice(self, fold: FoldPolicy):
        ticks = ticks_on("2026-10-25", "*/30 2 * * *", BERLIN, fold=fold)

        assert ticks == ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]


class TestIntervals:
    ANCHOR = datetime(2026, 3, 28, 12, tzinfo=UTC)

    def test_are_counted_from_the_anchor_which_is_a_tick(self):
        ticks = IntervalTicks(timedelta(hours=5), self.ANCHOR)

        begin = self.ANCHOR - timedelta(days=1)

        found = list(iterate(ticks, begin, self.ANCHOR + timedelta(hours=10)))

        assert found == [self.ANCHOR + timedelta(hours=hours) for hours in (0, 5, 10)]

    def test_know_nothing_of_clocks_that_are_changed(self):
        ticks = IntervalTicks(timedelta(days=1), self.ANCHOR)

        tick = ticks.next_after(self.ANCHOR)

        assert tick == self.ANCHOR + timedelta(hours=24)

    def test_next_is_after_and_never_at_the_instant(self):
        ticks = IntervalTicks(timedelta(seconds=1), self.ANCHOR)

        assert ticks.next_after(self.ANCHOR + timedelta(seconds=7)) == self.ANCHOR + timedelta(
            seconds=8
        )
        assert ticks.next_after(self.ANCHOR + timedelta(seconds=7.5)) == self.ANCHOR + timedelta(
            seconds=8
        )


class TestEndOfTheCalendar:
    @pytest.mark.parametrize("zone", ["UTC", BERLIN, "Pacific/Kiritimati", "America/Los_Angeles"])
    def test_cron_has_no_tick_after_it(self, zone: str):
        ticks = CronTicks(CronExpression("0 0 1 1 *"), ZoneInfo(zone))

        assert ticks.next_after(datetime(9999, 12, 31, 23, tzinfo=UTC)) is None

    def test_interval_has_no_tick_after_it(self):
        ticks = IntervalTicks(timedelta(days=36_500), datetime(9000, 1, 1, tzinfo=UTC))

        assert ticks.next_after(datetime(9999, 6, 1, tzinfo=UTC)) is None


class TestFindLast:
    FIRST = datetime(2025, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("cron", "until", "expected"),
        [
            ("* * * * *", "2026-03-29T10:00:30", "2026-03-29T10:00:00"),
            ("0 0 1 1 *", "2027-12-31T00:00:00", "2027-01-01T00:00:00"),
            ("0 0 1 1 *", "2025-06-01T00:00:00", "2025-01-01T00:00:00"),
            ("0 0 1 1 *", "2026-01-01T00:00:00", "2026-01-01T00:00:00"),
        ],
        ids=["minutely", "yearly", "none since the first", "at the instant itself"],
    )
    def test_is_the_latest_up_to_the_instant(self, cron: str, until: str, expected: str):
        ticks = CronTicks(CronExpression(cron), ZoneInfo("UTC"))

        last = find_last(ticks, self.FIRST, datetime.fromisoformat(until).replace(tzinfo=UTC))

        assert last == datetime.fromisoformat(expected).replace(tzinfo=UTC)

    def test_does_not_walk_through_the_years(self):
        class Counting:
            asked = 0
            ticks = CronTicks(CronExpression("* * * * *"), ZoneInfo(BERLIN))

            def next_after(self, instant: datetime) -> datetime | None:
                self.asked += 1
                return self.ticks.next_after(instant)

        counting = Counting()
        find_last(counting, self.FIRST, self.FIRST + timedelta(days=3650))

        assert counting.asked < 10


class TestTicksOf:
    BASE = Schedule(name="nightly", workflow_name="shop.order")

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({}, "cron"),
            ({"cron": "* * * * *", "every": timedelta(hours=1)}, "cron"),
            ({"every": timedelta(hours=1)}, "anchor_at"),
            ({"cron": "61 * * * *"}, "cron"),
            ({"cron": "* * * * *", "timezone": "Mars/Olympus"}, "timezone"),
        ],
        ids=["neither", "both", "no anchor", "bad cron", "bad zone"],
    )
    def test_refuses_what_cannot_tick(self, options: dict, field: str):
        with pytest.raises(ScheduleError) as caught:
            ticks_of(Schedule(name="nightly", workflow_name="shop.order", **options))

        assert caught.value.field == field

    def test_minds_zone_and_policies(self):
        schedule = Schedule(
            name="nightly",
            workflow_name="shop.order",
            cron="30 2 * * *",
            timezone=BERLIN,
            gap=GapPolicy.SKIP,
        )

        tick = ticks_of(schedule).next_after(datetime(2026, 3, 28, 12, tzinfo=UTC))

        assert tick == datetime(2026, 3, 30, 0, 30, tzinfo=UTC)


_MINUTES = st.sampled_from(["0", "*/7", "15,45", "59", "*", "30"])
_HOURS = st.sampled_from(["*", "1", "2", "1-3", "*/2", "0,2"])


@given(
    minute=_MINUTES,
    hour=_HOURS,
    zone=st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, "Africa/Casablanca", "Asia/Kathmandu"]),
    day=st.integers(0, 729),
    fold=st.sampled_from(FoldPolicy),
)
def test_walking_minute_by_minute_finds_the_same(
    minute: str, hour: str, zone: str, day: int, fold: FoldPolicy
):
    """Compare with an oracle that asks at every minute of a day what the clock shows."""
    place = ZoneInfo(zone)
    expression = CronExpression(f"{minute} {hour} * * *")
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    ticks = CronTicks(expression, place, gap=GapPolicy.SKIP, fold=fold)

    found = list(iterate(ticks, start - timedelta(seconds=1), start + timedelta(days=1)))

    def is_tick(instant: datetime) -> bool:
        local = instant.astimezone(place)
        if not expression.matches(local.replace(tzinfo=None, fold=0)):
            return False
        other = local.replace(fold=1 - local.fold)
        if expression.is_elapsed or other.utcoffset() == local.utcoffset():
            return True
        return fold is FoldPolicy.BOTH or local.fold == (fold is FoldPolicy.LAST)

    minutes = (start + timedelta(minutes=number) for number in range(24 * 60 + 1))
    assert found == [instant for instant in minutes if is_tick(instant)]
