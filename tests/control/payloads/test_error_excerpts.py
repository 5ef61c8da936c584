from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.control.payloads import error_excerpts
from durable_django.control.payloads.error_excerpts import ErrorExcerpt
from durable_django.testing import make_error


@pytest.mark.parametrize("text", [None, ""])
def test_no_error_is_none(text: str | None):
    assert ErrorExcerpt.from_text(text) is None


def test_a_whole_record_is_read():
    error = make_error(call="charge")

    excerpt = ErrorExcerpt.from_text(error.to_text())

    assert excerpt == ErrorExcerpt(type=error.type, message=error.message, call="charge")


def test_what_is_no_record_is_the_message():
    excerpt = ErrorExcerpt.from_text("it broke")

    assert excerpt == ErrorExcerpt(type="Error", message="it broke")


@given(st.text(min_size=200, max_size=1000), st.integers(min_value=0, max_value=5000))
def test_a_record_cut_anywhere_gives_type_and_the_beginning_of_the_message(
    message: str, filling: int
):
    whole = make_error(message=message, traceback="x" * (filling + 3000)).to_text()

    excerpt = ErrorExcerpt.from_text(whole[: error_excerpts._READ])

    assert excerpt is not None
    assert excerpt.type == "shop.CardDeclined"
    # The cut may have gone through the last character.
    assert message.startswith(excerpt.message[:-1])
    assert excerpt.message


def test_a_cut_between_the_halves_of_one_character_can_still_be_shown():
    room = error_excerpts._READ - len('{"type": "shop.CardDeclined", "message": "') - 6
    whole = make_error(message="x" * room + "😀" * 10).to_text()

    excerpt = ErrorExcerpt.from_text(whole[: error_excerpts._READ])

    assert excerpt is not None
    excerpt.message.encode()
    assert excerpt.message.startswith("x" * room)
