from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.exceptions import ConfigurationError, PayloadError
from tests.codecs.samples import (
    NAIVE,
    SAMPLES,
    THIS,
    Colour,
    Line,
    Loud,
    Node,
    Order,
    Permission,
    Priority,
    Status,
    Unset,
    codec,
)


class TestRoundTrip:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_value_comes_back_equal_and_of_its_type(self, name):
        value = SAMPLES[name]

        text = codec.encode(value)
        decoded = codec.decode(text)

        assert decoded == value
        assert type(decoded) is type(value)
        assert codec.encode(decoded) == text
        assert text.isascii()

    def test_all_samples_nest_in_one_another(self):
        value = [SAMPLES, tuple(SAMPLES.values()), {1: SAMPLES}, Node([SAMPLES])]

        assert codec.decode(codec.encode(value)) == value

    def test_naive_and_aware_stay_what_they_are(self):
        decoded = codec.decode(codec.encode([NAIVE, NAIVE.replace(tzinfo=UTC)]))

        assert [d.tzinfo for d in decoded] == [None, UTC]

    def test_decimal_keeps_its_exponent(self):
        assert str(codec.decode(codec.encode(Decimal("1.500")))) == "1.500"

    def test_bool_key_and_int_stay_apart_from_text(self):
        assert codec.decode(codec.encode({True: 1})) == {True: 1}
        assert codec.decode(codec.encode([True, 1])) == [True, 1]
        assert type(codec.decode(codec.encode([True, 1]))[0]) is bool

    def test_field_that_was_never_set_stays_unset(self):
        decoded = codec.decode(codec.encode(Unset("a")))

        assert not hasattr(decoded, "later")


class TestCanonicalText:
    def test_order_of_keys_and_of_elements_does_not_matter(self):
        assert codec.encode({"a": 1, "b": 2}) == codec.encode({"b": 2, "a": 1}) == '{"a":1,"b":2}'
        assert codec.encode({1: 1, 2: 2}) == codec.encode({2: 2, 1: 1})
        assert codec.encode({"b", "a"}) == '{"$set":["a","b"]}'

    def test_text_is_readable(self):
        assert codec.encode(Line("a", Decimal("1.50"))) == (
            f'{{"$dataclass":"{THIS}:Line","price":{{"$decimal":"1.50"}},"sku":"a","tags":[]}}'
        )
        assert codec.encode(Status.PAID) == f'{{"$enum":"{THIS}:Status","name":"PAID"}}'

    @pytest.mark.parametrize(
        ("derived", "known"),
        [
            pytest.param(Loud("a"), "a", id="str"),
            pytest.param(type("Id", (int,), {})(5), 5, id="int"),
            pytest.param(type("Rate", (float,), {})(0.5), 0.5, id="float"),
            pytest.param(OrderedDict(b=1, a=2), {"a": 2, "b": 1}, id="ordered dict"),
            pytest.param(defaultdict(int, a=1), {"a": 1}, id="defaultdict"),
            pytest.param(Counter("aa"), {"a": 2}, id="counter"),
            pytest.param({Loud("a"): 1}, {"a": 1}, id="str key"),
            pytest.param({Loud("$a"): 1}, {"$a": 1}, id="tag-like str key"),
            pytest.param(type("Rows", (list,), {})([1]), [1], id="list"),
            pytest.param(type("Pair", (tuple,), {})((1, 2)), (1, 2), id="tuple"),
            pytest.param(bytearray(b"a"), b"a", id="bytearray"),
            pytest.param(memoryview(b"a"), b"a", id="memoryview"),
            pytest.param(
                type("Stamp", (datetime,), {})(2026, 1, 1, 0, 0, 0, 5), NAIVE, id="datetime"
            ),
        ],
    )
    def test_derived_type_is_stored_as_the_known_one(self, derived, known):
        text = codec.encode(derived)

        assert text == codec.encode(known)
        assert type(codec.decode(text)) is type(known)

    def test_zone_becomes_its_offset(self):
        paris = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris"))

        decoded = codec.decode(codec.encode(paris))

        assert decoded == paris
        assert decoded.tzinfo == timezone(timedelta(hours=2))


class TestTypeAdapters:
    class Paths:
        tag = "path"

        def matches(self, value: Any) -> bool:
            return isinstance(value, Path)

        def to_json(self, value: Path) -> Any:
            if not value.is_absolute():
                raise PayloadError("Value", "is a relative path.")
            return value.parts

        def from_json(self, data: Any) -> Path:
            if not isinstance(data, tuple):
                raise PayloadError("Value", "is no path.")
            return Path(*data)

    def test_adapter_stores_any_value_that_the_codec_can(self):
        adapted = TaggedJsonCodec([self.Paths()])

        text = adapted.encode({"a": Path("/etc/x")})

        assert text == '{"a":{"$path":{"$tuple":["/","etc","x"]}}}'
        assert adapted.decode(text) == {"a": Path("/etc/x")}

    def test_refusal_of_an_adapter_gets_the_path(self):
        adapted = TaggedJsonCodec([self.Paths()])

        with pytest.raises(PayloadError, match=r"\$\.a\[0\] is a relative path\."):
            adapted.encode({"a": [Path("x")]})
        with pytest.raises(PayloadError, match=r"\$\.a\[0\] is no path\."):
            adapted.decode('{"a":[{"$path":1}]}')

    def test_other_errors_of_an_adapter_pass_through(self):
        class Down(self.Paths):
            def from_json(self, data: Any) -> Path:
                raise ConnectionError

        with pytest.raises(ConnectionError):
            TaggedJsonCodec([Down()]).decode('{"$path":1}')

    @pytest.mark.parametrize("tag", ["decimal", "dataclass", "enum", "dict", "a b", ""])
    def test_tag_must_be_free_and_an_identifier(self, tag):
        adapter = self.Paths()
        adapter.tag = tag

        with pytest.raises(ConfigurationError, match="choose another"):
            TaggedJsonCodec([adapter])

    def test_tag_must_be_unique(self):
        with pytest.raises(ConfigurationError, match="unique"):
            TaggedJsonCodec([self.Paths(), self.Paths()])


instants = st.datetimes() | st.datetimes(
    timezones=st.integers(-720, 720).map(lambda m: timezone(timedelta(minutes=m)))
)
hashables = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(codec=None, exclude_categories=()))
    | st.sampled_from(["$dict", "$decimal", "$", "a"])
    | st.binary()
    | instants
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.sampled_from([*Colour, *Priority, *Status, *Permission, Permission(3), Permission(0)])
    | st.builds(Order.Note, st.text()),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=5,
)
values = st.recursive(
    hashables | st.sets(hashables, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(hashables, inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
        | st.tuples(inner)
        | st.builds(Node, st.lists(inner, max_size=3))
    ),
    max_leaves=12,
)


@given(values)
def test_any_value_comes_back_equal_and_its_text_is_stable(value):
    text = codec.encode(value)

    decoded = codec.decode(text)

    assert decoded == value
    assert codec.encode(decoded) == text
    assert text.isascii()
