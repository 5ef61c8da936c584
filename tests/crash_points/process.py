"""Real processes: fork one, wait for it to end or to stop."""

from __future__ import annotations

import gc
import os
import signal
import traceback
import warnings
from collections.abc import Callable

from django.db import connections

from tests.crash_points.ledger import Ledger

FAILED = 70


class Child:
    """A forked process that does `work` and exits 0, or exits FAILED and says why in the ledger."""

    def __init__(self, ledger: Ledger, work: Callable[[], object]) -> None:
        # A connection must not be shared: the child would speak into its parent's.
        connections.close_all()
        ledger.close()
        self.has_ended = False
        with warnings.catch_warnings():
            # From Python 3.12 on: the runner's own threads do not exist in the child.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            _work_and_exit(ledger, work)

    def wait(self) -> int:
        """Return the exit code once it has ended."""
        _, status = os.waitpid(self.pid, 0)
        self.has_ended = True
        return os.waitstatus_to_exitcode(status)

    def wait_until_stopped(self) -> bool:
        """Return True once it has stopped, False if it ended instead."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        self.has_ended = not os.WIFSTOPPED(status)
        return not self.has_ended

    def resume(self) -> None:
        """Let a stopped process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def end(self) -> None:
        """Kill it, stopped or not, unless it has ended."""
        if not self.has_ended:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


def _work_and_exit(ledger: Ledger, work: Callable[[], object]) -> None:
    # What the collector touches is copied from the parent, and this process is short.
    gc.disable()
    code = FAILED
    try:
        work()
        code = 0
    except BaseException:  # noqa: BLE001 -- reported, and this process ends
        ledger.write("broken", traceback=traceback.format_exc())
    finally:
        os._exit(code)
