from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import PayloadError

WHAT = "Result of step 'charge'"
payloads = Payloads(TaggedJsonCodec())


class FakeCodec:
    """Returns, or raises, what it was given."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def encode(self, value: Any) -> Any:
        return self._give()

    def decode(self, text: str) -> Any:
        return self._give()

    def _give(self) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def nest(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def problem_of_check(text: str, limits: Payloads = payloads) -> str:
    with pytest.raises(PayloadError) as caught:
        limits.check_text(text, "Body")
    assert caught.value.what == "Body"
    return caught.value.problem


class TestEncode:
    def test_refusal_says_whose_value_and_where(self):
        with pytest.raises(PayloadError, match=re.escape(f"{WHAT}: $.a[1] is of type object")):
            payloads.encode({"a": [1, object()]}, WHAT)

    def test_serialize_goes_before_the_codec(self):
        assert payloads.encode({5}, WHAT, serialize=str) == '"{5}"'

    def test_size_limit_includes_its_end(self):
        limited = Payloads(TaggedJsonCodec(), max_bytes=10)

        assert limited.encode("12345678", WHAT)
        with pytest.raises(
            PayloadError, match=r"type str is 11 bytes as text, and the limit is 10\."
        ):
            limited.encode("123456789", WHAT)

    def test_ten_megabytes_are_refused(self):
        with pytest.raises(PayloadError, match="type list is 10485764 bytes"):
            payloads.encode(["x" * 10 * 1024 * 1024], WHAT)

    def test_depth_limit_includes_its_end_and_names_the_path(self):
        assert payloads.encode(nest(20), WHAT)
        with pytest.raises(
            PayloadError, match=r"\$\[0\]\[0\].*…\[0\].* is a list nested more than 20 levels"
        ):
            payloads.encode(nest(21), WHAT)

    def test_path_to_what_is_too_deep_is_the_first(self):
        shallow = Payloads(TaggedJsonCodec(), max_depth=2)

        with pytest.raises(PayloadError, match=r"\$\.b\[1\] is a dict nested more than 2 levels"):
            shallow.encode({"a": [1], "b": [2, {"c": "]]["}], "d": [[1]]}, WHAT)

    def test_brackets_in_text_are_no_depth(self):
        assert payloads.encode('[{"' * 50, WHAT)
        assert payloads.encode([[]] * 50, WHAT)

    def test_many_values_are_no_reason_to_refuse_our_own(self):
        assert payloads.encode(list(range(20_000)), WHAT)

    @pytest.mark.parametrize("error", [ValueError, KeyError, RecursionError, ZeroDivisionError, Exception, MemoryError])  # fmt: skip
    def test_any_error_of_a_codec_becomes_a_payload_error_without_content(self, error):
        broken = Payloads(FakeCodec(error("SECRET")))

        with pytest.raises(
            PayloadError, match=rf"encoding type int failed with {error.__name__}\."
        ) as caught:
            broken.encode(5, WHAT)
        assert "SECRET" not in str(caught.value)
        assert caught.value.__cause__ is broken._codec.outcome

    def test_any_error_of_a_serialize_hook_becomes_a_payload_error(self):
        with pytest.raises(PayloadError, match="failed with ZeroDivisionError"):
            payloads.encode(0, WHAT, serialize=lambda value: 1 / value)

    def test_error_that_says_nothing_about_the_payload_passes_through(self):
        class DatabaseDownError(Exception):
            pass

        with pytest.raises(ConnectionError):
            Payloads(FakeCodec(ConnectionError())).encode(5, WHAT)
        with pytest.raises(DatabaseDownError):
            Payloads(FakeCodec(DatabaseDownError()), transient=(DatabaseDownError,)).decode(
                "5", WHAT
            )

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            pytest.param(b"1", "the codec returned bytes, not text.", id="bytes"),
            pytest.param(None, "the codec returned NoneType, not text.", id="nothing"),
            pytest.param("a\0", "a value of type int holds a NUL character.", id="nul"),
            pytest.param("\ud800", "a value of type int holds a lone surrogate.", id="surrogate"),
            pytest.param("é" * 11, "a value of type int is 22 bytes as text", id="two bytes each"),
        ],
    )
    def test_text_that_no_database_would_hold_is_refused(self, text, problem):
        limited = Payloads(FakeCodec(text), max_bytes=20)

        with pytest.raises(PayloadError) as caught:
            limited.encode(5, WHAT)
        assert caught.value.problem.startswith(problem)

    @pytest.mark.parametrize("text", ["[" * 50, "base64[[[[[[[[[[[[[[[[[[[[[[[[[[", "é"])
    def test_text_of_a_codec_need_not_be_json(self, text):
        assert Payloads(FakeCodec(text)).encode(5, WHAT) == text

    def test_text_too_deep_to_parse_is_refused(self):
        deep = Payloads(FakeCodec("[" * 100_000 + "]" * 100_000))

        with pytest.raises(PayloadError, match=r"\$ is a value nested more than 20 levels"):
            deep.encode(5, WHAT)


class TestDecode:
    def test_refusal_says_whose_value(self):
        with pytest.raises(PayloadError, match=re.escape(f"{WHAT}: $ is not JSON")):
            payloads.decode("{", WHAT)

    def test_deserialize_goes_after_the_codec(self):
        assert payloads.decode("[1,2]", WHAT, deserialize=sum) == 3
        with pytest.raises(PayloadError, match=r"decoding failed with TypeError\."):
            payloads.decode("1", WHAT, deserialize=sum)

    def test_what_is_stored_is_read_whatever_the_limits_are_now(self):
        text = payloads.encode(nest(20), WHAT)
        tight = Payloads(TaggedJsonCodec(), max_bytes=1, max_depth=1, max_nodes=1)

        assert tight.decode(text, WHAT) == nest(20)

    @pytest.mark.parametrize("text", ["", "[" * 5000, "NaN", "1" * 5000, '{"$dataclass":"os:system"}', None])  # fmt: skip
    def test_hostile_text_is_a_payload_error(self, text):
        with pytest.raises(PayloadError):
            payloads.decode(text, WHAT)


class SealingCodec(FakeCodec):
    """A codec whose text hides another's."""

    def unseal(self, text: str) -> Any:
        return self._give()


