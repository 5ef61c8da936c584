from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.control.timeline.scale import (
    FOLD_WIDTH,
    LEAST_WIDTH,
    build_scale,
    place_bars,
)
from tests.control.records import START, at

WIDTH = 552.0
MONTH = 30 * 86_400

#: From microseconds to years, in one set.
offsets = st.one_of(
    st.integers(0, 2_000),
    st.integers(0, 10**8),
    st.integers(0, 10**14),
).map(lambda microseconds: START + timedelta(microseconds=microseconds))
spans = st.tuples(offsets, offsets).map(lambda pair: (min(pair), max(pair)))


@st.composite
def lines(draw):
    """Return what a scale is built from, with the instants that lie on it."""
    busy, moments = draw(st.lists(spans, max_size=12)), draw(st.lists(offsets, max_size=6))
    known = [START, *moments, *(instant for span in busy for instant in span)]
    return busy, moments, sorted(known)


class TestScale:
    @given(lines(), st.lists(offsets, max_size=8))
    def test_positions_never_decrease_with_time(self, line, others):
        busy, moments, known = line
        scale = build_scale(START, known[-1], busy, moments, width=WIDTH)

        found = [scale.x_of(instant) for instant in sorted([*known, *others])]

        assert found == sorted(found)

    @given(lines(), st.lists(offsets, max_size=8))
    def test_every_instant_is_inside_the_width(self, line, others):
        busy, moments, known = line
        scale = build_scale(START, known[-1], busy, moments, width=WIDTH)

        found = [scale.x_of(instant) for instant in [*known, *others]]

        assert all(0 <= x <= WIDTH for x in found)

    @given(lines())
    def test_the_stretches_fill_the_line_without_a_gap(self, line):
        busy, moments, known = line

        stretches = build_scale(START, known[-1], busy, moments, width=WIDTH).stretches

        assert stretches[0].starts_at == START
        assert sum(one.width for one in stretches) == pytest.approx(WIDTH)
        for before, after in pairwise(stretches):
            assert before.ends_at == after.starts_at
            assert before.x + before.width == pytest.approx(after.x)

    @given(lines())
    def test_nothing_that_went_on_or_happened_lies_inside_a_fold(self, line):
        busy, moments, known = line

        scale = build_scale(START, known[-1], busy, moments, width=WIDTH)

        for fold in (one for one in scale.stretches if one.is_fold):
            assert fold.width == pytest.approx(FOLD_WIDTH)
            assert not any(fold.starts_at < instant < fold.ends_at for instant in moments)
            assert not any(s < fold.ends_at and e > fold.starts_at and s < e for s, e in busy)

    def test_an_idle_gap_longer_than_a_fifth_of_the_span_is_folded(self):
        scale = build_scale(START, at(100), [(at(0), at(40)), (at(61), at(100))], width=WIDTH)

        assert [(one.is_fold, one.lasts.total_seconds()) for one in scale.stretches] == [
            (False, 40),
            (True, 21),
            (False, 39),
        ]

    def test_an_idle_gap_of_a_fifth_of_the_span_is_not(self):
        scale = build_scale(START, at(100), [(at(0), at(40)), (at(60), at(100))], width=WIDTH)

        assert [one.is_fold for one in scale.stretches] == [False]

    def test_a_month_of_sleep_leaves_the_seconds_around_it_their_width(self):
        busy = [(at(0), at(2)), (at(MONTH), at(MONTH + 2))]

        scale = build_scale(START, at(MONTH + 2), busy, width=WIDTH)

        assert scale.x_of(at(2)) == pytest.approx((WIDTH - FOLD_WIDTH) / 2)
        assert scale.x_of(at(MONTH)) == pytest.approx((WIDTH + FOLD_WIDTH) / 2)

    def test_a_gap_that_the_longest_one_hid_is_folded_too(self):
        days = 3 * 86_400
        busy = [(at(0), at(2)), (at(days), at(days + 2)), (at(MONTH), at(MONTH + 2))]

        scale = build_scale(START, at(MONTH + 2), busy, width=WIDTH)

        assert [one.is_fold for one in scale.stretches] == [False, True, False, True, False]

    def test_what_is_idle_from_end_to_end_is_not_folded(self):
        scale = build_scale(START, at(MONTH), [], [at(60)], width=WIDTH)

        assert [one.is_fold for one in scale.stretches] == [False]

    def test_a_line_of_no_time_has_a_scale(self):
        assert build_scale(START, START, [(START, START)], width=WIDTH).x_of(START) == 0


pairs = st.tuples(st.floats(0, WIDTH), st.floats(0, WIDTH)).map(lambda pair: (min(pair), max(pair)))


class TestPlacingBars:
    @given(st.lists(pairs, max_size=int(WIDTH // LEAST_WIDTH)).map(sorted))
    def test_bars_are_wide_enough_inside_the_line_and_never_over_another(self, spans):
        placed = place_bars(spans, WIDTH)

        reached = -1e-6
        for x, width in placed:
            assert width >= LEAST_WIDTH - 1e-6
            assert x >= reached
            reached = x + width - 1e-6
        assert reached <= WIDTH

    def test_bars_with_room_stay_where_they_are(self):
        assert place_bars([(0, 10), (20, 40)], WIDTH) == [(0, 10), (20, 20)]

    def test_a_narrow_bar_at_the_end_grows_to_the_left(self):
        assert place_bars([(100, 550), (552, 552)], WIDTH) == [(100, 446), (546, 6)]

    def test_more_bars_than_there_is_room_for_are_refused(self):
        with pytest.raises(ValueError, match="100 bars do not fit"):
            place_bars([(0, 1)] * 100, WIDTH)
