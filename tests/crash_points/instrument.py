"""Count the points at which a process can die with something to show for it, and die at one.

A point lies before and after every SQL statement, every commit and every line in the ledger: all
that outlives a process. What happens between two of them is lost with the process anyway.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

#: What a shell reports of a process that was killed with SIGKILL.
DIED = 137


class Instrument:
    """Watches one connection of this process; strikes at the `fatal`-th point, counted from 1.

    With `suits`, at the first one from there on that does.
    """

    def __init__(
        self,
        fatal: int | None = None,
        strike: Callable[[str], object] | None = None,
        suits: Callable[[str, bool], bool] = lambda *_: True,
    ) -> None:
        self.count = 0
        #: The name of every point so far, and whether a transaction was open there.
        self.points: list[tuple[str, bool]] = []
        self._fatal = fatal
        self._strike = strike or die
        self._suits = suits
        self._is_paused = False
        self._connection: BaseDatabaseWrapper | None = None

    @contextmanager
    def watching(self, connection: Any) -> Iterator[None]:
        """Count what goes through this connection inside the block."""
        connection.ensure_connection()
        self._connection = connection
        commit = connection._commit

        def counted_commit() -> None:
            with self.around("COMMIT"):
                commit()

        connection._commit = counted_commit
        try:
            with connection.execute_wrapper(self._execute):
                yield
        finally:
            connection._commit = commit

    @contextmanager
    def around(self, what: str) -> Iterator[None]:
        """Put a point before the block and one after it."""
        self._tick(f"before {what}")
        yield
        self._tick(f"after {what}")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Count nothing: what is done here belongs to the experiment, not to the subject."""
        former, self._is_paused = self._is_paused, True
        try:
            yield
        finally:
            self._is_paused = former

    def _execute(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 -- Django's signature
        with self.around(_abridged(sql)):
            return execute(sql, params, many, context)

    def _tick(self, point: str) -> None:
        if self._is_paused:
            return
        self.count += 1
        is_open = self._connection is not None and self._connection.in_atomic_block
        self.points.append((point, is_open))
        is_time = self._fatal is not None and self.count >= self._fatal
        if is_time and self._suits(point, is_open):
            self._fatal = None
            self._strike(point)


def die(point: str) -> None:
    """End this process as SIGKILL would: no `finally`, no rollback, no goodbye to the database."""
    os._exit(DIED)


def stop(point: str) -> None:
    """Stop this process until somebody sends it SIGCONT: a long pause, and it knows nothing."""
    os.kill(os.getpid(), signal.SIGSTOP)


def _abridged(sql: str) -> str:
    text = " ".join(sql.replace('"', "").replace("`", "").split())
    head, _, tail = text.partition(" WHERE ")
    return f"{head[:90]} … WHERE {tail[:40]}" if tail else head[:90]
