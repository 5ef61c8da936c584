from __future__ import annotations

from datetime import timedelta

import pytest

from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import QueueChange, QueueControl, Rate
from durable_django.exceptions import DefinitionError

MINUTE = timedelta(minutes=1)


class TestRate:
    @pytest.mark.parametrize(
        ("text", "rate"),
        [
            ("100/min", Rate(100, MINUTE)),
            ("5/s", Rate(5, timedelta(seconds=1))),
            ("5/10s", Rate(5, timedelta(seconds=10))),
            (" 3 / 2 Hours ", Rate(3, timedelta(hours=2))),
            ("1/day", Rate(1, timedelta(days=1))),
            ("7/30min", Rate(7, timedelta(minutes=30))),
            ("7/30m", Rate(7, timedelta(minutes=30))),
            ("1/999999d", Rate(1, timedelta(days=999_999))),
        ],
    )
    def test_a_text_says_it_and_it_says_a_text(self, text, rate):
        assert Rate.parse(text) == rate
        assert Rate.parse(str(rate)) == rate

    def test_a_number_and_a_period_say_it(self):
        assert Rate.parse((100, MINUTE)) == Rate.parse(Rate(100, MINUTE)) == Rate(100, MINUTE)

    def test_one_that_no_unit_fits_is_told_in_full(self):
        assert str(Rate(2, timedelta(milliseconds=1500))) == "2 in 0:00:01.500000"

    @pytest.mark.parametrize(
        "text",
        ["", "fast", "100", "/min", "0/min", "5/0s", "-1/s", "1/week", "1.5/s", "\uff11/s"],
    )
    def test_what_says_none_is_refused(self, text):
        with pytest.raises(DefinitionError, match="rate"):
            Rate.parse(text)

    @pytest.mark.parametrize("text", ["5/10ms", "5/ms", "5/ss", "5/hs"])
    def test_a_letter_has_no_plural(self, text):
        with pytest.raises(DefinitionError, match="is no rate"):
            Rate.parse(text)

    @pytest.mark.parametrize(
        "rate",
        [(1,), (1, 60), (1.5, MINUTE), (0, MINUTE), (1, -MINUTE), 5, (1, timedelta.max)],
    )
    def test_what_is_none_is_refused(self, rate):
        with pytest.raises(DefinitionError, match="rate"):
            Rate.parse(rate)

    def test_it_tells_how_fast_tokens_come(self):
        assert Rate(90, MINUTE).per_second == 1.5


class TestChange:
    @pytest.mark.parametrize("most", [0, -1, 1.5, True, 2**31, "3"])
    def test_a_limit_is_a_number_from_1_on(self, most):
        with pytest.raises(DefinitionError, match="pause the queue"):
            QueueChange(max_running=most)

    @pytest.mark.parametrize(
        ("control", "is_controlled"),
        [
            ({}, False),
            ({"reason": "once upon a time"}, False),
            ({"mode": QueueMode.DRAINING}, True),
            ({"max_running": 1}, True),
            ({"rate": Rate(1, MINUTE)}, True),
        ],
    )
    def test_a_queue_without_limits_is_left_to_itself(self, control, is_controlled):
        assert QueueControl(name="default", **control).is_controlled is is_controlled
