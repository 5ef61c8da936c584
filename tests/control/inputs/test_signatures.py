from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, NewType, NotRequired, TypedDict
from uuid import UUID

import jsonschema
import pytest
from django.contrib.auth.models import User
from django.db.models import TextChoices
from hypothesis import given
from hypothesis import strategies as st

from durable_django.control.inputs.signatures import InputError, coerce_input, input_schema
from durable_django.control.payloads.plain_json import read_tagged
from durable_django.domain.definition import WorkflowDefinition
from durable_django.exceptions import DurableError
from durable_django.runtime import engine
from tests.control.hostile import FORGED_TAGS, HOSTILE_VALUES, params

if TYPE_CHECKING:
    from nowhere import Unknown

OrderId = NewType("OrderId", int)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Odd(Enum):
    PAIR = (1, 2)


class Level(IntEnum):
    LOW = 1


class Size(TextChoices):
    SMALL = "s", "Small one"


class Rights(Flag):
    READ = 1
    WRITE = 2


@dataclass
class Item:
    sku: str
    price: Decimal
    due: date | None = None
    tags: list[str] = field(default_factory=list)
    number: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.price < 0:
            raise ValueError("the price is negative.")


@dataclass
class Node:
    value: int
    children: list[Node]


class Address(TypedDict):
    street: str
    zip: NotRequired[int]


class Loose(TypedDict, total=False):
    a: int


def define(body: Callable[..., Any]) -> WorkflowDefinition:
    return WorkflowDefinition(name="shop.order", version=1, body=body)


def taking(annotation: Any) -> WorkflowDefinition:
    """A workflow of one parameter `x` of this kind."""

    def body(ctx, x): ...

    body.__annotations__ = {"x": annotation}
    return define(body)


def coerce(annotation: Any, value: Any) -> Any:
    return coerce_input(taking(annotation), {"x": value})["x"]


def errors_of(definition: WorkflowDefinition, raw: Any) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as caught:
        coerce_input(definition, raw)
    return caught.value.errors


def every_kind(  # noqa: PLR0913 -- that is the point
    ctx: Unknown,
    order_id: OrderId,
    ratio: float,
    *,
    name: str = "Ann",
    gift: bool = False,
    colour: Colour = Colour.RED,
    size: Literal["s", 1] = "s",
    due: date | None = None,
    at: datetime = datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
    wait: timedelta = timedelta(hours=1),
    total: Decimal = Decimal("1.50"),
    items: list[Item] = (),  # type: ignore[assignment]
    counts: dict[str, int] | None = None,
    address: Address | None = None,
    pair: tuple[int, str] = (1, "a"),
    anything=None,
    token: str = "SECRET",  # noqa: S107 -- invented
    strange: Unknown = 5,
    limit: int = None,  # type: ignore[assignment]  # noqa: RUF013 -- as people write it
) -> None:
    """Take every kind of argument.

    And more.
    """


