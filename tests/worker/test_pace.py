from __future__ import annotations

import pytest

from durable_django.worker.pace import Pace


def test_a_few_are_claimed_while_nothing_is_known() -> None:
    assert Pace(20).enough(4) == 8
    assert Pace(5).enough(4) == 5


@pytest.mark.parametrize(
    ("seconds", "threads", "enough"),
    [
        (0.001, 1, 20),
        (0.02, 1, 10),
        (0.02, 4, 20),
        (0.2, 1, 1),
        (0.2, 4, 4),
        (60, 4, 4),
        (0, 2, 20),
    ],
)
def test_the_faster_slices_are_the_more_are_claimed(
    seconds: float, threads: int, enough: int
) -> None:
    pace = Pace(20)
    pace.note(seconds)
    assert pace.enough(threads) == enough


def test_it_follows_a_change() -> None:
    pace = Pace(20)
    pace.note(0.001)
    pace.note(10)
    assert pace.enough(1) == 1
    for _ in range(40):
        pace.note(0.001)
    assert pace.enough(1) == 20
