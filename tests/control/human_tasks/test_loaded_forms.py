from __future__ import annotations

import sys

import pytest

from durable_django.control.human_tasks.errors import UnknownFormError, UnusableFormError
from durable_django.control.human_tasks.loaded_forms import find_form
from tests.control.human_tasks import sample_forms

HERE = sample_forms.__name__


@pytest.mark.parametrize("path", [f"{HERE}.RefundForm", f"{HERE}:RefundForm"])
def test_a_loaded_form_is_found_by_its_path(path: str) -> None:
    assert find_form(path) is sample_forms.RefundForm


def test_a_form_in_a_class_is_found() -> None:
    assert find_form(f"{HERE}.Outer.InnerForm") is sample_forms.Outer.InnerForm


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("antigravity.Form", id="not loaded"),
        pytest.param(f"{HERE}.Nothing", id="no such name"),
        pytest.param("", id="empty"),
        pytest.param("RefundForm", id="no module"),
        pytest.param("...", id="dots"),
        pytest.param("os.system", id="a function"),
        pytest.param("a" * 100_000, id="long"),
        pytest.param("\x00\ud800.Form", id="no text"),
    ],
)
def test_what_is_not_loaded_is_unknown_and_nothing_is_imported_for_it(path: str) -> None:
    before = set(sys.modules)

    with pytest.raises(UnknownFormError):
        find_form(path)

    assert set(sys.modules) == before


@pytest.mark.parametrize("name", ["NoForm", "Outer"])
def test_a_class_that_is_no_form_is_refused_unmade(name: str) -> None:
    with pytest.raises(UnusableFormError, match="no Django form"):
        find_form(f"{HERE}.{name}")
