from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from durable_django.domain.system_clock import SystemClock
from durable_django.ports.clock import Clock
from durable_django.testing import ManualClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
_: list[type[Clock]] = [ManualClock, SystemClock]


class TestManualClock:
    def test_it_stands_still(self) -> None:
        clock = ManualClock(NOON)

        assert clock.now() == clock.now() == NOON

    def test_it_starts_somewhere_in_utc(self) -> None:
        assert ManualClock().now().utcoffset() == timedelta(0)

    def test_it_advances_by_a_duration(self) -> None:
        clock = ManualClock(NOON)

        clock.advance(timedelta(hours=1))

        assert clock.now() == datetime(2026, 11, 20, 13, tzinfo=UTC)

    def test_it_advances_by_units(self) -> None:
        clock = ManualClock(NOON)

        now = clock.advance(days=1, minutes=2, microseconds=3)

        assert now == clock.now() == datetime(2026, 11, 21, 12, 2, 0, 3, tzinfo=UTC)

    def test_it_advances_by_both(self) -> None:
        clock = ManualClock(NOON)

        assert clock.advance(timedelta(hours=1), hours=1) == NOON + timedelta(hours=2)

    def test_it_does_not_advance_backwards(self) -> None:
        clock = ManualClock(NOON)

        with pytest.raises(ValueError, match="0 or more"):
            clock.advance(seconds=-1)

        assert clock.now() == NOON

    def test_sleeping_passes_the_time(self) -> None:
        clock = ManualClock(NOON)

        clock.sleep(timedelta(days=30))

        assert clock.now() == NOON + timedelta(days=30)

    def test_sleeping_for_less_than_nothing_passes_none(self) -> None:
        clock = ManualClock(NOON)

        clock.sleep(timedelta(seconds=-5))

        assert clock.now() == NOON

    def test_it_can_be_set_back(self) -> None:
        clock = ManualClock(NOON)

        clock.set(NOON - timedelta(days=1))

        assert clock.now() == NOON - timedelta(days=1)

    @pytest.mark.parametrize(
        "instant",
        [
            pytest.param(datetime(2026, 11, 20, 12), id="naive"),  # noqa: DTZ001 -- it is refused
            pytest.param(NOON.astimezone(timezone(timedelta(hours=9))), id="tokyo"),
        ],
    )
    def test_an_instant_that_is_not_utc_is_refused(self, instant: datetime) -> None:
        clock = ManualClock(NOON)

        with pytest.raises(ValueError, match="aware and UTC"):
            ManualClock(instant)
        with pytest.raises(ValueError, match="aware and UTC"):
            clock.set(instant)

        assert clock.now() == NOON

    def test_threads_lose_no_advance(self) -> None:
        clock = ManualClock(NOON)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: clock.sleep(timedelta(seconds=1)), range(400)))

        assert clock.now() == NOON + timedelta(seconds=400)


class TestSystemClock:
    def test_it_tells_the_time_in_utc(self) -> None:
        before = datetime.now(UTC)

        now = SystemClock().now()

        assert before <= now <= datetime.now(UTC)
        assert now.utcoffset() == timedelta(0)

    def test_sleeping_for_less_than_nothing_returns_at_once(self) -> None:
        SystemClock().sleep(timedelta(days=-1))

    def test_sleeping_takes_its_time(self) -> None:
        clock = SystemClock()
        before = clock.now()

        clock.sleep(timedelta(milliseconds=5))

        assert clock.now() - before >= timedelta(milliseconds=4)