class TestUnseal:
    def test_text_of_a_codec_that_hides_nothing_is_returned_as_it_is(self):
        assert payloads.unseal('{"$model": 1}', WHAT) == '{"$model": 1}'

    def test_hidden_text_is_returned_unread(self):
        assert Payloads(SealingCodec('{"$model": 1}')).unseal("x", WHAT) == '{"$model": 1}'

    def test_any_error_becomes_a_payload_error_without_content(self):
        with pytest.raises(PayloadError, match=rf"{WHAT}: decrypting failed with KeyError\."):
            Payloads(SealingCodec(KeyError("SECRET"))).unseal("x", WHAT)
        with pytest.raises(PayloadError, match=rf"{WHAT}: was changed\."):
            Payloads(SealingCodec(PayloadError("Value", "was changed."))).unseal("x", WHAT)
        with pytest.raises(ConnectionError):
            Payloads(SealingCodec(ConnectionError())).unseal("x", WHAT)


class TestRoundTrip:
    def test_text_and_the_value_that_replay_will_see(self):
        assert payloads.round_trip({"a": (1,)}, WHAT) == ('{"a":{"$tuple":[1]}}', {"a": (1,)})

    def test_what_could_not_be_read_back_is_refused_before_it_is_written(self):
        with pytest.raises(PayloadError, match="decoding failed with ZeroDivisionError"):
            payloads.round_trip(0, WHAT, deserialize=lambda value: 1 / value)


class TestDigest:
    def test_same_value_has_the_same_digest(self):
        digest = payloads.digest(payloads.encode({"a": 1, "b": 2}, WHAT))

        assert digest == payloads.digest(payloads.encode({"b": 2, "a": 1}, WHAT))
        assert digest != payloads.digest(payloads.encode({"b": 2, "a": 2}, WHAT))
        assert re.fullmatch("[0-9a-f]{32}", digest)

    def test_digest_recognises_its_text(self):
        assert payloads.is_digest_of(payloads.digest("[1]"), "[1]")
        assert not payloads.is_digest_of(payloads.digest("[1]"), "[2]")


