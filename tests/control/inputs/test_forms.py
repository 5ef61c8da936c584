from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal
from uuid import UUID

import pytest
from django import forms
from django.db.models import TextChoices
from django.utils.datastructures import MultiValueDict

from durable_django.control.inputs.forms import InputForm, JsonField, build_input_form, form_input
from durable_django.domain.definition import WorkflowDefinition
from tests.control.hostile import HOSTILE_TEXTS, MARKUP, params

YES, NO = True, False


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(TextChoices):
    SMALL = "s", "Small one"


@dataclass
class Item:
    sku: str
    price: Decimal


def define(body: Callable[..., Any]) -> WorkflowDefinition:
    return WorkflowDefinition(name="shop.order", version=1, body=body)


def bind(body: Callable[..., Any], **data: str) -> InputForm:
    return build_input_form(define(body))(data)


def taking(annotation: Any, *default: Any) -> Callable[..., Any]:
    """A body of one parameter `x` of this kind."""

    def required(ctx, x): ...

    def optional(ctx, x=default[0] if default else None): ...

    body = optional if default else required
    body.__annotations__ = {"x": annotation}
    return body


def field_of(annotation: Any, *default: Any) -> forms.Field:
    return build_input_form(define(taking(annotation, *default)))().fields["x"]


class TestFields:
    @pytest.mark.parametrize(
        ("annotation", "kind"),
        [
            (int, forms.IntegerField),
            (float, forms.FloatField),
            (str, forms.CharField),
            (bool, forms.BooleanField),
            (Decimal, forms.DecimalField),
            (date, forms.DateField),
            (time, forms.TimeField),
            (datetime, forms.DateTimeField),
            (timedelta, forms.DurationField),
            (UUID, forms.UUIDField),
            (Colour, forms.TypedChoiceField),
            (Literal["a", 1], forms.TypedChoiceField),
            (bool | None, forms.TypedChoiceField),
            (int | None, forms.IntegerField),
            (int | str, JsonField),
            (list[int], JsonField),
            (Item, JsonField),
            (bytes, JsonField),
            (Any, JsonField),
        ],
        ids=str,
    )
    def test_field_is_of_the_parameters_kind(self, annotation: Any, kind: type):
        assert type(field_of(annotation)) is kind

    def test_default_is_shown_and_makes_it_optional(self):
        assert (field_of(int).required, field_of(int).initial) == (True, None)
        assert (field_of(int, 5).required, field_of(int, 5).initial) == (False, 5)
        assert field_of(date, date(2026, 1, 1)).initial == date(2026, 1, 1)
        assert field_of(bool, YES).initial is True
        assert field_of(bool | None, NO).initial == "false"
        assert field_of(Colour, Colour.BLUE).initial == "blue"
        assert field_of(dict[str, int], {"a": 1}).initial == '{\n  "a": 1\n}'
        assert field_of(int | None).required is False

    def test_default_that_is_a_secret_is_not_shown_and_stays(self):
        def body(ctx, password: str = "SECRET"): ...  # noqa: S107 -- invented

        form = bind(body, password="")

        assert "SECRET" not in build_input_form(define(body))().as_p()
        assert form_input(form) == {}

    def test_choices_are_labelled(self):
        assert field_of(Size).choices == [("s", "Small one")]
        assert field_of(Literal["1", 1]).choices == [('"1"', "1"), ("1", "1")]
        assert field_of(Colour | None, None).choices[0] == ("", "---------")

    def test_help_says_what_json_is_wanted(self):
        assert field_of(list[Item]).help_text == 'JSON: [{"sku": string, "price": decimal}, …].'
        assert "UTC" in field_of(datetime).help_text
        assert "has its default" in field_of(int, 5).help_text

    def test_form_renders_without_inline_script_or_style(self):
        def body(ctx, a: int, b: datetime, c: list[int], d: Colour, *, e: bool = True): ...

        html = build_input_form(define(body))(prefix="input").as_p()

        assert 'name="input-b"' in html
        assert 'type="datetime-local"' in html
        for forbidden in ("style=", "<script", "onclick"):
            assert forbidden not in html


