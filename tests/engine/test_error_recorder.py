from __future__ import annotations

import pytest

from durable_django.domain.error_record import MAX_MESSAGE_LENGTH, MAX_TRACEBACK_LENGTH
from durable_django.engine.error_recorder import UNRECORDABLE, ErrorRecorder, class_name
from durable_django.exceptions import StepFailedError


class Wordless(Exception):  # noqa: N818
    def __str__(self):
        raise RuntimeError("no words")


def raised(error):
    def fail():
        raise error

    try:
        fail()
    except Exception as caught:  # noqa: BLE001 -- whatever was given
        return caught


class TestMessage:
    @pytest.mark.parametrize(
        ("error", "message"),
        [
            pytest.param(ValueError("plain"), "plain", id="plain"),
            pytest.param(Wordless(), UNRECORDABLE, id="wordless"),
            pytest.param(ValueError("a\x00b\udc80"), "a\\x00b\\udc80", id="unprintable"),
            pytest.param(ValueError("☃"), "☃", id="unicode"),
        ],
    )
    def test_it_can_always_be_stored(self, error, message):
        assert ErrorRecorder().record(error).message == message

    def test_it_is_cut_at_its_end(self):
        message = ErrorRecorder().record(ValueError("x" * 5000)).message

        assert len(message) == MAX_MESSAGE_LENGTH
        assert message.endswith("x…")

    def test_the_formatter_words_it(self):
        assert ErrorRecorder(lambda error: f"<{error}>").record(ValueError("a")).message == "<a>"

    @pytest.mark.parametrize(
        "formatter",
        [
            pytest.param(lambda _: 1 / 0, id="raises"),
            pytest.param(lambda _: None, id="nothing"),
            pytest.param(lambda _: 7, id="no text"),
        ],
    )
    def test_a_bad_formatter_is_passed_over_and_logged(self, formatter, caplog):
        assert ErrorRecorder(formatter).record(ValueError("plain")).message == "plain"
        assert "error_formatter failed" in caplog.text


class TestTraceback:
    def test_there_is_none_unless_asked_for(self):
        assert ErrorRecorder().record(raised(ValueError())).traceback == ""

    def test_it_keeps_the_end_which_says_where(self):
        error = raised(ValueError("x" * 2 * MAX_TRACEBACK_LENGTH + "the end"))

        text = ErrorRecorder(tracebacks=True).record(error).traceback

        assert len(text) == MAX_TRACEBACK_LENGTH
        assert text.startswith("…")
        assert text.rstrip().endswith("the end")

    def test_one_that_cannot_be_made_is_left_out(self):
        error = raised(Wordless())

        assert isinstance(ErrorRecorder(tracebacks=True).record(error).traceback, str)


class TestClassName:
    @pytest.mark.parametrize(
        ("cls", "name"),
        [
            pytest.param(ValueError, "ValueError", id="builtin"),
            pytest.param(StepFailedError, "StepFailedError", id="ours"),
            pytest.param(Wordless, f"{__name__}.Wordless", id="theirs"),
        ],
    )
    def test_the_module_is_named_where_it_says_something(self, cls, name):
        assert class_name(cls) == name


def test_facts_are_passed_on():
    record = ErrorRecorder().record(ValueError("a"), code="timeout", attempts=3, args="[1]")

    assert (record.code, record.attempts, record.args) == ("timeout", 3, "[1]")
