from __future__ import annotations

from typing import Any

import pytest

from durable_django.admin.page.header import read_progress

KEPT = 2**60


@pytest.mark.parametrize(
    "told",
    [None, {}, [1, 2], "half", 5, {"done": "a"}, {"done": True}, {"done": [1]}, {"done": KEPT}],
    ids=["null", "nothing", "list", "text", "number", "word", "yes", "nested", "huge"],
)
def test_progress_that_tells_no_number_is_not_shown(told: Any):
    assert read_progress(told) is None


@pytest.mark.parametrize("total", [None, 0, -1, "b", [], KEPT], ids=repr)
def test_progress_towards_nobody_knows_what_is_a_number_alone(total: Any):
    progress = read_progress({"done": 3, "total": total, "message": {"odd": 1}})

    assert progress is not None
    assert (progress.done, progress.total, progress.text) == ("3", "", "3")


@pytest.mark.parametrize(("done", "drawn"), [(-5, "0"), (15, "10")])
def test_progress_beyond_its_bounds_is_drawn_at_them(done: int, drawn: str):
    progress = read_progress({"done": done, "total": 10})

    assert progress is not None
    assert progress.done == drawn
