from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.domain.schedule import (
    MisfirePolicy,
    OverlapPolicy,
    Schedule,
    TickOutcome,
)
from durable_django.exceptions import ScheduleError
from durable_django.scheduling.decisions import Decision, decide
from durable_django.scheduling.ticks import iterate, ticks_of

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOURLY = Schedule(
    name="hourly",
    workflow_name="shop.order",
    cron="0 * * * *",
    next_tick_at=NOON,
    misfire_grace=6 * HOUR,
)
STARTED, MISSED, SKIPPED = TickOutcome.STARTED, TickOutcome.MISSED, TickOutcome.SKIPPED


def decide_all(
    schedule: Schedule, now: datetime, *, is_open: bool = False, stays_open: bool = True
) -> list[Decision]:
    """Decide until nothing is due, as if what is started went on (or ended at once)."""
    decisions: list[Decision] = []

    def has_open_predecessor() -> bool:
        return is_open or (stays_open and any(one.outcome is STARTED for one in decisions))

    while (decision := decide(schedule, now, has_open_predecessor)) is not None:
        decisions.append(decision)
        schedule = replace(schedule, next_tick_at=decision.next_tick_at)
    return decisions


def outline(decisions: list[Decision]) -> list[tuple[int, TickOutcome]]:
    return [(decision.tick_at.hour, decision.outcome) for decision in decisions]


class TestWhatIsDue:
    def test_nothing_before_the_alarm(self):
        assert decide(HOURLY, NOON - timedelta(microseconds=1), lambda: False) is None

    def test_nothing_while_there_is_no_alarm(self):
        assert decide(replace(HOURLY, next_tick_at=None), NOON, lambda: False) is None

    def test_tick_at_its_instant(self):
        [decision] = decide_all(HOURLY, NOON)

        assert (decision.tick_at, decision.outcome) == (NOON, STARTED)
        assert decision.next_tick_at == NOON + HOUR

    def test_what_cannot_tick_is_said(self):
        with pytest.raises(ScheduleError):
            decide(replace(HOURLY, cron="61 * * * *"), NOON, lambda: False)


class TestMisfire:
    """Nobody was there from noon to a quarter past four; the grace is six hours, or two."""

    NOW = NOON + 4 * HOUR + timedelta(minutes=15)

    @pytest.mark.parametrize(
        ("policy", "grace", "expected"),
        [
            (MisfirePolicy.LATEST, 6, [(12, MISSED), (16, STARTED)]),
            (MisfirePolicy.LATEST, 0, [(12, MISSED)]),
            (
                MisfirePolicy.ALL,
                6,
                [(12, STARTED), (13, STARTED), (14, STARTED), (15, STARTED), (16, STARTED)],
            ),
            (MisfirePolicy.ALL, 2, [(12, MISSED), (15, STARTED), (16, STARTED)]),
            (MisfirePolicy.ALL, 0, [(12, MISSED)]),
            (MisfirePolicy.SKIP, 6, [(12, MISSED)]),
        ],
    )
    def test_policy_and_grace_decide(
        self, policy: MisfirePolicy, grace: int, expected: list[tuple[int, TickOutcome]]
    ):
        schedule = replace(
            HOURLY, misfire=policy, misfire_grace=grace * HOUR, overlap=OverlapPolicy.ALLOW
        )

        decisions = decide_all(schedule, self.NOW)

        assert outline(decisions) == expected
        assert decisions[-1].next_tick_at == NOON + 5 * HOUR

    @pytest.mark.parametrize("policy", MisfirePolicy)
    @pytest.mark.parametrize("late", [0, 59, 60])
    def test_latest_tick_is_in_time_for_a_minute(self, policy: MisfirePolicy, late: int):
        schedule = replace(HOURLY, misfire=policy, misfire_grace=timedelta(0))

        decisions = decide_all(schedule, NOON + timedelta(seconds=late))

        assert outline(decisions) == [(12, STARTED)]

    def test_tick_at_the_end_of_the_grace_is_within_it(self):
        schedule = replace(HOURLY, cron="0 12 * * *", misfire_grace=HOUR)

        at_the_end = decide_all(schedule, NOON + HOUR)
        after_it = decide_all(schedule, NOON + HOUR + timedelta(microseconds=1))

        assert (outline(at_the_end), outline(after_it)) == ([(12, STARTED)], [(12, MISSED)])

    def test_overtaken_ticks_are_missed_although_there_was_time(self):
        every_second = replace(HOURLY, cron="", every=timedelta(seconds=1), anchor_at=NOON)

        decisions = decide_all(every_second, NOON + timedelta(seconds=30))

        assert [decision.outcome for decision in decisions] == [MISSED, STARTED]
        assert decisions[1].tick_at == NOON + timedelta(seconds=30)

    def test_row_says_how_many_were_missed_and_up_to_when(self):
        [missed, _] = decide_all(HOURLY, self.NOW)

        assert missed.detail == "4 ticks, up to 2026-03-10 15:00:00 UTC: nobody was there in time."


