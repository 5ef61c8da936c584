from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import OperationalError
from django.utils.connection import ConnectionDoesNotExist

from durable_django.exceptions import (
    ConfigurationError,
    DefinitionError,
    DurableError,
    ExecutionKeyConflictError,
    ExecutionNotFoundError,
    InvalidTransitionError,
    ResultTimeoutError,
    UnknownWorkflowError,
    WorkflowFailedError,
)
from durable_django.management.console import (
    DurableCommand,
    clean,
    exit_codes,
    read_json,
    to_plain,
    to_text,
)

ESCAPE = "\x1b[31m"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigurationError("wrong"), 1),
        (WorkflowFailedError("id", "ValueError", "no"), 1),
        (DefinitionError("no such name"), 2),
        (ExecutionNotFoundError("id"), 3),
        (UnknownWorkflowError("shop.order"), 3),
        (InvalidTransitionError("id", "failed", "cancelled", ("running",)), 4),
        (ExecutionKeyConflictError("shop.order", "key", "id"), 4),
        (ResultTimeoutError("id", timedelta(seconds=1), "running"), 5),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_becomes_a_line_and_an_exit_code(error: DurableError, code: int):
    with pytest.raises(CommandError) as caught, exit_codes():
        raise error

    assert caught.value.returncode == code
    assert str(caught.value) == str(error)


def test_database_error_says_what_to_look_at():
    with pytest.raises(CommandError, match="`manage") as caught, exit_codes():
        raise OperationalError("no such table: x\n")

    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    "error",
    [ImportError("No module named 'no'."), ConnectionDoesNotExist("'other' doesn't exist.")],
    ids=lambda error: type(error).__name__,
)
def test_wrong_setting_points_to_the_doctor(error: Exception):
    with pytest.raises(CommandError, match="durable_doctor") as caught, exit_codes():
        raise error

    assert caught.value.returncode == 1


def test_interruption_has_its_own_exit_code():
    with pytest.raises(CommandError) as caught, exit_codes():
        raise KeyboardInterrupt

    assert caught.value.returncode == 130


def test_error_of_ours_cannot_steer_the_terminal():
    with pytest.raises(CommandError) as caught, exit_codes():
        raise DurableError(f"{ESCAPE}two\nlines")

    assert str(caught.value) == r"\x1b[31mtwo\nlines"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Grüße, 東京", "Grüße, 東京", id="letters"),
        pytest.param("a\x1b]0;title\x07b", r"a\x1b]0;title\x07b", id="escape and bell"),
        pytest.param("a\r\nb\tc", r"a\r\nb\tc", id="line ends and tabs"),
        pytest.param("abc\u202ecba", r"abc\u202ecba", id="right to left"),
        pytest.param("a\u2028b\u200bc", r"a\u2028b\u200bc", id="separators and no width"),
        pytest.param("a\ud800b", r"a\ud800b", id="lone surrogate"),
        pytest.param("a\x9bb", r"a\x9bb", id="one-byte escape"),
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(text: str, shown: str):
    assert clean(text) == shown


class TestReadJson:
    def test_takes_json(self, engine: Any):
        assert read_json('{"a": [1]}', "--input") == {"a": [1]}

    def test_takes_a_file(self, engine: Any, tmp_path: Path):
        (tmp_path / "input.json").write_text('{"a": "ü"}', encoding="utf-8")

        assert read_json(f"@{tmp_path / 'input.json'}", "--input") == {"a": "ü"}

    def test_takes_stdin(self, engine: Any, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("sys.stdin", StringIO("[1]"))

        assert read_json("-", "--input") == [1]

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("{'a': 1}", id="no JSON"),
            pytest.param("@/no/such/file", id="no file"),
            pytest.param('{"a": NaN}', id="no number"),
            pytest.param("[" * 100 + "]" * 100, id="too deep"),
        ],
    )
    def test_refuses_the_rest_as_usage(self, engine: Any, text: str):
        with pytest.raises(CommandError, match="--input") as caught:
            read_json(text, "--input")

        assert caught.value.returncode == 2


class Speaker(DurableCommand):
    """Gives access to what commands print with."""


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


class TestPrinting:
    def test_table_is_plain_and_aligned(self):
        out = StringIO()

        Speaker(stdout=out).show_table(("id", "name"), [(1, "a"), (22, f"{ESCAPE}b")])  # type: ignore[arg-type]

        assert out.getvalue().splitlines() == ["id  name", "1   a", r"22  \x1b[31mb"]

    def test_table_without_rows_is_its_head(self):
        out = StringIO()

        Speaker(stdout=out).show_table(("id", "name"), [])  # type: ignore[arg-type]

        assert out.getvalue() == "id  name\n"

    def test_rich_prints_to_a_terminal_and_takes_nothing_for_markup(self):
        pytest.importorskip("rich", reason="needs the extra `cli`")
        out = Terminal()

        Speaker(stdout=out).show_table(("id", "name"), [(1, f"[red]a[/red]{ESCAPE}")])  # type: ignore[arg-type]

        assert r"[red]a[/red]\x1b[31m" in out.getvalue()

    def test_narrow_terminal_cuts_no_id(self, monkeypatch: pytest.MonkeyPatch):
        pytest.importorskip("rich", reason="needs the extra `cli`")
        monkeypatch.setenv("COLUMNS", "60")
        out, id_ = Terminal(), "01a1f874-cbed-73bc-bc93-d6d3925c7f88"

        Speaker(stdout=out).show_table(("id", "a", "b"), [(id_, "word " * 9, "word " * 9)])  # type: ignore[arg-type]

        assert id_ in out.getvalue()

    def test_terminal_without_rich_gets_a_plain_table(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("durable_django.management.console.find_spec", lambda _: None)
        out = Terminal()

        Speaker(stdout=out).show_table(("id",), [(1,)])  # type: ignore[arg-type]

        assert out.getvalue() == "id\n1\n"

    def test_json_is_ascii(self):
        out = StringIO()

        Speaker(stdout=out).show_json({"name": f"ü{ESCAPE}"})  # type: ignore[arg-type]

        assert out.getvalue().isascii()
        assert "\x1b" not in out.getvalue()
        assert json.loads(out.getvalue()) == {"name": f"ü{ESCAPE}"}

    def test_talk_goes_to_stderr_unstyled(self):
        err = Terminal()

        Speaker(stderr=err).say("done")  # type: ignore[arg-type]

        assert err.getvalue() == "done\n"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        pytest.param({1: {"a"}}, {"1": ["a"]}, id="dict and set"),
        pytest.param((Decimal("1.50"),), ["1.50"], id="decimal"),
        pytest.param(datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00", id="instant"),
        pytest.param(timedelta(minutes=1), 60.0, id="duration"),
        pytest.param(None, None, id="nothing"),
    ],
)
def test_any_value_becomes_json(value: Any, plain: Any):
    assert to_plain(value) == plain


def test_instants_are_read_in_utc():
    instant = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)

    assert to_text(instant) == "2026-01-02 03:04:00 UTC"
