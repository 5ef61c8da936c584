"""Run the whole suite with nothing but a Python: `python3 -m tests [--db NAMES] [pytest arguments]`.

Makes `.venv` on the first start, then runs pytest once per database: SQLite always, and PostgreSQL
and MariaDB where they answer. Everything runs on SQLite; on the others, what has to do with them.

  --db sqlite,postgresql       only these databases
  DURABLE_TEST_POSTGRES_URL    default postgresql://postgres@127.0.0.1:5432, else embedded
  DURABLE_TEST_MYSQL_URL       default mysql://root@127.0.0.1:3306
  DURABLE_TEST_REDIS_URL       default redis://127.0.0.1:6379/0
  DURABLE_TEST_CHROMIUM        the browser of the browser tests; empty skips them, as CI does
  DURABLE_TEST_REQUIRE         e.g. postgresql,mariadb,redis: missing ones are an error
  DURABLE_TEST_DB_NAME         another database name, for two runs of one checkout at a time

All other arguments go to every pytest process, e.g. `-k saga -x`. `-n 2` is the default.
The last line reads `N passed, N failed, N skipped`; the exit code is 0 if nothing failed.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from example_project.bootstrap import ROOT, EnvironmentSetupError, ensure_environment, say
from tests.bootstrap.browser import find_browser
from tests.bootstrap.options import (
    Options,
    UsageError,
    build_pytest_arguments,
    parse_options,
)
from tests.bootstrap.services import (
    ADDRESSES,
    Service,
    find_service,
    list_missing,
    run_embedded_postgres,
)
from tests.bootstrap.summary import (
    INTERRUPTED,
    Row,
    decide_exit_code,
    format_table,
    format_totals,
    make_row,
    read_counts,
)

EXTRAS = ("rest", "redis", "encryption", "cli")
GROUPS = ("test", "tests-databases")
BROWSER_GROUPS = ("tests-browser",)


def main(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        say((__doc__ or "").strip())
        return 0
    try:
        options = parse_options(arguments, os.environ)
        browser = find_browser(os.environ)
        groups = (*GROUPS, *BROWSER_GROUPS) if browser.is_there else GROUPS
        python = ensure_environment(extras=EXTRAS, groups=groups)
    except (UsageError, EnvironmentSetupError) as error:
        sys.exit(str(error))
    with ExitStack() as stack:
        services = _find_services(options, python, stack)
        missing = list_missing(services.values(), options.required)
        if missing:
            for service in missing:
                say(f"DURABLE_TEST_REQUIRE names {service.name}, but: {service.detail}")
            return 1
        services[browser.name] = browser
        rows = _run_databases(options, python, services)
    others = [_describe(services["redis"]), _describe(browser)]
    say(f"\n{format_table([*rows, *others])}\n")
    if decide_exit_code(rows, selects=options.selects) and not any(row.failed for row in rows):
        say("No test was found" + (" by this selection." if options.selects else " on a database."))
    say(format_totals(rows))
    return decide_exit_code(rows, selects=options.selects)


def _find_services(options: Options, python: Path, stack: ExitStack) -> dict[str, Service]:
    sqlite = Service(name="sqlite", url="sqlite://", detail=f"SQLite {sqlite3.sqlite_version}")
    found = {"sqlite": sqlite}
    for name in ADDRESSES:
        if name in options.databases or name == "redis":
            found[name] = find_service(name, python, os.environ)
    postgresql = found.get("postgresql")
    if postgresql and not postgresql.is_there:
        say(f"postgresql: {postgresql.detail}; starting the embedded one")
        found["postgresql"] = stack.enter_context(run_embedded_postgres(python, postgresql))
    return found


def _run_databases(options: Options, python: Path, services: dict[str, Service]) -> list[Row]:
    rows: list[Row] = []
    for name in options.databases:
        service = services[name]
        if not service.is_there:
            rows.append(Row(name=name, note=f"skipped: {service.detail}"))
            continue
        say(f"\n=== {name}: {service.detail} ===")
        rows.append(_run_pytest(options, python, service, services))
        if rows[-1].exit_code == INTERRUPTED:
            break
    return rows


def _run_pytest(
    options: Options, python: Path, service: Service, others: dict[str, Service]
) -> Row:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="durable-tests-") as directory:
        tally = Path(directory) / "tally.json"
        environ = {
            **os.environ,
            "DURABLE_TEST_DB": service.name,
            "DURABLE_TEST_TALLY": str(tally),
            # Empty where there is none: their tests skip themselves.
            "DURABLE_TEST_REDIS_URL": others["redis"].url,
            "DURABLE_TEST_CHROMIUM": others["chromium"].url,
        }
        # Else every process that a test starts compiles the package, and pytest all the tests anew.
        environ.pop("PYTHONDONTWRITEBYTECODE", None)
        if service.name in ADDRESSES:
            environ[ADDRESSES[service.name][0]] = service.url
        command = [str(python), "-m", "pytest", *build_pytest_arguments(options, service.name)]
        with subprocess.Popen(command, cwd=ROOT, env=environ) as process:
            exit_code = _wait(process)
        counts = read_counts(tally)
    return make_row(
        name=service.name,
        exit_code=exit_code,
        counts=counts,
        seconds=time.monotonic() - began,
        note=service.detail,
    )


def _wait(process: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            # Ctrl-C reached pytest as well; let it say what it has and drop its databases.
            continue


def _describe(service: Service) -> Row:
    return Row(name=service.name, note=("" if service.is_there else "skipped: ") + service.detail)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
