"""What the reader asked for: which databases, which services must be there, what goes to pytest."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DATABASES = ("sqlite", "postgresql", "mariadb")
SERVICES = (*DATABASES, "redis")
ALIASES = {"postgres": "postgresql", "pg": "postgresql", "mysql": "mariadb", "sqlite3": "sqlite"}
#: pytest options that narrow down what is run.
SELECTING = ("-k", "-m", "--lf", "--last-failed", "--sw", "--stepwise", "--deselect", "--ignore")
#: With these, one process: the reader wants to see or to touch it.
UNPARALLEL = ("-n", "--numprocesses", "--pdb", "--trace", "-s", "--capture=no", "-pno:xdist")


class UsageError(Exception):
    """The command line or an environment variable asks for something that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One start of `python3 -m tests`."""

    #: Databases to run on, in the order of DATABASES.
    databases: tuple[str, ...]
    #: Services that must not be missing (DURABLE_TEST_REQUIRE).
    required: frozenset[str]
    #: Handed to every pytest process, without `-m`.
    pytest_args: tuple[str, ...]
    #: The reader's own `-m`, or "".
    marker: str
    #: Whether the reader narrowed down what is run, so that a database may well have no test.
    selects: bool


def parse_options(arguments: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Take `--db` and `-m` out of the arguments, and leave the rest to pytest.

    Raises:
        UsageError: `--db` or DURABLE_TEST_REQUIRE names something unknown, or a value is missing.
    """
    db, rest = take_option(arguments, "--db")
    marker, rest = take_option(rest, "-m")
    asked = _parse_names(db, allowed=DATABASES, source="--db") if db else frozenset(DATABASES)
    required = _parse_names(
        environ.get("DURABLE_TEST_REQUIRE", ""), allowed=SERVICES, source="DURABLE_TEST_REQUIRE"
    )
    return Options(
        databases=tuple(name for name in DATABASES if name in asked),
        required=required,
        pytest_args=tuple(rest),
        marker=marker,
        selects=bool(marker) or any(_is_selecting(argument) for argument in rest),
    )


def take_option(arguments: Sequence[str], name: str) -> tuple[str, list[str]]:
    """Return the last value given for an option, or "", and the arguments without it."""
    value, rest = "", []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == name:
            following = next(remaining, None)
            if following is None:
                raise UsageError(f"{name} needs a value.")
            value = following
        elif argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
        elif not name.startswith("--") and argument.startswith(name):
            # The short form, glued: -mslow
            value = argument.removeprefix(name)
        else:
            rest.append(argument)
    return value, rest


def build_pytest_arguments(options: Options, database: str) -> list[str]:
    """Return the arguments of the pytest process for one database.

    On SQLite everything runs; on the others what needs a database, marked so by tests/conftest.py.
    """
    marker = options.marker
    if database != "sqlite":
        marker = f"database and ({marker})" if marker else "database"
    arguments = ["-p", "tests.bootstrap.tally", "-o", f"cache_dir=.pytest_cache/{database}"]
    if not is_unparallel(options.pytest_args):
        arguments += ["-n", "2"]
    if marker:
        arguments += ["-m", marker]
    return [*arguments, *options.pytest_args]


def is_unparallel(arguments: Sequence[str]) -> bool:
    """Tell whether the arguments choose the number of processes, or need a single one."""
    return ("-p", "no:xdist") in itertools.pairwise(arguments) or any(
        argument.startswith(prefix) for argument in arguments for prefix in UNPARALLEL
    )


def _is_selecting(argument: str) -> bool:
    if argument.startswith("-"):
        return argument.startswith(SELECTING)
    return Path(argument.partition("::")[0]).exists()


def _parse_names(text: str, *, allowed: Iterable[str], source: str) -> frozenset[str]:
    words = (word.strip().lower() for word in text.split(","))
    names = frozenset(ALIASES.get(word, word) for word in words if word)
    unknown = sorted(names.difference(allowed))
    if unknown:
        raise UsageError(f"{source} names {', '.join(unknown)}; known: {', '.join(allowed)}.")
    return names
