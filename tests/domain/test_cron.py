from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.domain.cron import CronExpression
from durable_django.exceptions import DefinitionError, ScheduleError

NOON = datetime(2026, 3, 1, 12)  # noqa: DTZ001 -- a local time


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("61 * * * *", "'61' is no minute"),
        ("* 24 * * *", "'24' is no hour"),
        ("0 9 32 * *", "'32' is no day of the month"),
        ("0 9 * 13 *", "'13' is no month"),
        ("0 9 * * FUNDAY", "'FUNDAY' is no day of the week"),
        ("0 9 * * 5-1", "'5-1' is no day of the week"),
        ("*/0 * * * *", "'*/0' is no minute"),
        ("* * * *", "it has 4 fields"),
        ("0 0 9 * * *", "it has 6 fields"),
        ("@daily", "it has 1 field,"),
        ("", "it has 0 fields"),
        ("0 9 30 2 *", "no month has that day"),
        ("0 9 * * MON" + ",MON" * 60, "200 are the most"),
        ("\0 * * * *", "is no minute"),
    ],
)
def test_what_is_wrong_is_named(text: str, problem: str):
    with pytest.raises(ScheduleError, match="is not a legal cron expression") as caught:
        CronExpression(text)

    assert problem in str(caught.value)
    assert caught.value.field == "cron"
    assert isinstance(caught.value, DefinitionError)


def test_what_is_no_text_is_refused():
    with pytest.raises(ScheduleError, match="is text, not int"):
        CronExpression(5)


def test_spaces_are_evened_out_and_the_case_does_not_matter():
    assert CronExpression("  0  9 * *  mon-fri ").text == "0 9 * * mon-fri"
    assert CronExpression("0 9 * * mon-fri").explain() == "At 09:00 on Monday through Friday"


@pytest.mark.parametrize(
    ("text", "is_elapsed"),
    [
        ("* * * * *", True),
        ("*/30 * * * *", True),
        ("0 * * * *", True),
        ("*/5 2 * * *", True),
        ("0 */2 * * *", True),
        ("30 2 * * *", False),
        ("0,30 1-3 * * *", False),
        ("0-59/30 2 * * *", False),
    ],
)
def test_a_star_in_minute_or_hour_follows_the_time_that_passes(text: str, *, is_elapsed: bool):
    assert CronExpression(text).is_elapsed is is_elapsed


def test_next_is_after_and_never_at():
    hourly = CronExpression("0 * * * *")

    assert hourly.next_after(NOON) == NOON.replace(hour=13)
    assert hourly.next_after(NOON.replace(microsecond=1)) == NOON.replace(hour=13)
    assert hourly.matches(NOON)
    assert not hourly.matches(NOON.replace(minute=1))


def test_asking_changes_nothing():
    daily = CronExpression("0 9 * * *")

    assert daily.next_after(NOON) == daily.next_after(NOON)


@given(st.text(alphabet="0123456789*/,-#LWMONFRI ", max_size=30))
def test_any_text_is_an_expression_or_a_schedule_error(text: str):
    try:
        expression = CronExpression(text)
    except ScheduleError:
        return

    assert expression.next_after(NOON) > NOON
    assert expression.explain()
