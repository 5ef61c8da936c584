from __future__ import annotations

import json
import sys
import types
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_django.exceptions import PayloadError
from tests.codecs.samples import (
    THIS,
    Line,
    Status,
    codec,
    decode_problem,
)


class TestForgedText:
    @pytest.mark.parametrize(
        "data",
        [
            pytest.param({"$dataclass": {"type": "os:system", "fields": {}}}, id="no name"),
            pytest.param({"$dataclass": "os:system"}, id="function"),
            pytest.param({"$dataclass": "os:system", "command": "touch /tmp/canary"}, id="function with arguments"),
            pytest.param({"$dataclass": "builtins:eval"}, id="builtin"),
            pytest.param({"$dataclass": "subprocess:Popen", "args": "id"}, id="class that is no dataclass"),
            pytest.param({"$dataclass": "antigravity:Fly"}, id="module not loaded"),
            pytest.param({"$dataclass": f"{THIS}:Order.lines"}, id="attribute of a dataclass"),
            pytest.param({"$dataclass": f"{THIS}:codec.encode"}, id="method of an object"),
            pytest.param({"$dataclass": f"{THIS}:"}, id="module"),
            pytest.param({"$dataclass": ""}, id="empty"),
            pytest.param({"$dataclass": f"{THIS}:Colour"}, id="enum as dataclass"),
            pytest.param({"$enum": f"{THIS}:Line", "name": "sku"}, id="dataclass as enum"),
            pytest.param({"$enum": "os:system", "name": "id"}, id="function as enum"),
            pytest.param({"$enum": ["os"], "name": "id"}, id="list as enum"),
        ],
    )  # fmt: skip
    def test_name_of_anything_else_is_refused(self, data):
        loaded = set(sys.modules)

        problem = decode_problem([data])

        assert problem.startswith("$[0] names the class")
        assert "loaded in this process" in problem
        assert set(sys.modules) == loaded

    def test_lazy_attributes_of_a_module_are_not_triggered(self, monkeypatch):
        touched = []
        lazy = types.ModuleType("lazy_for_test")
        lazy.__getattr__ = lambda name: touched.append(name) or Line
        monkeypatch.setitem(sys.modules, "lazy_for_test", lazy)
        monkeypatch.setitem(sys.modules, "not_a_module", Line("a", Decimal(1)))

        decode_problem({"$dataclass": "lazy_for_test:Line"})
        decode_problem({"$dataclass": "not_a_module:sku"})

        assert touched == []

    @pytest.mark.parametrize(
        "data",
        [
            pytest.param({"$decimal": "x"}, id="decimal"),
            pytest.param({"$decimal": 1.5}, id="decimal of a float"),
            pytest.param({"$uuid": 5}, id="uuid"),
            pytest.param({"$uuid": "zz"}, id="uuid text"),
            pytest.param({"$bytes": "é"}, id="bytes"),
            pytest.param({"$bytes": "a*=="}, id="bytes alphabet"),
            pytest.param({"$datetime": "2026-13-01"}, id="datetime"),
            pytest.param({"$date": None}, id="date"),
            pytest.param({"$time": []}, id="time"),
            pytest.param({"$timedelta": [10**12, 0, 0]}, id="timedelta"),
            pytest.param({"$timedelta": [1]}, id="timedelta parts"),
            pytest.param({"$set": [[1]]}, id="unhashable element"),
            pytest.param({"$set": "abc"}, id="set of text"),
            pytest.param({"$tuple": {"a": 1}}, id="tuple of a dict"),
            pytest.param({"$dict": [[{}, 1]]}, id="unhashable key"),
            pytest.param({"$dict": [1]}, id="no pairs"),
            pytest.param({"$dict": {"a": 1}}, id="dict of a dict"),
            pytest.param({"$enum": f"{THIS}:Colour", "name": "GREEN"}, id="no member"),
            pytest.param({"$enum": f"{THIS}:Colour", "name": ["RED"]}, id="no name"),
            pytest.param({"$enum": f"{THIS}:Colour", "name": "RED", "x": 1}, id="more than a name"),
            pytest.param({"$enum": f"{THIS}:Colour", "value": 1}, id="value of no flag"),
            pytest.param({"$enum": f"{THIS}:Permission", "value": 64}, id="no flag"),
            pytest.param({"$enum": f"{THIS}:Permission", "value": True}, id="flag of a bool"),
            pytest.param({"$pickle": "gASV"}, id="unknown tag"),
            pytest.param({"$" + "x" * 5000: 1}, id="long tag"),
            pytest.param({"$decimal": "1", "other": 1}, id="tag with company"),
            pytest.param({"$decimal": "1", "$uuid": "1"}, id="two tags"),
            pytest.param({"$dataclass": f"{THIS}:Line"}, id="fields missing"),
            pytest.param({"$dataclass": f"{THIS}:Line", "sku": "a", "price": 1, "hack": 1}, id="field unknown"),
            pytest.param({"$dataclass": f"{THIS}:Doubled", "amount": -1}, id="invariant"),
            pytest.param({"$dataclass": f"{THIS}:Doubled", "amount": None}, id="constructor"),
        ],
    )  # fmt: skip
    def test_damaged_tag_is_refused_at_its_path(self, data):
        problem = decode_problem({"a": [data]})

        assert problem.startswith("$.a[0] ")
        assert len(problem) < 300
        assert "SECRET" not in problem

    def test_tag_need_not_come_first(self):
        text = f'{{"name":"PAID","$enum":"{THIS}:Status"}}'

        assert codec.decode(text) is Status.PAID

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="empty"),
            pytest.param("{", id="truncated"),
            pytest.param("[1,]", id="trailing comma"),
            pytest.param("NaN", id="nan"),
            pytest.param("[-Infinity]", id="infinity"),
            pytest.param("1" * 5000, id="digits"),
            pytest.param("[" * 5000 + "]" * 5000, id="deep list"),
            pytest.param('{"$tuple":' * 5000 + "[]" + "}" * 5000, id="deep tags"),
            pytest.param('{"a":' * 200 + '{"$tuple":[]}' + "}" * 200, id="deep dict with a tag"),
            pytest.param("[" * 200 + '{"$tuple":[]}' + "]" * 200, id="deep list with a tag"),
            pytest.param("\ufeff1", id="byte order mark"),
            pytest.param(b"1", id="bytes"),
            pytest.param(None, id="nothing"),
        ],
    )
    def test_text_that_is_no_payload_is_refused(self, text):
        with pytest.raises(PayloadError):
            codec.decode(text)

    def test_dollar_in_plain_text_is_no_tag(self):
        assert codec.decode(codec.encode(["$5", {"a": "$tuple"}])) == ["$5", {"a": "$tuple"}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([
                "$decimal", "$datetime", "$date", "$time", "$timedelta", "$uuid", "$bytes", "$set",
                "$frozenset", "$tuple", "$dict", "$enum", "$dataclass", "$x", "name", "value", "sku",
            ]),
            inner | st.sampled_from([f"{THIS}:Line", f"{THIS}:Permission", "os:system", "RED"]),
            max_size=3,
        )
    ),
    max_leaves=8,
)  # fmt: skip


@given(json_values)
def test_any_json_is_read_or_refused_and_nothing_else(data):
    try:
        value = codec.decode(json.dumps(data))
    except PayloadError:
        return

    text = codec.encode(value)

    assert codec.encode(codec.decode(text)) == text
