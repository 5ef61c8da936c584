from __future__ import annotations

import pytest

from durable_django.domain.definition import WorkflowDefinition
from durable_django.exceptions import DefinitionError


def order(ctx, order_id: int, *, gift: bool = False):
    """Sell something."""
    return (ctx, order_id, gift)


def variadic(ctx, *names, **options):
    return (names, options)


def definition(body=order, **fields):
    return WorkflowDefinition(name="shop.order", version=1, body=body, **fields)


class TestBind:
    def test_arguments_are_stored_by_name_with_their_defaults(self):
        assert definition().bind((5,), {}) == {"order_id": 5, "gift": False}

    @pytest.mark.parametrize(
        ("args", "kwargs"), [((), {}), ((1, 2), {}), ((1,), {"colour": "red"})], ids=repr
    )
    def test_what_does_not_fit_is_refused_under_the_workflow_s_name(self, args, kwargs):
        with pytest.raises(TypeError, match=r"shop\.order: "):
            definition().bind(args, kwargs)

    def test_a_body_without_a_context_is_refused(self):
        with pytest.raises(DefinitionError, match="takes the context first"):
            definition(lambda: None).bind((), {})


class TestCall:
    def test_what_bind_returned_is_handed_back_as_it_was_given(self):
        bound = definition().bind((5,), {"gift": True})

        assert definition().call("ctx", bound) == ("ctx", 5, True)

    def test_variable_arguments_make_the_round_trip(self):
        bound = definition(variadic).bind(("a", "b"), {"c": 1})

        assert definition(variadic).call("ctx", bound) == (("a", "b"), {"c": 1})

    def test_raw_input_is_left_to_the_context(self):
        raw = definition(lambda ctx: ctx, takes_raw_input=True)

        assert raw.call("ctx", {"anything": 1}) == "ctx"

    def test_a_default_that_came_later_fills_in(self):
        assert definition().call("ctx", {"order_id": 5}) == ("ctx", 5, False)
