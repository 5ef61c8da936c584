from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from durable_django.domain.recurrence import (
    Recurrence,
    check_instant,
    check_timezone,
    to_recurrence,
)
from durable_django.domain.schedule import OverlapPolicy
from durable_django.exceptions import DefinitionError, ScheduleError

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"when": "61 * * * *"}, "cron"),
        ({"when": timedelta(milliseconds=500)}, "every"),
        ({"when": timedelta(seconds=1.5)}, "every"),
        ({"when": timedelta(0)}, "every"),
        ({"when": -HOUR}, "every"),
        ({"when": timedelta(days=40_000)}, "every"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"anchor_at": datetime(2026, 1, 1)}, "anchor_at"),  # noqa: DTZ001 -- refused for that
        ({"gap": "jump"}, "gap"),
        ({"fold": "never"}, "fold"),
        ({"misfire": None}, "misfire"),
        ({"overlap": "explode"}, "overlap"),
        ({"misfire_grace": timedelta(seconds=-1)}, "misfire_grace"),
        ({"misfire_grace": 60}, "misfire_grace"),
        ({"disable_after": -1}, "disable_after"),
        ({"disable_after": True}, "disable_after"),
        ({"priority": 1001}, "priority"),
        ({"tags": ["a"]}, "tags"),
        ({"tags": ("a",) * 50}, "tags"),
        ({"input": [1]}, "input"),
        ({"input": {"day": 1}, "tick_argument": "day"}, "tick_argument"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_wrong_is_named(options: dict[str, Any], field: str):
    with pytest.raises(ScheduleError) as caught:
        Recurrence(**({"when": "0 9 * * *"} | options))

    assert caught.value.field == field


@pytest.mark.parametrize("options", [{"queue": " slow"}, {"tags": ("",)}])
def test_words_are_checked_like_those_of_any_start(options: dict[str, Any]):
    with pytest.raises(DefinitionError):
        Recurrence("0 9 * * *", **options)


def test_unknown_policy_is_answered_with_those_there_are():
    with pytest.raises(ScheduleError, match="'skip', 'queue', 'cancel_running', 'allow'"):
        Recurrence("0 9 * * *", overlap="explode")


class TestToRecurrence:
    def test_text_is_cron_in_the_zone(self):
        recurrence = to_recurrence("0 9 * * *", "Europe/Berlin")

        assert recurrence == Recurrence("0 9 * * *", timezone="Europe/Berlin")

    def test_timedelta_is_an_interval(self):
        assert to_recurrence(HOUR) == Recurrence(HOUR)

    def test_recurrence_is_itself(self):
        recurrence = Recurrence(HOUR, overlap=OverlapPolicy.QUEUE)

        assert to_recurrence(recurrence) is recurrence

    @pytest.mark.parametrize("when", [HOUR, Recurrence("0 9 * * *")], ids=["interval", "value"])
    def test_zone_is_only_for_a_bare_expression(self, when: object):
        with pytest.raises(ScheduleError) as caught:
            to_recurrence(when, "Europe/Berlin")

        assert caught.value.field == "timezone"

    def test_anything_else_is_refused(self):
        with pytest.raises(ScheduleError, match="a cron expression, a timedelta or a Recurrence"):
            to_recurrence(5)


@pytest.mark.parametrize(
    "name", ["", "Europe", "../etc/passwd", "/etc/passwd", "a\0b", "UTC+1", "x" * 65, None, 5]
)
def test_what_is_no_time_zone_is_refused(name: object):
    with pytest.raises(ScheduleError, match="is not a time zone this machine knows"):
        check_timezone(name)


class TestCheckInstant:
    def test_returns_it_in_utc(self):
        east = timezone(timedelta(hours=2))

        assert check_instant("start", datetime(2026, 3, 1, 2, tzinfo=east)) == datetime(
            2026, 3, 1, tzinfo=UTC
        )

    @pytest.mark.parametrize(
        "value",
        [
            datetime(2026, 1, 1),  # noqa: DTZ001 -- refused for that
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            "2026-01-01",
            None,
        ],
        ids=str,
    )
    def test_refuses_what_no_database_could_hold(self, value: object):
        with pytest.raises(ScheduleError) as caught:
            check_instant("start", value)

        assert caught.value.field == "start"


def test_definitions_of_a_workflow_can_be_told_apart_whatever_its_schedule_is_given():
    # The setup messages are kept by the definitions that are registered.
    one, same = (Recurrence("0 9 * * *", input={"days": [1, 2]}) for _ in range(2))

    assert hash(one) == hash(same)
    assert one != Recurrence("0 9 * * *", input={"days": [3]})
