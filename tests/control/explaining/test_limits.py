from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from durable_django.control.explaining.explanation import Explanation, explain
from durable_django.domain.limit import LimitFigures, line_key
from durable_django.domain.status import ExecutionStatus, Guarantee, QueueMode, WaitKind
from durable_django.domain.work_queue import QueueControl, Rate
from tests.control.records import at, records

NOW = 100
KEY = "shop.order/tenant-7"
PAUSED = QueueControl(name="mail", mode=QueueMode.PAUSED, reason="an outage")
DRAINING = QueueControl(name="mail", mode=QueueMode.DRAINING)


def figures(**counts: int) -> LimitFigures:
    plain = {"max": 3, "admitted": 3, "waiting": 1, "ready": 1}
    return LimitFigures(key=KEY, **(plain | counts))


def tell_held_back(limit: LimitFigures | None, **fields: Any) -> Explanation:
    held_back = {"waiting_kind": WaitKind.LIMIT, "waiting_for": KEY, "limit_key": KEY}
    stored = records(ExecutionStatus.PENDING, **(held_back | {"wake_at": None} | fields))
    return explain(*stored.all, at(NOW), limit=limit)


def tell_due(control: QueueControl | None, **fields: Any) -> Explanation:
    due = {"queue": "mail", "wake_at": at(NOW - 60), "started_at": None}
    stored = records(ExecutionStatus.PENDING, **(due | fields))
    return explain(*stored.all, at(NOW), control=control)


class TestHeldBack:
    def test_it_says_by_which_limit_and_how_far_that_is_used(self):
        said = tell_held_back(figures(waiting=5))

        assert said.reason == (
            f"Held back by the limit {KEY}: 3 of 3 are under way. 4 more are held back."
        )
        assert not said.is_late

    def test_it_says_so_without_figures_too(self):
        assert tell_held_back(None).reason == f"Held back by the limit {KEY}."

    def test_a_free_place_is_no_riddle(self):
        said = tell_held_back(figures(admitted=2))

        assert "A place is free" in said.next

    def test_its_time_to_live_ends_all_the_same(self):
        ends = at(NOW + 60)

        said = tell_held_back(figures(), expires_at=ends, wake_at=ends)

        assert "time to live" in said.next
        assert said.until == ends

    def test_a_line_is_told_by_the_key(self):
        line = line_key("shop.order", "order-7")

        said = tell_held_back(figures(max=1), key="order-7", limit_key=line, waiting_for=line)

        assert said.reason.startswith(
            "It begins when all earlier executions with key order-7 have ended."
        )
        assert line not in said.reason


class TestQueue:
    def test_a_paused_queue_is_why(self):
        said = tell_due(PAUSED)

        assert said.reason == "Queue mail is paused (an outage)."
        assert said.advice.endswith("durable_queue mail --resume.")
        assert not said.is_late

    def test_a_draining_queue_is_why_if_it_has_not_begun(self):
        assert tell_due(DRAINING).reason.startswith("Queue mail is draining")
        assert "draining" not in tell_due(DRAINING, started_at=at(1)).reason
        assert "draining" not in tell_due(DRAINING, parent_wait=WaitKind.CHILD).reason

    @pytest.mark.parametrize(
        ("limits", "said"),
        [
            ({"max_running": 3}, "Its queue runs at most 3 at once."),
            ({"rate": Rate(5, timedelta(seconds=1))}, "Of its queue at most 5/s begin."),
            (
                {"max_running": 3, "rate": Rate(5, timedelta(seconds=1))},
                "Its queue runs at most 3 at once, and at most 5/s begin.",
            ),
        ],
    )
    def test_its_limits_are_told(self, limits: dict[str, Any], said: str):
        assert tell_due(QueueControl(name="mail", **limits)).reason.endswith(said)

    @pytest.mark.parametrize("control", [None, QueueControl(name="mail")])
    def test_a_queue_without_limits_is_not_spoken_of(self, control: QueueControl | None):
        assert "queue" not in tell_due(control).reason

    def test_what_its_own_process_advances_is_not_held_up(self):
        said = tell_due(PAUSED, guarantee=Guarantee.FOREGROUND)

        assert "paused" not in said.reason
