"""Who runs claimed executions: a few threads that stay, or the calling thread.

A thread keeps its database connection from slice to slice: opening one per slice costs more than
most slices.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from typing import Protocol

from durable_django.domain.claim import Claim
from durable_django.worker.pace import Pace
from durable_django.worker.tally import Tally

logger = logging.getLogger(__name__)

#: A thread with nothing to do for this long ends, and closes its connection.
IDLE_S = 10.0
#: After this long without work a thread doubts that its connection is still good.
_DOUBT_S = 2.0


class Crew(Protocol):
    """Runs claims that it is given; told what to do by one thread at a time."""

    #: How many slices it runs at once.
    size: int

    @property
    def unbegun(self) -> int:
        """How many claims it has that nobody began."""

    @property
    def running(self) -> int:
        """How many slices run now."""

    def begin(self, claims: Sequence[Claim]) -> None:
        """Run these after those it already has."""

    def take_back(self) -> list[Claim]:
        """Return the claims that nobody began, and forget them."""

    def wait(self, seconds: float) -> None:
        """Return when it may need something, when poked, or after `seconds`."""

    def poke(self) -> None:
        """Make `wait` return, now or the next time."""

    def close(self) -> None:
        """End the threads once they have ended what they run."""


class ThreadCrew:
    """Implements Crew with threads of its own."""

    def __init__(
        self,
        run: Callable[[Claim], object],
        size: int,
        *,
        pace: Pace,
        tally: Tally,
        tidy: Callable[[bool], object] = lambda _doubtful: None,
        on_thread_exit: Callable[[], object] = lambda: None,
    ) -> None:
        self._run = run
        self.size = size
        self._pace = pace
        self._tally = tally
        self._tidy = tidy
        self._on_thread_exit = on_thread_exit
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._news = threading.Condition(self._lock)
        self._claims: deque[Claim] = deque()
        self._threads = self._idle = self._running = 0
        self._is_poked = self._is_closed = False

    @property
    def unbegun(self) -> int:
        return len(self._claims)

    @property
    def running(self) -> int:
        return self._running

    def begin(self, claims: Sequence[Claim]) -> None:
        with self._lock:
            self._claims.extend(claims)
            self._work.notify(len(claims))
            missing = min(len(self._claims) - self._idle, self.size - self._threads)
            for _ in range(missing):
                self._threads += 1
                threading.Thread(target=self._serve, name="durable-crew", daemon=True).start()

    def take_back(self) -> list[Claim]:
        with self._lock:
            claims = list(self._claims)
            self._claims.clear()
            return claims

    def wait(self, seconds: float) -> None:
        with self._lock:
            if not self._is_poked:
                self._news.wait(max(seconds, 0))
            self._is_poked = False

    def poke(self) -> None:
        with self._lock:
            self._is_poked = True
            self._news.notify()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._work.notify_all()

    def _serve(self) -> None:
        try:
            while (taken := self._take()) is not None:
                claim, waited = taken
                self._run_one(claim, is_doubtful=waited > _DOUBT_S)
        finally:
            self._on_thread_exit()

    def _take(self) -> tuple[Claim, float] | None:
        begun = time.monotonic()
        with self._lock:
            self._idle += 1
            self._work.wait_for(lambda: self._claims or self._is_closed, timeout=IDLE_S)
            self._idle -= 1
            if not self._claims or self._is_closed:
                self._threads -= 1
                return None
            self._running += 1
            claim = self._claims.popleft()
            return claim, time.monotonic() - begun

    def _run_one(self, claim: Claim, *, is_doubtful: bool) -> None:
        begun = time.monotonic()
        try:
            if is_doubtful:
                self._tidy(True)  # noqa: FBT003 -- a Callable has no keywords
            # What a step leaves in context variables must not reach the next execution.
            copy_context().run(self._run, claim)
        except BaseException:
            # As if the process had crashed: the lease runs out. The others go on.
            logger.exception("Slice crashed", extra={"execution_id": str(claim.execution_id)})
        finally:
            with suppress(Exception):
                self._tidy(False)  # noqa: FBT003 -- a Callable has no keywords
            with self._lock:
                self._running -= 1
                self._pace.note(time.monotonic() - begun)
                if len(self._claims) <= self.size:
                    self._is_poked = True
                    self._news.notify()
            self._tally.add(finished=1)


class InlineCrew:
    """Implements Crew in the thread that waits for it: one slice at each `wait`.

    What a slice raises passes through.
    """

    size = 1
    running = 0

    def __init__(
        self,
        run: Callable[[Claim], object],
        *,
        pace: Pace,
        tally: Tally,
        sleep: Callable[[float], object] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._pace = pace
        self._tally = tally
        self._sleep = sleep
        self._monotonic = monotonic
        self._claims: deque[Claim] = deque()
        self._poked = threading.Event()

    @property
    def unbegun(self) -> int:
        return len(self._claims)

    def begin(self, claims: Sequence[Claim]) -> None:
        self._claims.extend(claims)

    def take_back(self) -> list[Claim]:
        claims = list(self._claims)
        self._claims.clear()
        return claims

    def wait(self, seconds: float) -> None:
        if not self._claims:
            self._rest(seconds)
            return
        claim = self._claims.popleft()
        begun = self._monotonic()
        try:
            copy_context().run(self._run, claim)
        finally:
            self._pace.note(self._monotonic() - begun)
            self._tally.add(finished=1)

    def poke(self) -> None:
        self._poked.set()

    def close(self) -> None:
        """Do nothing: there is no thread to end."""

    def _rest(self, seconds: float) -> None:
        if self._sleep is not None:
            self._sleep(seconds)
        else:
            self._poked.wait(max(seconds, 0))
        self._poked.clear()