class TestInput:
    @pytest.mark.parametrize(
        ("annotation", "typed", "value"),
        [
            (int, "5", 5),
            (float, "1.5", 1.5),
            (str, " a ", " a "),
            (bool, "on", True),
            (Decimal, "1.50", Decimal("1.50")),
            (date, "2026-01-31", date(2026, 1, 31)),
            (time, "08:30", time(8, 30)),
            (datetime, "2026-11-20T08:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
            (timedelta, "1 02:00:00", timedelta(days=1, hours=2)),
            (UUID, str(UUID(int=1)), UUID(int=1)),
            (Colour, "blue", Colour.BLUE),
            (Literal["a", 1], "1", 1),
            (Literal["1", 1], '"1"', "1"),
            (bool | None, "false", False),
            (int | None, "", None),
            (str | None, "", None),
            (Any, "null", None),
            (Any, "[]", []),
            (dict, "{}", {}),
            (list[date], '["2026-01-01"]', [date(2026, 1, 1)]),
            (Item, '{"sku": "a", "price": "1.5"}', Item("a", Decimal("1.5"))),
            (int | str, '"5"', "5"),
        ],
        ids=str,
    )
    def test_typed_text_becomes_the_argument(self, annotation: Any, typed: str, value: Any):
        arguments = form_input(bind(taking(annotation), x=typed))

        assert arguments == {"x": value}
        assert type(arguments["x"]) is type(value)

    def test_box_that_is_not_checked_is_false(self):
        assert form_input(bind(taking(bool))) == {"x": False}
        assert form_input(bind(taking(bool, YES))) == {"x": False}

    @pytest.mark.parametrize(
        ("annotation", "default"),
        [(int, 5), (int | None, 5), (str, None), (date, date(2026, 1, 1)), (Any, [1]), (list, [])],
        ids=str,
    )
    def test_what_is_left_empty_keeps_its_default(self, annotation: Any, default: Any):
        assert form_input(bind(taking(annotation, default), x="")) == {}

    def test_text_that_was_taken_out_is_an_empty_text(self):
        assert form_input(bind(taking(str, "abc"), x="")) == {"x": ""}

    def test_more_arguments_come_as_an_object(self):
        def body(ctx, a: int = 1, **more: date): ...

        assert form_input(bind(body, a="5", more='{"b": "2026-01-01"}')) == {
            "a": 5,
            "b": date(2026, 1, 1),
        }
        assert form_input(bind(body, a="5")) == {"a": 5}
        for wrong in ("[]", '{"a": 1}', '{"b": 5}'):
            assert list(bind(body, a="5", more=wrong).errors) == ["more"]

    def test_parameter_may_be_called_as_anything_of_the_form(self):
        def body(ctx, clean: int, definition: int, data: int, errors: int, arguments: int): ...

        names = ("clean", "definition", "data", "errors", "arguments")

        assert form_input(bind(body, **dict.fromkeys(names, "5"))) == dict.fromkeys(names, 5)

    def test_workflow_without_arguments_has_an_empty_form(self):
        def body(ctx): ...

        assert form_input(bind(body)) == {}

    def test_prefix_keeps_it_apart_from_the_page(self):
        form = build_input_form(define(taking(int)))({"x": "1", "input-x": "5"}, prefix="input")

        assert form_input(form) == {"x": 5}

    def test_forms_do_not_share_what_they_hold(self):
        made = build_input_form(define(taking(int)))

        assert form_input(made({"x": "1"})) == {"x": 1}
        assert form_input(made({"x": "2"})) == {"x": 2}

    def test_input_of_a_form_that_is_not_valid_is_refused(self):
        with pytest.raises(ValueError, match="is not valid"):
            form_input(bind(taking(int)))


class TestRefusal:
    @pytest.mark.parametrize(
        ("annotation", "typed"),
        [
            *((int, bad) for bad in ("", "x", "1.5", "9" * 5000)),
            *((float, bad) for bad in ("nan", "1e999", "x")),
            (str, ""),
            (str, "a\0"),
            *((Decimal, bad) for bad in ("NaN", "1e999999", "sNaN", "x")),
            (date, "2026-02-30"),
            (datetime, "0001-01-01T00:00x"),
            (timedelta, "9" * 50),
            (UUID, "x"),
            (Colour, "green"),
            (Colour, ""),
            (Literal[1], "2"),
            (bool | None, "maybe"),
            (list[int], ""),
            (list[int], "{}"),
            (list[int], '["a"]'),
            (Item, '{"sku": 5}'),
        ],
    )
    def test_what_does_not_fit_is_told_at_its_field(self, annotation: Any, typed: str):
        form = bind(taking(annotation), x=typed)

        assert list(form.errors) == ["x"]

    @pytest.mark.parametrize(("text", "problem"), params({n: s for n, s in HOSTILE_TEXTS.items() if s[0]}))  # fmt: skip
    def test_hostile_json_is_told_at_its_field(self, text: str, problem: str):
        form = bind(taking(Any), x=text)

        assert list(form.errors) == ["x"]
        assert len(form.errors["x"][0]) < 300
        if text.isprintable() and len(text) < 100:
            assert form.as_p()

    def test_place_inside_the_json_is_told(self):
        form = bind(taking(list[Item]), x='[{"sku": "a", "price": "1"}, {"sku": 5}]')

        assert form.errors["x"] == ["/1/price is required.", "/1/sku must be a string."]

    def test_argument_that_nobody_can_give_by_name_is_told(self):
        def body(ctx, a, /): ...

        assert "cannot give 'a' by name" in bind(body).non_field_errors()[0]

    @pytest.mark.parametrize("text", params(MARKUP))
    def test_markup_is_escaped_when_it_is_shown_again(self, text: str):
        html = bind(taking(Colour), x=text).as_p() + bind(taking(Any), x=text).as_p()

        for forbidden in ("<script>", "<img", "<!--", "' onmouseover='"):
            assert forbidden not in html

    def test_file_in_place_of_text_is_no_failure(self):
        form = build_input_form(define(taking(Any)))({}, MultiValueDict({"x": ["file"]}))

        assert list(form.errors) == ["x"]
