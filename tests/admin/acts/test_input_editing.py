from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from durable_django.admin.acts.input_editing import EditableInput, find_editable
from durable_django.runtime import engine

SHOWN = {"user": "ada", "password": "•••", "accounts": [{"token": "•••"}, 1]}
REAL = {"user": "ada", "password": "hunter2", "accounts": [{"token": "t1"}, 1]}


def store(value: Any) -> str:
    return engine().payloads.encode(value, "Input")


def test_secrets_are_not_in_the_text_to_edit():
    editable = find_editable(store(REAL))

    assert editable == EditableInput(REAL, SHOWN)
    assert "hunter2" not in editable.text
    assert "t1" not in editable.text


@pytest.mark.parametrize(
    ("edited", "merged"),
    [
        pytest.param(SHOWN, REAL, id="nothing"),
        pytest.param({**SHOWN, "user": "bob"}, {**REAL, "user": "bob"}, id="beside a secret"),
        pytest.param({**SHOWN, "password": "new"}, {**REAL, "password": "new"}, id="the secret"),
        pytest.param(
            {**SHOWN, "accounts": [{"token": "•••"}, 2]}, {**REAL, "accounts": [{"token": "t1"}, 2]},
            id="in a list",
        ),
        pytest.param({"user": "ada"}, {"user": "ada"}, id="taken out"),
        pytest.param({**SHOWN, "more": [1]}, {**REAL, "more": [1]}, id="added"),
        pytest.param([1], [1], id="something else"),
    ],
)  # fmt: skip
def test_what_was_left_as_shown_is_what_it_was(edited: Any, merged: Any):
    assert EditableInput(REAL, SHOWN).merge(edited) == merged


@pytest.mark.parametrize(
    "edited",
    [{"password": "a•••"}, {"new": "•••"}, {**SHOWN, "accounts": [{"token": "•••"}]}],
    ids=["inside a text", "where none was", "in a list of another length"],
)
def test_a_hidden_secret_where_none_was_is_refused(edited: Any):
    with pytest.raises(ValidationError, match="stands for a secret"):
        EditableInput(REAL, SHOWN).merge(edited)


@pytest.mark.parametrize(
    "value", [{"at": datetime(2026, 1, 1, tzinfo=UTC)}, {"pair": (1, 2)}], ids=["date", "tuple"]
)
def test_what_json_cannot_say_is_not_for_editing(value: Any):
    assert find_editable(store(value)) is None


def test_what_cannot_be_read_is_not_for_editing():
    assert find_editable("{nonsense") is None