class TestSchema:
    def test_schema_is_valid_and_says_what_is_taken(self):
        schema = input_schema(define(every_kind))

        jsonschema.Draft202012Validator.check_schema(schema)
        json.dumps(schema, allow_nan=False)
        properties = schema["properties"]
        assert schema["title"] == "shop.order"
        assert schema["description"] == "Take every kind of argument."
        assert schema["required"] == ["order_id", "ratio"]
        assert schema["additionalProperties"] is False
        assert properties["order_id"] == {"type": "integer"}
        assert properties["name"] == {"type": "string", "default": "Ann"}
        assert properties["colour"] == {"enum": ["red", "blue"], "default": "red"}
        assert properties["size"] == {"enum": ["s", 1], "default": "s"}
        assert properties["at"]["default"] == "2026-11-20T08:30:00Z"
        assert properties["total"]["default"] == "1.50"
        assert properties["limit"] == {
            "anyOf": [{"type": "integer"}, {"type": "null"}],
            "default": None,
        }
        assert properties["anything"] == {"default": None}
        assert properties["address"]["anyOf"][0]["required"] == ["street"]
        assert properties["items"]["items"]["required"] == ["sku", "price"]

    def test_default_that_is_a_secret_is_not_told(self):
        schema = input_schema(define(every_kind))

        assert schema["properties"]["token"] == {"type": "string"}
        assert "SECRET" not in json.dumps(schema)

    def test_annotation_that_cannot_be_resolved_costs_only_itself(self):
        properties = input_schema(define(every_kind))["properties"]

        assert properties["strange"] == {"default": 5}
        assert properties["ratio"] == {"type": "number"}

    def test_more_arguments_are_what_the_signature_says(self):
        def body(ctx, *positions: int, **more: int): ...

        schema = input_schema(define(body))

        assert schema["properties"] == {}
        assert schema["additionalProperties"] == {"type": "integer"}

    def test_argument_that_nobody_can_give_by_name_is_impossible(self):
        def body(ctx, a, b=1, /): ...

        definition = define(body)
        schema = input_schema(definition)

        jsonschema.Draft202012Validator.check_schema(schema)
        assert not jsonschema.Draft202012Validator(schema).is_valid({"a": 1})
        assert errors_of(definition, {})[0][1].startswith("cannot give 'a' by name")

    def test_class_that_holds_its_own_kind_ends(self):
        schema = input_schema(taking(Node))["properties"]["x"]

        assert schema["properties"]["children"] == {"type": "array", "items": {}}

    @pytest.mark.parametrize(
        "annotation",
        [Any, object, User, Callable[[], int], "no such thing", "1 +", "1/0", complex, range],
        ids=str,
    )  # fmt: skip
    def test_annotation_that_is_not_understood_allows_anything(self, annotation: Any):
        assert input_schema(taking(annotation))["properties"] == {"x": {}}
        assert coerce(annotation, {"a": [1]}) == {"a": [1]}

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="needs type aliases")
    def test_type_alias_is_followed(self):
        namespace: dict[str, Any] = {}
        exec("type Number = int", namespace)  # noqa: S102 -- older Pythons cannot parse it

        assert input_schema(taking(namespace["Number"]))["properties"]["x"] == {"type": "integer"}

    def test_body_that_is_no_plain_function_is_described(self):
        class Body:
            def __call__(self, ctx: Any, number: int) -> None: ...

        assert list(input_schema(define(Body()))["properties"]) == ["number"]


