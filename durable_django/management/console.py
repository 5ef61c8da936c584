"""What the commands share: exit codes, JSON in and out, tables, and text that is safe to print.

Data goes to stdout and talk to stderr; `--json` prints one document. Exit codes: 0 done, 1 error,
2 usage, 3 not found, 4 wrong state, 5 timed out waiting, 130 interrupted.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import Error as AnyDatabaseError
from django.utils.connection import ConnectionDoesNotExist

from durable_django.control.payloads.outside_json import parse_payload
from durable_django.exceptions import (
    DefinitionError,
    DurableError,
    ExecutionKeyConflictError,
    ExecutionNotFoundError,
    InvalidTransitionError,
    PayloadError,
    ResultTimeoutError,
    ScheduleDefinedInCodeError,
    ScheduleExistsError,
    ScheduleNotFoundError,
    StepNotFoundError,
    TimerNotFoundError,
    UnknownWorkflowError,
)

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NOT_FOUND = 3
EXIT_WRONG_STATE = 4
EXIT_TIMED_OUT = 5
EXIT_INTERRUPTED = 130

_EXIT_CODES: tuple[tuple[type[DurableError], int], ...] = (
    (ExecutionNotFoundError, EXIT_NOT_FOUND),
    (UnknownWorkflowError, EXIT_NOT_FOUND),
    (StepNotFoundError, EXIT_NOT_FOUND),
    (TimerNotFoundError, EXIT_NOT_FOUND),
    (ScheduleNotFoundError, EXIT_NOT_FOUND),
    (ScheduleExistsError, EXIT_WRONG_STATE),
    (ScheduleDefinedInCodeError, EXIT_WRONG_STATE),
    (InvalidTransitionError, EXIT_WRONG_STATE),
    (ExecutionKeyConflictError, EXIT_WRONG_STATE),
    (ResultTimeoutError, EXIT_TIMED_OUT),
    (DefinitionError, EXIT_USAGE),
)


class DurableCommand(BaseCommand):
    """A command that acts on executions: `act` does it; what it raises becomes an exit code."""

    # Who must cancel something now is not stopped by a check; `durable_doctor` runs them all.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, turning errors into one line and an exit code."""
        with exit_codes():
            self.act(options)

    def act(self, options: dict[str, Any]) -> None:
        """Do what the command is for."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Tell the person at the terminal something that is not data."""
        self.stderr.write(clean(text), style_func=str)

    def show(self, text: str = "") -> None:
        """Print one line of data."""
        self.stdout.write(clean(text))

    def show_json(self, document: Any) -> None:
        """Print one JSON document, ASCII only."""
        self.stdout.write(json.dumps(to_plain(document), indent=2))

    def show_table(self, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Print a table: coloured by `rich` if that is installed and stdout is a terminal."""
        cells = [[clean(to_text(cell)) for cell in row] for row in rows]
        if find_spec("rich") is not None and self.stdout.isatty():
            _print_rich(self.stdout, head, cells)
            return
        for line in _lay_out(head, cells):
            self.stdout.write(line)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn what is raised inside into a CommandError of one line, with its exit code."""
    try:
        yield
    except DurableError as error:
        raise CommandError(clean(str(error)), returncode=exit_code_of(error)) from error
    except AnyDatabaseError as error:
        raise CommandError(
            f"The database refused: {clean(str(error).strip())}. "
            f"Is it up, and has `manage.py migrate` run?",
            returncode=EXIT_ERROR,
        ) from error
    except (ConnectionDoesNotExist, ImproperlyConfigured, ImportError) as error:
        raise CommandError(
            f"A setting is wrong: {clean(str(error))} `manage.py durable_doctor` says more.",
            returncode=EXIT_ERROR,
        ) from error
    except KeyboardInterrupt:
        raise CommandError("Interrupted.", returncode=EXIT_INTERRUPTED) from None


def exit_code_of(error: DurableError) -> int:
    """Return the exit code that tells this error from others."""
    return next((code for kind, code in _EXIT_CODES if isinstance(error, kind)), EXIT_ERROR)


def usage_error(text: str) -> CommandError:
    """Return the error of somebody who typed something else than the command takes."""
    return CommandError(clean(text), returncode=EXIT_USAGE)


def read_json(text: str, what: str) -> Any:
    """Return the JSON value of an argument: JSON itself, `@file`, or `-` for stdin.

    Raises:
        CommandError: It cannot be read, is no JSON, or is beyond the limits for payloads.
    """
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).read_text(encoding="utf-8")
        return parse_payload(text, what)
    except (OSError, UnicodeDecodeError) as error:
        raise usage_error(f"{what} cannot be read: {error}.") from error
    except PayloadError as error:
        raise usage_error(f"{error} Give JSON, @file or - for stdin.") from error


def confirm(question: str) -> None:
    """Ask at the terminal; return if the answer is yes.

    Raises:
        CommandError: It is not, or nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise usage_error("Nobody is there to confirm: give --yes, or --dry-run to look first.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise usage_error("Nothing was done.")


def count(text: str) -> int:
    """Return the whole number, from 1 on, that an option says."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 on.")
    return int(text)


def clean(text: str) -> str:
    r"""Return the text with everything that a terminal would obey, or not show, spelled out.

    Control characters, line ends, bidirectional overrides and lone surrogates: ESC is `\x1b`.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def to_text(value: object) -> str:
    """Return what a person reads of a value."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(value, (dict, list)):
        return json.dumps(to_plain(value), ensure_ascii=False)
    return str(value)


def to_plain(value: Any) -> Any:
    """Return a value as JSON knows it; what JSON does not know becomes its text."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [to_plain(item) for item in value]
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)


def _lay_out(head: Sequence[str], cells: list[list[str]]) -> Iterator[str]:
    lines = [list(head), *cells]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()


def _print_rich(stream: OutputWrapper, head: Sequence[str], cells: list[list[str]]) -> None:
    # By name, because it is an extra. Text, not markup: a cell may hold [brackets].
    text = import_module("rich.text").Text
    table = import_module("rich.table").Table(box=None, pad_edge=False)
    for number, name in enumerate(head):
        # The id comes first, and half an id is none.
        table.add_column(name, no_wrap=number == 0, overflow="fold")
    for row in cells:
        table.add_row(*(text(cell) for cell in row))
    import_module("rich.console").Console(file=stream).print(table)
