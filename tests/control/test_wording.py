from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from durable_django.control.wording import say_clock, say_duration, say_instant, say_moment

NOON = datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("duration", "said"),
    [
        (timedelta(0), "0 ms"),
        (timedelta(seconds=-5), "0 ms"),
        (timedelta(microseconds=999), "0 ms"),
        (timedelta(milliseconds=210), "210 ms"),
        (timedelta(seconds=1), "1 s"),
        (timedelta(milliseconds=3_190), "3.1 s"),
        (timedelta(seconds=59, milliseconds=999), "59 s"),
        (timedelta(minutes=3, seconds=12), "3 min 12 s"),
        (timedelta(hours=4, seconds=9), "4 h"),
        (timedelta(days=30), "30 d"),
        (timedelta(days=1, hours=2, minutes=3), "1 d 2 h"),
    ],
    ids=str,
)
def test_a_duration_has_at_most_two_units_and_is_cut(duration, said):
    assert say_duration(duration) == said


def test_an_instant_is_said_in_the_current_time_zone():
    with timezone.override("Asia/Tokyo"):
        said = say_instant(NOON), say_clock(NOON)

    assert said == ("2026-03-02 21:00:05 JST", "2 Mar 21:00:05")


@pytest.mark.parametrize(
    ("instant", "said"),
    [
        (NOON - timedelta(hours=3), "09:00:05"),
        (NOON + timedelta(days=30), "1 Apr 12:00"),
        (NOON + timedelta(days=400), "2027-04-06 12:00"),
    ],
    ids=["today", "this year", "another year"],
)
def test_a_moment_is_as_short_as_it_may_be(instant, said):
    assert say_moment(instant, NOON) == said
