from __future__ import annotations

from durable_django.api.http.long_polling import wait_for_news


class Time:
    """Passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def clock(self) -> float:
        return self.now


def test_news_end_the_wait():
    time, looks = Time(), iter(["old", "old", "new", "never"])

    seen = wait_for_news(
        lambda: next(looks), lambda look: look == "new", 60, sleep=time.sleep, clock=time.clock
    )

    assert seen == "new"
    assert len(time.pauses) == 2


def test_without_news_the_wait_ends_in_time():
    time = Time()

    seen = wait_for_news(lambda: "old", lambda look: False, 5, sleep=time.sleep, clock=time.clock)

    assert seen == "old"
    assert round(sum(time.pauses), 6) == 5
    assert max(time.pauses) <= 1


def test_there_is_at_least_one_look():
    time = Time()

    seen = wait_for_news(lambda: "old", lambda look: False, 0, sleep=time.sleep, clock=time.clock)

    assert (seen, time.pauses) == ("old", [])
