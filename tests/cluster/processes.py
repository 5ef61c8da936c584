"""Start worker processes on the test database, wait for what they do, and end them for certain."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

from durable_django.models import WorkerHeartbeat, WorkflowExecution
from example_project.bootstrap import ROOT
from tests.testapp.models import LedgerEntry

WORKERS: int = settings.Q_CLUSTER["workers"]
#: The longest that anything here may take; a box with other work on it is slow.
PATIENCE_S = 60.0
#: Short, so that what a killed worker held is taken up soon.
QUICK = {"LEASE_SECONDS": 3, "HEARTBEAT_SECONDS": 0.5, "DOORBELL_SECONDS": 2}


class WorkerProcess:
    """A `qcluster` or `durable_worker`, in a session of its own so that nothing outlives it."""

    def __init__(self, command: list[str], log: Path, **durable: Any) -> None:
        self._log = log
        environ = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DURABLE_TEST_DB_NAME": str(connection.settings_dict["NAME"]),
            "DURABLE_TEST_SETTINGS": json.dumps(QUICK | durable),
            "PYTHONUNBUFFERED": "1",
        }
        with log.open("ab") as output:
            self.popen = subprocess.Popen(  # noqa: S603 -- our own command
                [sys.executable, "-m", "django", *command],
                cwd=ROOT,
                env=environ,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self.popen.pid

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(PATIENCE_S)

    def kill(self) -> None:
        """End it and all its children at once, also those that hang."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(PATIENCE_S)


#: Starts a command, such as `durable_worker`, as a process; keywords are DURABLE settings.
Start = Callable[..., WorkerProcess]


def wait_until(condition: Callable[[], Any], *processes: WorkerProcess) -> Any:
    """Return what the condition gives once it is true; show the processes' logs if it never is."""
    ends = time.monotonic() + PATIENCE_S
    while not (value := condition()):
        if time.monotonic() > ends:
            logs = "\n".join(process.log[-60000:] for process in processes)
            raise AssertionError(f"Not so within {PATIENCE_S:g} s. Logs:\n{logs}")
        time.sleep(0.02)
    return value


def wait_for_end(*processes: WorkerProcess) -> None:
    wait_until(
        lambda: not WorkflowExecution.objects.exclude(status="completed").exists(), *processes
    )


def list_workers() -> set[int]:
    """Return the pids of the processes that tick or pump, dead ones among them."""
    return set(WorkerHeartbeat.objects.values_list("pid", flat=True))


def find_busy() -> int:
    """Return the pid of the process that wrote last."""
    entry = LedgerEntry.objects.order_by("-id").first()
    return entry.pid if entry is not None else 0


def count_twice() -> int:
    """Return how many effects were committed more than once."""
    entries = list(LedgerEntry.objects.values_list("execution_id", "name"))
    return len(entries) - len(set(entries))
