from __future__ import annotations

import pytest

from durable_django.control.figures.sparkbars import lay_out, lay_out_share


def test_highest_column_is_as_high_as_the_picture():
    bars = lay_out([("a", {"completed": 5}), ("b", {"completed": 10})], width=100, height=50)

    assert bars.most == 10
    [[half], [whole]] = [bar.segments for bar in bars.bars]
    assert (half.y, half.height) == (25, 25)
    assert (whole.y, whole.height) == (0, 50)
    assert [bar.x for bar in bars.bars] == [0, 50]


def test_segments_stand_on_each_other_from_the_bottom_up():
    [bar] = lay_out([("a", {"completed": 3, "failed": 1})], width=10, height=40).bars

    assert [(s.kind, s.y, s.height) for s in bar.segments] == [
        ("completed", 10, 30),
        ("failed", 0, 10),
    ]
    assert bar.title == "a"


def test_one_among_many_is_seen_and_nothing_leaves_the_picture():
    [bar] = lay_out([("a", {"completed": 100_000, "failed": 1})], height=50).bars

    completed, failed = bar.segments
    assert failed.height > 1
    assert failed.y == pytest.approx(0, abs=0.02)
    assert completed.y + completed.height == pytest.approx(50, abs=0.02)


@pytest.mark.parametrize("columns", [[], [("a", {"completed": 0})]], ids=["no column", "zeros"])
def test_nothing_has_no_segments(columns: list[tuple[str, dict[str, int]]]):
    bars = lay_out(columns)

    assert bars.most == 0
    assert [bar.segments for bar in bars.bars] == [[] for _ in columns]


def test_shares_fill_the_bar_from_left_to_right():
    bar = lay_out_share({"completed": 3, "failed": 0, "cancelled": 1}, width=80)

    assert [(s.kind, s.x, s.width) for s in bar.segments] == [
        ("completed", 0, 60),
        ("cancelled", 60, 20),
    ]


def test_share_of_nothing_is_empty():
    assert lay_out_share({"completed": 0}).segments == []