class TestOverlap:
    NOW = NOON + 2 * HOUR

    @pytest.mark.parametrize(
        "policy", [OverlapPolicy.QUEUE, OverlapPolicy.CANCEL_RUNNING, OverlapPolicy.ALLOW]
    )
    def test_only_skip_minds_what_is_open(self, policy: OverlapPolicy):
        [decision] = decide_all(replace(HOURLY, overlap=policy), NOON, is_open=True)

        assert decision.outcome is STARTED

    def test_skip_skips_while_an_earlier_one_is_open(self):
        [decision] = decide_all(HOURLY, NOON, is_open=True)

        assert (decision.outcome, decision.next_tick_at) == (SKIPPED, NOON + HOUR)
        assert decision.detail == "1 tick: an earlier execution had not ended."

    def test_skip_starts_the_first_of_all_and_skips_the_rest_in_one(self):
        schedule = replace(HOURLY, misfire=MisfirePolicy.ALL)

        decisions = decide_all(schedule, self.NOW)

        assert outline(decisions) == [(12, STARTED), (13, SKIPPED)]
        assert "2 ticks, up to 2026-03-10 14:00:00 UTC" in decisions[1].detail

    def test_skip_starts_each_of_all_if_each_ends_at_once(self):
        schedule = replace(HOURLY, misfire=MisfirePolicy.ALL)

        decisions = decide_all(schedule, self.NOW, stays_open=False)

        assert outline(decisions) == [(12, STARTED), (13, STARTED), (14, STARTED)]

    def test_nobody_is_asked_unless_it_matters(self):
        def asked() -> bool:
            pytest.fail("asked for open executions")

        decide(replace(HOURLY, overlap=OverlapPolicy.ALLOW), NOON, asked)
        decide(replace(HOURLY, misfire=MisfirePolicy.SKIP), NOON + HOUR / 2, asked)


class TestBoundedWork:
    @pytest.mark.parametrize("policy", [MisfirePolicy.LATEST, MisfirePolicy.SKIP])
    def test_a_year_of_minutes_is_two_decisions_at_once(self, policy: MisfirePolicy):
        schedule = replace(HOURLY, cron="* * * * *", misfire=policy, timezone="Europe/Berlin")
        now = NOON + timedelta(days=365)

        begun = time.perf_counter()
        decisions = decide_all(schedule, now)

        assert [decision.outcome for decision in decisions] == [MISSED, STARTED]
        assert decisions[0].detail.startswith("more than 1000 ticks, up to 2027-03-10 11:59:00")
        assert decisions[1].next_tick_at == now + timedelta(minutes=1)
        # Half a million ticks, walked through one by one, take several seconds.
        assert time.perf_counter() - begun < 1

    def test_a_year_of_minutes_that_are_skipped_is_one_decision(self):
        schedule = replace(
            HOURLY,
            cron="* * * * *",
            misfire=MisfirePolicy.ALL,
            misfire_grace=timedelta(days=3650),
        )

        decisions = decide_all(schedule, NOON + timedelta(days=365), is_open=True)

        assert [decision.outcome for decision in decisions] == [SKIPPED]

    def test_all_begins_at_the_grace_without_walking_there(self):
        schedule = replace(
            HOURLY,
            cron="* * * * *",
            misfire=MisfirePolicy.ALL,
            misfire_grace=timedelta(minutes=3),
            overlap=OverlapPolicy.ALLOW,
        )

        decisions = decide_all(schedule, NOON + timedelta(days=365))

        assert [decision.outcome for decision in decisions] == [MISSED, *[STARTED] * 4]


@given(
    cron=st.sampled_from(["*/7 * * * *", "30 2 * * *", "0 0-4 * * *", "59 23 * * 1"]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
    misfire=st.sampled_from(MisfirePolicy),
    overlap=st.sampled_from(OverlapPolicy),
    grace=st.sampled_from([0, 1, 24, 24 * 365]),
    visits=st.lists(st.integers(1, 3 * 24 * 60), min_size=1, max_size=8),
    open_at=st.sets(st.integers(0, 7)),
)
def test_every_tick_meets_exactly_one_fate(  # noqa: PLR0913 -- one per thing that varies
    *,
    cron: str,
    zone: str,
    misfire: MisfirePolicy,
    overlap: OverlapPolicy,
    grace: int,
    visits: list[int],
    open_at: set[int],
):
    """However rarely somebody comes: no tick is left out, none is dealt with twice."""
    now = datetime(2026, 3, 27, tzinfo=UTC)
    schedule = replace(
        HOURLY,
        cron=cron,
        timezone=zone,
        misfire=misfire,
        overlap=overlap,
        misfire_grace=grace * HOUR,
    )
    ticks = ticks_of(schedule)
    begun = now
    schedule = replace(schedule, next_tick_at=ticks.next_after(now))
    settled: list[datetime] = []
    for number, minutes in enumerate(visits):
        now += timedelta(minutes=minutes)
        is_open = number in open_at
        while (decision := decide(schedule, now, lambda is_open=is_open: is_open)) is not None:
            assert decision.tick_at == schedule.next_tick_at
            assert decision.next_tick_at is not None
            covered = list(iterate(ticks, decision.tick_at, decision.next_tick_at))[:-1]
            if decision.outcome is STARTED:
                assert covered == []
                assert now - decision.tick_at <= max(grace * HOUR, timedelta(minutes=1))
                assert not (is_open and overlap is OverlapPolicy.SKIP)
            settled += [decision.tick_at, *covered]
            schedule = replace(schedule, next_tick_at=decision.next_tick_at)
        assert schedule.next_tick_at is not None
        assert schedule.next_tick_at > now

    assert settled == list(iterate(ticks, begun, now))
