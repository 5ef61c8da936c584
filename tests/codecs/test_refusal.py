from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from durable_django.codecs.tagged_json import TaggedJsonCodec
from durable_django.exceptions import PayloadError
from tests.codecs.samples import THIS, Line, Node, Point, codec, encode_problem, is_accepted


class TestRefusedValues:
    @pytest.mark.parametrize(
        ("value", "problem"),
        [
            pytest.param({"lines": [1, 2, 3, {"price": print}]}, "$.lines[3].price is of type builtin_function_or_method,", id="function"),
            pytest.param({"a b": {2: object()}}, "$['a b'][2] is of type object,", id="object"),
            pytest.param({(1, 2): {print}}, "$[<tuple>][0] is of type", id="in a set"),
            pytest.param({"k" * 99: print}, "$['" + "k" * 39 + "…] is of type", id="long key"),
            pytest.param({print: 1}, "$[<builtin_function_or_method>] is of type", id="key"),
            pytest.param(Node([print]), "$.children[0] is of type", id="field"),
            pytest.param((x for x in ()), "$ is of type generator,", id="generator"),
            pytest.param(ValueError("SECRET"), "$ is of type ValueError,", id="exception"),
            pytest.param(Path("SECRET"), "$ is of type pathlib.", id="path"),
            pytest.param(Line, "$ is of type type,", id="class"),
            pytest.param(Point(1, 2), f"$ is the named tuple {THIS}.Point; make it a dataclass.", id="named tuple"),
            pytest.param([float("nan")], "$[0] is a float that JSON has no number for", id="nan"),
            pytest.param([float("-inf")], "$[0] is a float", id="infinity"),
            pytest.param(10**4300, "$ is an integer of more than 4300 digits.", id="huge integer"),
            pytest.param({-(10**4300)}, "$[0] is an integer", id="huge negative integer"),
            pytest.param(time(9, tzinfo=ZoneInfo("Europe/Paris")), "$ is a time in a zone", id="zoned time"),
        ],
    )  # fmt: skip
    def test_refusal_names_path_and_type_but_no_content(self, value, problem):
        found = encode_problem(value)

        assert found.startswith(problem)
        assert "SECRET" not in found

    def test_refusal_names_the_remedy(self):
        model = type("Model", (), {"model_dump": dict})()

        assert "serialize= and deserialize=" in encode_problem(object())
        assert "serialize= (its model_dump)" in encode_problem(model)

    @pytest.mark.parametrize("depth", [65, 5000, 100_000])
    @pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"a": v}, lambda v: {1: v}, lambda v: (v,), lambda v: Node([v])], ids=["list", "dict", "pairs", "tuple", "field"])  # fmt: skip
    def test_deep_nesting_is_refused_with_a_short_path(self, wrap, depth):
        value: Any = 1
        for _ in range(depth):
            value = wrap(value)

        problem = encode_problem(value)

        assert "is nested more than 64 levels deep." in problem
        assert len(problem) < 200

    @pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {1: v}, lambda v: (v,), lambda v: Node([v])], ids=["list", "pairs", "tuple", "field"])  # fmt: skip
    def test_deepest_value_that_is_written_can_be_read(self, wrap):
        value: Any = 1
        for _ in range(70):
            value = wrap(value)
            if is_accepted(value):
                deepest = value

        assert codec.decode(codec.encode(deepest)) == deepest

    def test_value_inside_itself_is_named(self):
        order: dict[str, Any] = {"lines": [1]}
        order["lines"].append({"order": order})
        node = Node([])
        node.children.append(node)

        assert encode_problem(order) == "$.lines[1].order is $ again: a value inside itself."
        assert encode_problem({"a": node}) == "$.a.children[0] is $.a again: a value inside itself."

    def test_value_used_twice_is_no_cycle(self):
        shared = [1]

        assert codec.decode(codec.encode([shared, shared])) == [[1], [1]]

    def test_mixed_keys_at_every_level_do_not_double_the_work(self):
        value: Any = 1
        for _ in range(60):
            value = {"a": value, 1: 2}

        assert codec.encode(value)

    def test_adapter_that_returns_itself_is_refused(self):
        class Loop:
            tag = "loop"

            def matches(self, value):
                return value is ...

            def to_json(self, value):
                return value

            def from_json(self, data):
                return data

        with pytest.raises(PayloadError, match="nested"):
            TaggedJsonCodec([Loop()]).encode(...)
