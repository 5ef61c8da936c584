from __future__ import annotations

import inspect
from uuid import UUID

import pytest

from durable_django import Limit
from durable_django.domain.limit import is_line, line_key
from durable_django.exceptions import DefinitionError

ID = UUID("0192d3a0-0000-7000-8000-000000000000")


class TestKey:
    def test_without_one_the_workflow_shares_the_limit(self):
        assert Limit(1).key_for("shop.order", {"tenant": "a"}) == "shop.order"

    def test_a_text_is_the_workflow_s_own(self):
        assert Limit(3, key="tenant-7").key_for("shop.order", {}) == "shop.order/tenant-7"

    @pytest.mark.parametrize(
        ("tenant", "key"),
        [("a b", "shop.order/a b"), (7, "shop.order/7"), (ID, f"shop.order/{ID}")],
    )
    def test_a_function_is_given_the_arguments_by_name(self, tenant, key):
        limit = Limit(3, key=lambda tenant, **_: tenant)

        assert limit.key_for("shop.order", {"tenant": tenant, "gift": True}) == key

    @pytest.mark.parametrize("key", [None, 1.5, True, ["a"], object()])
    def test_a_function_returns_a_text_a_number_or_an_id(self, key):
        with pytest.raises(DefinitionError, match="a text, a whole number or a UUID"):
            Limit(3, key=lambda **_: key).key_for("shop.order", {})

    @pytest.mark.parametrize("key", ["", " a", "a\n", "\x00"])
    def test_a_text_is_printable(self, key):
        with pytest.raises(DefinitionError, match=r"key of the limit of workflow 'shop\.order'"):
            Limit(3, key=lambda **_: key).key_for("shop.order", {})

    def test_one_that_is_too_long_is_refused(self):
        with pytest.raises(DefinitionError, match="256 characters; 255 are legal"):
            Limit(3, key="x" * 245).key_for("shop.order", {})

    def test_an_error_of_the_function_is_its_own(self):
        with pytest.raises(ZeroDivisionError):
            Limit(3, key=lambda **_: str(1 // 0)).key_for("shop.order", {})


class TestLimit:
    @pytest.mark.parametrize("most", [0, -1, 1.5, True, "3", None, 2**31])
    def test_it_is_a_number_that_fits_its_column(self, most):
        with pytest.raises(DefinitionError, match="whole number from 1 to 2147483647"):
            Limit(most)

    @pytest.mark.parametrize("key", [7, ("a",), "", "a\n"])
    def test_its_key_is_a_text_or_a_function(self, key):
        with pytest.raises(DefinitionError, match="key of a limit"):
            Limit(3, key=key)

    def test_a_function_must_take_the_arguments(self):
        signature = inspect.signature(lambda tenant, gift: None)

        Limit(3, key=lambda tenant, **_: tenant).check_takes("shop.order", signature)
        Limit(3, key="a").check_takes("shop.order", signature)
        with pytest.raises(DefinitionError, match=r"lambda tenant, \*\*_: tenant"):
            Limit(3, key=lambda tenant: tenant).check_takes("shop.order", signature)
        with pytest.raises(DefinitionError, match="customer"):
            Limit(3, key=lambda customer, **_: customer).check_takes("shop.order", signature)


class TestLine:
    def test_it_is_of_one_key_of_one_workflow(self):
        keys = {line_key(name, key) for name in ("a", "b") for key in ("x", "y")}

        assert len(keys) == 4
        assert all(is_line(key) for key in keys)

    def test_no_limit_of_a_workflow_is_one(self):
        assert not is_line(Limit(1).key_for("shop.order", {}))

    def test_it_fits_its_column_however_long_the_key_is(self):
        long, longer = (line_key("w" * 200, "k" * count) for count in (254, 255))

        assert max(len(long), len(longer)) <= 255
        assert long != longer
        assert is_line(long)
