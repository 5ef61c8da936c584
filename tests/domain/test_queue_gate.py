from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.domain.queue_gate import Gate, Held
from durable_django.domain.status import QueueMode
from durable_django.domain.work_queue import Rate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def gate(**fields):
    plain = {"mode": QueueMode.OPEN, "max_running": None, "rate": None, "tokens": 0.0}
    return Gate.opened(**(plain | {"tokens_at": NOW, "now": NOW} | fields))


def held(live=0, lost=0):
    ends = [NOW + SECOND * number for number in range(1 - lost, live + 1)]
    live_ends = [end for end in ends if end > NOW]
    return Held(
        live=live,
        lost=lost,
        first_end=min(ends, default=None),
        next_end=min(live_ends, default=None),
    )


class TestTokens:
    @pytest.mark.parametrize(("seconds", "tokens"), [(0, 0), (29, 0), (30, 1), (60, 2), (999, 2)])
    def test_they_come_evenly_up_to_the_number(self, seconds, tokens):
        now = NOW + seconds * SECOND

        assert gate(rate=Rate(2, MINUTE), now=now).lets_begin(10) == tokens

    def test_without_a_rate_as_many_begin_as_like(self):
        assert gate().lets_begin(10) == 10

    def test_none_begins_in_a_paused_queue(self):
        assert gate(mode=QueueMode.PAUSED).lets_begin(10) == 0

    def test_children_need_tokens_in_a_draining_queue_too(self):
        draining = gate(mode=QueueMode.DRAINING, rate=Rate(2, MINUTE), tokens=1.0)

        assert draining.lets_begin(10) == 1

    def test_a_clock_that_was_put_back_takes_none_away(self):
        assert gate(rate=Rate(2, MINUTE), tokens=2.0, now=NOW - MINUTE).lets_begin(10) == 2

    def test_what_is_left_is_no_debt(self):
        assert gate(rate=Rate(2, MINUTE), tokens=1.5).without(1) == 0.5
        assert gate(rate=Rate(2, MINUTE), tokens=0.9999999).without(1) == 0.0

    @given(
        limit=st.integers(1, 10_000),
        seconds=st.floats(0.001, 1e6),
        tokens=st.floats(0, 0.999),
    )
    def test_there_is_one_when_it_says_so_and_hardly_before(self, limit, seconds, tokens):
        rate = Rate(limit, timedelta(seconds=seconds))
        at = gate(rate=rate, tokens=tokens).next_token_at

        assert gate(rate=rate, tokens=tokens, now=at).lets_begin(1) == 1
        early = at - timedelta(microseconds=2 + 2e6 / rate.per_second * 1e-5)
        assert early < NOW or gate(rate=rate, tokens=tokens, now=early).lets_begin(1) == 0

    def test_the_slowest_rate_has_a_next_token(self):
        slowest = gate(rate=Rate(1, timedelta(days=999_999)))

        assert slowest.next_token_at - NOW > timedelta(days=999_998)


class TestRoom:
    @pytest.mark.parametrize(
        ("most", "live", "lost", "for_lost", "for_others"),
        [
            (None, 5, 5, 5, 9),
            (3, 0, 0, 0, 3),
            (3, 2, 0, 0, 1),
            (3, 3, 0, 0, 0),
            (3, 2, 1, 1, 0),
            (3, 1, 1, 1, 1),
            (3, 3, 1, 0, 0),
            (3, 5, 2, 0, 0),
            (3, 1, 4, 2, 0),
        ],
    )
    def test_a_lost_one_keeps_its_place_for_itself(self, most, live, lost, for_lost, for_others):
        rooms = held(live, lost)

        assert rooms.room_for_lost(gate(max_running=most), 9) == for_lost
        assert rooms.room(gate(max_running=most), 9) == for_others

    def test_no_more_is_taken_than_is_wanted(self):
        assert held(0, 5).room_for_lost(gate(max_running=4), 2) == 2
        assert held(0, 0).room(gate(max_running=4), 2) == 2

    def test_a_lost_one_that_may_not_be_taken_over_changes_nothing(self):
        full = gate(max_running=1)

        assert held(1, 1).next_change(full) == NOW + SECOND
        assert held(0, 1).next_change(full) == NOW
        assert held(1, 0).next_change(full) == NOW + SECOND
        assert held(0, 0).next_change(full) is None
