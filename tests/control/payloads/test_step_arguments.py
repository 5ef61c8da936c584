from __future__ import annotations

import json
import sys
from functools import partial, wraps
from typing import Any

import pytest

from durable_django.control.payloads.payload_view import (
    PayloadState,
    arguments_json,
    view_arguments,
)
from durable_django.control.payloads.redaction import HIDDEN
from durable_django.control.payloads.step_arguments import name_arguments
from durable_django.engine.witnesses import path_of


def charge(amount: int, api_key: str = "") -> None: ...


def charge_all(amount: int, *tokens: str, fast: bool = False) -> None: ...


def twice(function: Any) -> Any:
    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> None: ...

    return wrapper


@twice
@twice
def decorated(amount: int, secret: str) -> None: ...


class Gateway:
    def charge(self, amount: int) -> None: ...

    @classmethod
    def build(cls, token: str) -> None: ...

    @staticmethod
    def check(password: str) -> None: ...

    @property
    def trap(self) -> None:
        raise AssertionError("a property was read")

    class Inner:
        def charge(self, card: str) -> None: ...


nothing = 5


@pytest.mark.parametrize(
    ("action", "names"),
    [
        pytest.param(charge, ["amount", "api_key"], id="function"),
        pytest.param(decorated, ["amount", "secret"], id="decorated"),
        pytest.param(Gateway().charge, ["amount"], id="method"),
        pytest.param(Gateway.build, ["token"], id="classmethod"),
        pytest.param(Gateway.check, ["password"], id="staticmethod"),
        pytest.param(Gateway.Inner().charge, ["card"], id="nested class"),
        pytest.param(partial(charge), ["amount", "api_key"], id="partial"),
    ],
)
def test_arguments_get_their_names(action: Any, names: list[str]):
    values = list(range(len(names)))

    assert name_arguments(path_of(action), values) == dict(zip(names, values, strict=True))


def test_fewer_arguments_are_the_first():
    assert name_arguments(path_of(charge), [1]) == {"amount": 1}


def test_further_arguments_are_under_the_name_for_all_of_them():
    assert name_arguments(path_of(charge_all), [1, "a", "b"]) == {"amount": 1, "tokens": ["a", "b"]}


@pytest.mark.parametrize(
    "action",
    [
        pytest.param("", id="nothing"),
        pytest.param("charge", id="no module"),
        pytest.param("no.such.module.charge", id="unknown module"),
        pytest.param(f"{__name__}.nothing", id="no function"),
        pytest.param(f"{__name__}.Gateway", id="class"),
        pytest.param(f"{__name__}.Gateway.trap", id="property"),
        pytest.param(f"{__name__}.charge.__code__", id="inside a function"),
        pytest.param(path_of(lambda a: a), id="lambda"),
        pytest.param("os.system", id="builtin"),
        pytest.param("..", id="dots"),
    ],
)
def test_arguments_of_what_is_unknown_stay_as_they_are(action: str):
    assert name_arguments(action, [1, 2]) == [1, 2]


def test_arguments_that_no_longer_fit_stay_as_they_are():
    assert name_arguments(path_of(charge), [1, 2, 3]) == [1, 2, 3]
    assert name_arguments(path_of(charge), {"forged": 1}) == {"forged": 1}


def test_looking_imports_nothing():
    assert "this" not in sys.modules

    name_arguments("this.d", [1])

    assert "this" not in sys.modules


def test_secret_is_known_by_its_name():
    text = json.dumps({"$tuple": [991, "SECRET"]})

    view = view_arguments(text, path_of(charge), may_see=True)

    assert view.json == {"amount": 991, "api_key": HIDDEN}
    assert arguments_json(text, path_of(charge), may_see=True) == view.json
    assert arguments_json(text, path_of(charge), may_see=False) == {"hidden": True}
    assert view_arguments(text, path_of(charge), may_see=False).state is PayloadState.HIDDEN
    assert view_arguments("", path_of(charge), may_see=True).state is PayloadState.EMPTY
