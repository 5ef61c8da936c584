"""Who runs the branches of a group: the slice's own thread, and some that help."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import copy_context

#: A helper that has had nothing to do for this long ends.
_IDLE_S = 10.0


class BranchCrew:
    """Runs jobs in the calling thread, with helpers from a pool that all groups share.

    Args:
        threads: How many threads a group may use now, the caller's included; 1 means no helpers,
            which is what a database with one writer, or a test's own transaction, wants.
        on_thread_exit: Called by a helper that ends, such as to close its connections.
        tidy: Called by a helper after each job.
    """

    def __init__(
        self,
        threads: Callable[[], int] = lambda: 1,
        on_thread_exit: Callable[[], object] | None = None,
        tidy: Callable[[], object] | None = None,
    ) -> None:
        self._threads = threads
        self._on_thread_exit = on_thread_exit
        self._tidy = tidy
        self._work: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._helpers: set[threading.Thread] = set()
        self._is_closed = False

    def run(self, jobs: Sequence[Callable[[], None]], most: int | None = None) -> None:
        """Run all the jobs and return when they have ended. Jobs do not raise.

        They are begun in their order; at most `most` run at once. The caller works too, so that
        nothing waits for a helper that is busy elsewhere.
        """
        left = deque(jobs)
        helpers = min(len(jobs), self._threads(), most or len(jobs)) - 1

        def drain() -> None:
            while True:
                try:
                    job = left.popleft()
                except IndexError:
                    return
                job()

        try:
            done = [self._submit(drain) for _ in range(helpers)]
            drain()
            for event in done:
                event.wait()
        finally:
            # Whoever ends this thread ends the jobs too: the helpers begin none of them any more.
            left.clear()

    def _submit(self, drain: Callable[[], None]) -> threading.Event:
        """Have a helper drain; the event is set when it has, or when it finds nothing to do."""
        done = threading.Event()
        context = copy_context()

        def work() -> None:
            try:
                context.run(drain)
            finally:
                done.set()

        with self._changed:
            self._work.append(work)
            if self._idle >= len(self._work):
                self._changed.notify()
                return done
            helper = threading.Thread(target=self._help, name="durable-branch", daemon=True)
            self._helpers.add(helper)
        try:
            helper.start()
        except RuntimeError:  # there is no thread to be had: whoever has time does it
            self._do_without(helper, work, done)
        return done

    def _do_without(
        self, helper: threading.Thread, work: Callable[[], None], done: threading.Event
    ) -> None:
        with self._changed:
            self._helpers.discard(helper)
            if work in self._work:
                self._work.remove(work)
                done.set()

    def close(self, patience: float = 5.0) -> None:
        """Have the helpers end, and wait a while for those that still work."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            helpers = list(self._helpers)
        for helper in helpers:
            helper.join(patience)

    def _help(self) -> None:
        try:
            while (work := self._next()) is not None:
                work()
                if self._tidy is not None:
                    self._tidy()
        finally:
            if self._on_thread_exit is not None:
                self._on_thread_exit()
            with self._changed:
                self._helpers.discard(threading.current_thread())

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            self._idle += 1
            try:
                if not self._work and not self._is_closed:
                    self._changed.wait(_IDLE_S)
                return self._work.popleft() if self._work else None
            finally:
                self._idle -= 1
