from __future__ import annotations

import pytest

from durable_django.domain.error_record import ErrorRecord
from durable_django.testing import make_error


@pytest.mark.parametrize(
    "error",
    [
        make_error(),
        make_error(message="", attempts=3, code="timeout", args="[1]", traceback="at line 7"),
        make_error(message="☃ \x00 \ud800"),
    ],
    ids=["plain", "full", "odd"],
)
def test_text_and_back(error):
    text = error.to_text()

    assert text.isascii()
    assert ErrorRecord.from_text(text) == error


@pytest.mark.parametrize(
    "text",
    [
        "",
        "out of order",
        "7",
        "[]",
        "null",
        '{"type": "A", "odd": 1}',
        '{"type": 5, "message": "m"}',
        '{"type": "A", "message": null}',
        '{"type": "A", "message": "m", "attempts": "3"}',
        "[" * 100_000,
    ],
    ids=[
        "empty",
        "words",
        "number",
        "list",
        "null",
        "unknown field",
        "type is a number",
        "no message",
        "attempts are a text",
        "too deep",
    ],
)
def test_any_other_text_is_the_message(text):
    assert ErrorRecord.from_text(text) == ErrorRecord(type="Error", message=text)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ErrorRecord(type="OSError", message="down"), "OSError: down"),
        (ErrorRecord(type="OSError", message=""), "OSError"),
    ],
)
def test_str(error, shown):
    assert str(error) == shown
