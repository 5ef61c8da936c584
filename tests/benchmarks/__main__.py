"""Measure the engine beside the raw commit rate of the same database, in the same run.

python3 -m tests.benchmarks [--db sqlite,postgresql] [--count 1000] [--runs 3] [--backlog]
python3 -m tests.benchmarks [--db sqlite,postgresql] --listing | --maps

`--backlog` adds the cost of a claim beside a million finished, 100,000 sleeping and 100,000 due
executions. `--listing` measures the admin's list beside a million executions instead, `--maps`
maps over 10,000 items with their time and memory. Absolute figures do not travel between machines
or days: compare within one run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

from example_project.bootstrap import ROOT, EnvironmentSetupError, ensure_environment, say
from tests.__main__ import EXTRAS, GROUPS
from tests.bootstrap.services import ADDRESSES, find_service, run_embedded_postgres


def main(arguments: list[str]) -> int:
    if {"-h", "--help"} & set(arguments):
        say((__doc__ or "").strip())
        return 0
    names = ["sqlite", "postgresql"]
    if "--db" in arguments:
        at = arguments.index("--db")
        names = arguments[at + 1].split(",")
        del arguments[at : at + 2]
    try:
        python = ensure_environment(extras=EXTRAS, groups=GROUPS)
    except EnvironmentSetupError as error:
        sys.exit(str(error))
    worst = 0
    for name in names:
        with ExitStack() as stack:
            environ = {**os.environ, "DURABLE_TEST_DB": name}
            environ.setdefault("DURABLE_TEST_DB_NAME", f"durable_benchmarks_{os.getpid()}")
            if name in ADDRESSES:
                service = find_service(name, python, os.environ)
                if not service.is_there and name == "postgresql":
                    service = stack.enter_context(run_embedded_postgres(python, service))
                if not service.is_there:
                    say(f"{name}: skipped: {service.detail}")
                    continue
                environ[ADDRESSES[name][0]] = service.url
            command = [str(python), "-m", "tests.benchmarks.measure", *arguments]
            worst = max(worst, subprocess.call(command, cwd=ROOT, env=environ))  # noqa: S603
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
