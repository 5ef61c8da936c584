from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from durable_django.domain.schedule import Schedule
from durable_django.exceptions import ScheduleError
from durable_django.scheduling.wording import explain, preview
from durable_django.testing import make_schedule

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOURLY = make_schedule()


def every(**units: int) -> Schedule:
    return replace(HOURLY, cron="", every=timedelta(**units), anchor_at=NOON)


class TestPreview:
    def test_is_the_next_ticks_in_order(self):
        found = preview(HOURLY, NOON, 3)

        assert found == [NOON + timedelta(hours=hours) for hours in (1, 2, 3)]

    def test_does_not_mind_that_it_is_disabled(self):
        assert len(preview(replace(HOURLY, is_enabled=False), NOON, 5)) == 5

    def test_ends_with_the_calendar(self):
        last_day = datetime(9999, 12, 31, tzinfo=UTC)

        assert 0 < len(preview(HOURLY, last_day, 100)) < 24

    @pytest.mark.parametrize("count", [-1, 1001, True, "5"])
    def test_is_of_a_sensible_number(self, count: int):
        with pytest.raises(ScheduleError):
            preview(HOURLY, NOON, count)

    def test_of_none_is_none(self):
        assert preview(HOURLY, NOON, 0) == []


class TestExplain:
    @pytest.mark.parametrize(
        ("schedule", "words"),
        [
            (
                replace(HOURLY, cron="0 9 * * MON-FRI", timezone="Europe/Berlin"),
                "At 09:00 on Monday through Friday (Europe/Berlin)",
            ),
            (every(seconds=1), "Every 1 second"),
            (every(minutes=90), "Every 1 hour 30 minutes"),
            (every(days=7), "Every 7 days"),
        ],
        ids=["cron", "second", "mixed", "days"],
    )
    def test_says_it_in_words(self, schedule: Schedule, words: str):
        assert explain(schedule) == words

    def test_has_no_words_for_what_cannot_tick(self):
        with pytest.raises(ScheduleError):
            explain(replace(HOURLY, timezone="Mars/Olympus"))
