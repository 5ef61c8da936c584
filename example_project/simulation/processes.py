"""Start the demo's own processes, and leave none behind.

Each child leads a process group of its own, so that its children can be found and ended with it.
Nothing outside those groups is ever signalled.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from example_project.bootstrap import ROOT

MANAGE = ROOT / "example_project" / "manage.py"
STOP_SECONDS = 8
TAIL_LINES = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A process that the demo started, and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def owns(self, pid: int) -> bool:
        """Say whether `pid` is a living process of this child's group, but not its leader."""
        try:
            return pid != self.process.pid and os.getpgid(pid) == self.process.pid
        except ProcessLookupError:
            return False

    def tail(self) -> str:
        """Return the last lines it wrote."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-TAIL_LINES:])


class Children:
    """The demo's processes; leaving the `with` block ends them all, whatever they are doing."""

    def __init__(
        self,
        logs: Path,
        *,
        program: Sequence[str] = (sys.executable, str(MANAGE)),
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self._logs = logs
        self._program = program
        self._stop_seconds = stop_seconds
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, name: str, *arguments: str, environ: dict[str, str] | None = None) -> Child:
        """Start the program, `manage.py` by default, writing to a log of its name."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*self._program, *arguments],
                cwd=ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name=name, process=process, log=log)
        self._children.append(child)
        return child

    def find_ended(self) -> Child | None:
        """Return a child that ended although nobody asked it to, or None."""
        return next((child for child in self._children if child.has_ended()), None)

    def stop(self) -> None:
        """Ask the children to end, and end by force what has not after a few seconds."""
        try:
            for child in self._children:
                if not child.has_ended():
                    child.process.terminate()
            deadline = time.monotonic() + self._stop_seconds
            for child in self._children:
                _wait(child, deadline)
        finally:
            # Also when Ctrl-C came a second time. The group may outlive its leader.
            for child in self._children:
                _kill_group(child)
            self._children.clear()


def kill_worker(cluster: Child, pid: int) -> bool:
    """Kill one process of the cluster, as a power cut would; False if it is none of ours."""
    if not cluster.owns(pid):
        return False
    os.kill(pid, signal.SIGKILL)
    return True


def find_free_port(first: int) -> int:
    """Return the first port of this machine, from `first` on, on which nobody listens.

    Raises:
        OSError: There is none among the next fifty.
    """
    for port in range(first, first + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"No free port from {first} to {first + 49}.")


def listens(port: int) -> bool:
    """Say whether somebody answers on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(child: Child, deadline: float) -> None:
    try:
        child.process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return


def _kill_group(child: Child) -> None:
    try:
        os.killpg(child.process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # macOS answers the second for a group of which only zombies are left
    finally:
        child.process.wait()
