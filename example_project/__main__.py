"""Show durable execution at work, with nothing but a Python: `python3 -m example_project`.

Makes `.venv` on the first start, then starts a django-q2 cluster and a web server, sends them some
thirty orders, transfers and customers, kills a worker half-way through a payment, and reports what
became of each. Goes on serving the admin until Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from example_project.bootstrap import ROOT, EnvironmentSetupError, ensure_environment
from example_project.simulation.options import add_options

EXTRAS = ["rest", "cli"]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m example_project", description=__doc__)
    add_options(parser)
    parser.parse_args(arguments)
    extras = [*EXTRAS, "postgres"] if os.environ.get("EXAMPLE_DATABASE_URL") else EXTRAS
    try:
        python = ensure_environment(extras=extras)
    except EnvironmentSetupError as error:
        sys.exit(str(error))
    command = [str(python), str(ROOT / "example_project" / "manage.py"), "demo", *arguments]
    sys.stdout.flush()
    if os.name != "nt":
        # In place of this process, so that Ctrl-C and signals reach the demo and nobody else.
        os.execv(command[0], command)  # noqa: S606 - no shell is wanted
    return subprocess.call(command)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
