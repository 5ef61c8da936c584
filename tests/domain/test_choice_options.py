from __future__ import annotations

from enum import Enum, StrEnum

import pytest

from durable_django.domain.choice_options import known_value, options_of, to_lists
from durable_django.exceptions import DefinitionError


class Colour(StrEnum):
    RED = "red"


class Mixed(str, Enum):  # noqa: UP042 -- what older code has, and Django's own choices
    RED = "red"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(("red", "blue"), id="values"),
        pytest.param((("red", "red"), ["blue", "blue"]), id="pairs"),
        pytest.param(({"red": "red", "blue": "blue"},), id="mapping"),
    ],
)
def test_options_are_values_pairs_or_a_mapping(given):
    assert options_of(given) == (("red", "red"), ("blue", "blue"))


def test_labels_are_kept_in_their_order():
    options = options_of([{"b": "Bee", "a": "Ay"}])

    assert options == (("b", "Bee"), ("a", "Ay"))
    assert options_of(to_lists(options)) == options


@pytest.mark.parametrize("member", [Colour.RED, Mixed.RED], ids=["str_enum", "mixed"])
def test_a_member_of_an_enum_is_its_value(member):
    [(value, _)] = options_of([member])

    assert (value, type(value)) == ("red", str)
    assert known_value(member, (("red", "Red"),)) == "red"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param((), "at least one", id="none"),
        pytest.param(({},), "at least one", id="empty_mapping"),
        pytest.param(("a", "a"), "differ", id="twice"),
        pytest.param((1,), "is text", id="number"),
        pytest.param(("",), "is text", id="empty"),
        pytest.param(("a\0",), "is text", id="nul"),
        pytest.param((("a", "b", "c"),), "is text", id="triple"),
    ],
)
def test_what_nobody_could_choose_is_refused(given, told):
    with pytest.raises(DefinitionError, match=told):
        options_of(given)


@pytest.mark.parametrize("value", ["green", "", None, 1, ["red"]], ids=repr)
def test_a_value_that_is_no_option_is_refused(value):
    with pytest.raises(ValueError, match="none of the options"):
        known_value(value, (("red", "Red"),))