class TestCoerce:
    @pytest.mark.parametrize(
        ("annotation", "given", "value"),
        [
            (int, 5, 5),
            (int, 5.0, 5),
            (int, 2**70, 2**70),
            (float, 5, 5.0),
            (str, "5", "5"),
            (bool, True, True),
            (None, None, None),
            (date, "2026-01-31", date(2026, 1, 31)),
            (time, "08:30", time(8, 30)),
            (datetime, "2026-11-20T08:30:00z", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
            (timedelta, 90, timedelta(seconds=90)),
            (timedelta, "P1DT2H", timedelta(days=1, hours=2)),
            (Decimal, "12.30", Decimal("12.30")),
            (Decimal, 12.3, Decimal("12.3")),
            (Decimal, 12, Decimal(12)),
            (UUID, "00000000-0000-0000-0000-000000000001", UUID(int=1)),
            (bytes, "AP8=", b"\x00\xff"),
            (Colour, "red", Colour.RED),
            (Colour, "BLUE", Colour.BLUE),
            (Odd, "PAIR", Odd.PAIR),
            (Level, 1, Level.LOW),
            (Size, "s", Size.SMALL),
            (Rights, 3, Rights.READ | Rights.WRITE),
            (Literal["a", 1] | None, None, None),
            (Literal[Colour.RED], "red", Colour.RED),
            (int | None, None, None),
            (int | str, "a", "a"),
            (UUID | int, 5, 5),
            (list, [1, "a"], [1, "a"]),
            (list[date], ["2026-01-01"], [date(2026, 1, 1)]),
            (Sequence[int], [1], [1]),
            (tuple, [1, "a"], (1, "a")),
            (tuple[int, ...], [1, 2], (1, 2)),
            (tuple[int, date], [1, "2026-01-01"], (1, date(2026, 1, 1))),
            (set[int], [1, 1], {1}),
            (frozenset[str], ["a"], frozenset({"a"})),
            (dict, {"a": 1}, {"a": 1}),
            (dict[str, Decimal], {"a": "1.0"}, {"a": Decimal("1.0")}),
            (dict[int, str], {"-5": "a"}, {-5: "a"}),
            (Mapping[Colour, int], {"red": 1}, {Colour.RED: 1}),
            (Annotated[int, "seconds"], 5, 5),
            (OrderId, 5, 5),
            ("list[int]", [5], [5]),
            (Address, {"street": "a"}, {"street": "a"}),
            (Address, {"street": "a", "zip": 5}, {"street": "a", "zip": 5}),
            (Loose, {}, {}),
            (
                Item,
                {"sku": "a", "price": "1.5", "due": "2026-01-01"},
                Item("a", Decimal("1.5"), date(2026, 1, 1)),
            ),
            (list[Item] | None, [{"sku": "a", "price": 1}], [Item("a", Decimal(1))]),
        ],
        ids=str,
    )
    def test_json_becomes_what_the_annotation_says(self, annotation: Any, given: Any, value: Any):
        read = coerce(annotation, given)

        assert read == value
        assert type(read) is type(value)
        assert coerce(annotation, read) == value

    @pytest.mark.parametrize(
        ("annotation", "given"),
        [
            *((int, bad) for bad in (True, "5", 5.5, 1e300, None, [5], float("inf"))),
            *((float, bad) for bad in ("5", True, None, float("nan"), 10**400)),
            *((str, bad) for bad in (5, None, ["a"])),
            *((bool, bad) for bad in (1, "true", None)),
            *((date, bad) for bad in ("2026-02-30", "20260101", "2026-01-01T00:00", 5, "\n")),
            *((time, bad) for bad in ("25:00", "8:30", "08:30\n", 5)),
            *((datetime, bad) for bad in ("2026-01-01T00:00:00", "2026-01-01", "soon", 0)),
            (datetime, "0001-01-01T00:00:00+14:00"),
            (datetime, "9999-12-31T23:59:59-14:00"),
            *(
                (timedelta, bad)
                for bad in ("soon", 1e300, float("nan"), "P" + "9" * 90 + "D", True)
            ),
            *((Decimal, bad) for bad in ("NaN", "1e999", "Infinity", "sNaN", " 1", "1_0", "1\n")),
            *((Decimal, bad) for bad in ("9" * 101, True, None, float("inf"))),
            *((UUID, bad) for bad in ("{00000000-0000-0000-0000-000000000001}", "x", 1)),
            *((bytes, bad) for bad in ("é", "a", 5)),
            *((Colour, bad) for bad in ("green", "Colour.RED", 1, ["red"], {"a": 1})),
            *((Level, bad) for bad in (True, 1.0, 2, "1")),
            *((Rights, bad) for bad in (8, "READ", True)),
            *((Literal[1], bad) for bad in (True, "1")),
            *((int | str, bad) for bad in (None, 1.5, [])),
            *((list[int], bad) for bad in ({"a": 1}, "abc", 5, [1, "a"])),
            *((tuple[int, str], bad) for bad in ([1], [1, "a", 2], ["a", 1], {})),
            *((set[Any], bad) for bad in ([[1]], [{}])),
            *((dict[str, int], bad) for bad in ([], "a", {"a": "b"})),
            *((dict[int, str], bad) for bad in ({"a": "b"}, {"1.5": "a"}, {"9" * 30: "a"})),
            *((Item, bad) for bad in ([], "a", {}, {"sku": "a", "price": "1", "number": 5})),
            *((Address, bad) for bad in ({}, {"street": 5}, {"street": "a", "planet": "b"})),
        ],
        ids=str,
    )
    def test_what_does_not_fit_is_refused_at_its_place(self, annotation: Any, given: Any):
        errors = errors_of(taking(annotation), {"x": given})

        assert errors
        assert all(pointer.startswith("/x") for pointer, _ in errors)

    def test_errors_are_told_by_json_pointer_and_all_at_once(self):
        raw = {"ratio": "x", "items": [{"sku": 1}, 5], "counts": {"a/b~c": "x"}, "nothing": 1}

        errors = errors_of(define(every_kind), raw)

        assert dict(errors) == {
            "/nothing": "is not known.",
            "/order_id": "is required.",
            "/ratio": "must be a number.",
            "/items/0/sku": "must be a string.",
            "/items/0/price": "is required.",
            "/items/1": "must be an object.",
            "/counts/a~1b~0c": "must be an integer.",
        }

    def test_error_names_the_workflow_and_is_one_of_ours(self):
        with pytest.raises(DurableError) as caught:
            coerce_input(define(every_kind), {"ratio": "VALUE"})

        assert str(caught.value) == (
            "The input does not fit workflow 'shop.order': /order_id is required; "
            "/ratio must be a number."
        )

    def test_number_of_errors_is_bounded(self):
        errors = errors_of(taking(list[int]), {"x": ["a"] * 9_000})

        assert len(errors) == 50

    def test_constructor_that_refuses_is_an_error_at_its_place(self):
        errors = errors_of(taking(list[Item]), {"x": [{"sku": "a", "price": "-1"}]})

        assert errors == [("/x/0", "is refused by Item: the price is negative.")]

    def test_what_is_not_given_is_left_to_its_default(self):
        assert coerce_input(define(every_kind), {"order_id": 1, "ratio": 2}) == {
            "order_id": 1,
            "ratio": 2.0,
        }

    def test_more_arguments_are_read_as_they_are_annotated(self):
        def body(ctx, a: int = 1, **more: date): ...

        read = coerce_input(define(body), {"a": 5, "b": "2026-01-01"})

        assert read == {"a": 5, "b": date(2026, 1, 1)}
        assert errors_of(define(body), {"b": 5})[0][0] == "/b"

    def test_context_is_no_argument(self):
        def body(ctx, a=1): ...

        assert errors_of(define(body), {"ctx": 5}) == [("/ctx", "is not known.")]

    @pytest.mark.parametrize("raw", [None, [], "a", 5])
    def test_input_is_an_object(self, raw: Any):
        assert errors_of(define(every_kind), raw) == [
            ("", "must be an object of arguments by name.")
        ]

    @pytest.mark.parametrize("value", params(FORGED_TAGS))
    def test_forged_tag_builds_nothing(self, value: Any):
        assert coerce(Any, value) == value
        assert errors_of(taking(Item), {"x": value})
        assert coerce(User, value) == value

    @pytest.mark.parametrize("value", [v for v, _ in HOSTILE_VALUES.values()], ids=[*HOSTILE_VALUES])  # fmt: skip
    @pytest.mark.parametrize("annotation", [Item, list[date], dict[str, Decimal], Colour, int])
    def test_hostile_value_fits_or_is_an_error(self, annotation: Any, value: Any):
        try:
            coerce(annotation, value)
        except InputError as error:
            assert error.errors  # noqa: PT017 -- both ways are right

    def test_shown_input_can_be_given_again(self):
        given = {
            "order_id": 5,
            "ratio": 0.5,
            "colour": "blue",
            "due": "2026-01-01",
            "wait": "PT5M",
            "items": [{"sku": "a", "price": "1.50"}],
        }
        definition = define(every_kind)
        arguments = coerce_input(definition, given)
        text = engine().payloads.encode(definition.bind((), arguments), "Input")

        shown = read_tagged(json.loads(text))
        again = coerce_input(
            definition, {k: v for k, v in shown.items() if k in given} | {"items": given["items"]}
        )

        assert again == arguments


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


@given(
    st.dictionaries(st.sampled_from([*define(every_kind).signature.parameters, "zz"]), JSON_VALUES)
)
def test_any_json_fits_or_is_an_input_error(raw: dict[str, Any]):
    definition = define(every_kind)

    try:
        arguments = coerce_input(definition, raw)
    except InputError:
        return

    definition.bind((), arguments)