class TestCheckText:
    @pytest.mark.parametrize(
        "text", ["1", " [1, 2.5, null] ", '{"a": {"a": "\\ud800\\u0000[[["}}', '"\\"]"']
    )
    def test_value_of_good_text_is_returned(self, text):
        assert payloads.check_text(text, "Body") == json.loads(text)

    def test_forged_tag_stays_plain_data(self):
        value = payloads.check_text('{"$dataclass": "os:system"}', "Body")

        assert payloads.decode(payloads.encode(value, "Body"), "Body") == value

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            pytest.param("", "is not JSON", id="empty"),
            pytest.param("{'a': 1}", "is not JSON", id="single quotes"),
            pytest.param('"a', "is not JSON", id="unterminated"),
            pytest.param("\ufeff1", "is not JSON", id="byte order mark"),
            pytest.param('"\n"', "is not JSON", id="control character"),
            pytest.param("[NaN]", "has the number NaN", id="nan"),
            pytest.param("[-Infinity]", "has the number -Infinity", id="infinity"),
            pytest.param("[1e999]", "has a number too large for a float", id="too large"),
            pytest.param("[-1e999]", "has a number too large for a float", id="too small"),
            pytest.param("9" * 4301, "has an integer of more than 4300 digits", id="digits"),
            pytest.param('{"a": 1, "a": 2}', "has an object with the same key twice", id="duplicate"),
            pytest.param('[{"a": {"b": 1, "\\u0062": 2}}]', "has an object with the same key twice", id="hidden duplicate"),
            pytest.param("[" * 21 + "]" * 21, "is nested more than 20 levels deep", id="deep"),
            pytest.param("[" * 5000, "is nested more than 20 levels deep", id="very deep"),
            pytest.param('{"a":' * 5000, "is nested more than 20 levels deep", id="very deep objects"),
            pytest.param('["\\"]", ' + "[" * 21, "is nested more than 20 levels deep", id="behind a quote"),
            pytest.param('"' + "x" * 10 * 1024 * 1024 + '"', "the text is 10485762 bytes", id="10 MB"),
            pytest.param('"' + "é" * 200_000 + '"', "the text is 400002 bytes", id="many bytes each"),
            pytest.param('"\ud800"', "the text holds a lone surrogate", id="surrogate"),
            pytest.param("\0", "the text holds a NUL", id="nul"),
            pytest.param("[" + "1," * 10_000 + "1]", "holds 10002 values, and the limit is 10000", id="many values"),
        ],
    )  # fmt: skip
    def test_bad_text_is_refused(self, text, problem):
        assert problem_of_check(text).startswith(problem)

    def test_values_are_counted_exactly(self):
        text = '{"a": [ ], "b": {}, "c": [1, "x,[{", {"d": null}]}'
        nodes = 8

        assert Payloads(TaggedJsonCodec(), max_nodes=nodes).check_text(text, "Body")
        assert "holds 8 values" in problem_of_check(text, Payloads(TaggedJsonCodec(), max_nodes=7))

    def test_text_too_deep_for_the_stack_is_refused_even_if_the_limit_is_not(self):
        lax = Payloads(TaggedJsonCodec(), max_depth=10**6, max_nodes=10**6)

        assert "nested too deep" in problem_of_check("[" * 100_000, lax)

    def test_integers_are_counted_even_if_python_does_not_mind(self):
        assert payloads.check_text("9" * 4300, "Body") == 10**4300 - 1
        assert payloads.check_text("-0.5e-999", "Body") == 0

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param('\\"' * 125_000, id="escaped quotes"),
            pytest.param('"' + "\\" * 250_000, id="backslashes"),
            pytest.param('"' * 250_001, id="quotes"),
            pytest.param("[" + " " * 250_000, id="spaces"),
            pytest.param("[ " * 125_000, id="open brackets"),
            pytest.param("[]" * 125_000, id="brackets"),
            pytest.param("{" * 9 + "[" + "{}," * 80_000, id="objects"),
        ],
    )
    def test_time_is_linear_in_the_length(self, text):
        begun = time.process_time()

        problem_of_check(text)

        assert time.process_time() - begun < 1


@given(st.text(alphabet='[]{}",:\\ 1ae\x00é\ud800', max_size=60))
def test_any_text_is_checked_or_refused_and_nothing_else(text):
    limits = Payloads(TaggedJsonCodec(), max_bytes=50, max_depth=3, max_nodes=5)

    try:
        value = limits.check_text(text, "Body")
    except PayloadError:
        return

    assert value == json.loads(text)


@given(st.recursive(st.integers() | st.text(alphabet='[]{}",\\a'), lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(alphabet='[]{}",\\a', max_size=3), v, max_size=4), max_leaves=20), st.booleans())  # fmt: skip
def test_depth_and_count_agree_with_the_parsed_value(value, indented):
    text = json.dumps(value, indent=2 if indented else None)
    depth, count = _depth(value), _count(value)
    exact = Payloads(TaggedJsonCodec(), max_depth=depth, max_nodes=count)

    assert exact.check_text(text, "Body") == value
    if depth:
        assert "nested" in problem_of_check(text, Payloads(TaggedJsonCodec(), max_depth=depth - 1))
    if len(text) > count - 1:
        fewer = Payloads(TaggedJsonCodec(), max_depth=depth, max_nodes=count - 1)
        assert f"holds {count} values" in problem_of_check(text, fewer)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _depth(value: Any) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    return 1 + max(map(_depth, _children(value)), default=0)


def _count(value: Any) -> int:
    return 1 + sum(map(_count, _children(value)))
