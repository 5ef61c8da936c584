from __future__ import annotations

import pytest

from durable_django.domain.identifiers import new_id
from durable_django.engine.map_result import MapResult, as_plain, read_total, write_items
from durable_django.testing import make_checkpoint

BROKEN = ValueError("broken")


@pytest.fixture
def asked():
    return []


@pytest.fixture
def noted():
    return []


@pytest.fixture
def result(asked, noted):
    def read(begin, end):
        asked.append((begin, end))
        return [BROKEN if place == 12 else 10 * place for place in range(begin, end)]

    keys = [f"k{place}" for place in range(25)]
    return MapResult(keys, 1, read, 10, lambda key, error: noted.append((key, error)))


def test_it_reads_a_window_at_a_time_and_only_what_is_asked_for(result, asked):
    assert (len(result), asked) == (25, [])
    assert [result[3], result[9], result[20], result[-1]] == [30, 90, 200, 240]
    assert asked == [(0, 10), (20, 25)]


def test_a_walk_reads_each_window_once(result, asked):
    assert len(list(result.succeeded())) == 24
    assert asked == [(0, 10), (10, 20), (20, 25)]


def test_reading_a_failure_raises_it_and_notes_whose_it_was(result, noted):
    with pytest.raises(ValueError, match="broken"):
        _ = result[12]
    with pytest.raises(ValueError, match="broken"):
        list(result)

    assert noted == [("k12", BROKEN)] * 2


def test_failures_may_be_looked_at_without_raising(result, noted):
    assert list(result.failed()) == [("k12", BROKEN)]
    assert dict(result.succeeded())["k11"] == 110
    assert noted == []


@pytest.mark.parametrize("place", [25, -26, 1000])
def test_what_is_not_there_is_an_index_error(result, place):
    with pytest.raises(IndexError, match="25 items"):
        _ = result[place]


def test_slices_are_lists(result):
    assert result[2:5] == [20, 30, 40]
    assert result[::10] == [0, 100, 200]
    assert result[5:2] == []


def test_it_is_equal_to_a_sequence_of_the_same(asked):
    ten = MapResult(["a", "b"], 0, lambda begin, end: [1, 2][begin:end], 10)

    assert ten == [1, 2]
    assert ten != [1, 3]
    assert ten != [1]
    assert ten != 5
    with pytest.raises(TypeError):
        hash(ten)


def test_it_becomes_a_list_where_it_is_stored():
    two = MapResult(["a", "b"], 0, lambda begin, end: [1, 2][begin:end], 10)

    assert as_plain(two) == [1, 2]
    assert type(as_plain(two)) is list
    assert as_plain((two, 5)) == ([1, 2], 5)
    assert as_plain({"x": two, "y": (1,)}) == {"x": [1, 2], "y": (1,)}


@pytest.mark.parametrize("value", [(1, 2), [3], {"a": 1}, "text", None, {1, 2}], ids=repr)
def test_other_values_are_left_as_they_are(value):
    assert as_plain(value) is value


class TestWitness:
    def test_it_says_how_many_items_there_were(self):
        attempt = make_checkpoint(new_id(), input_digest=write_items(["a"] * 250))

        assert read_total(attempt) == 250

    @pytest.mark.parametrize(
        "text", ["", "items:", "items:x", "items:²:a", "5", "items:99999999999"]
    )
    def test_of_other_text_it_says_nothing(self, text):
        assert read_total(make_checkpoint(new_id(), input_digest=text)) is None

    @pytest.mark.parametrize(
        "other", [["a"], ["b", "a"], ["a", "c"], ["ab"], ["a", "b", ""], ["1:a", "b"]], ids=str
    )
    def test_it_tells_items_apart(self, other):
        assert write_items(["a", "b"]) != write_items(other)

    def test_it_fits_its_column(self):
        assert len(write_items(["x" * 100] * 10)) <= 128
