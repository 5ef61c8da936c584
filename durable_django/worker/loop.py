"""Run a worker in one plain process: pump, heartbeat, and a clean end."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from durable_django.worker.pump import Pump, Shift

logger = logging.getLogger(__name__)

_REST_AFTER_FAILURE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopTimes:
    """Seconds."""

    tick: float = 0.1
    heartbeat: float = 5.0
    #: How often executions are adopted whose process has gone.
    adopt: float = 60.0
    #: How long slices that run may go on after the stop.
    grace: float = 10.0


def run_worker(  # noqa: PLR0913 -- the composition root names each
    pump: Pump,
    stop: threading.Event,
    *,
    drain: bool = False,
    times: LoopTimes | None = None,
    beat: Callable[[], object] = lambda: None,
    adopt: Callable[[], object] = lambda: None,
    schedules: Callable[[], float] = lambda: math.inf,
    drop_connections: Callable[[], object] = lambda: None,
) -> bool:
    """Pump until `stop` is set or, with `drain`, until nothing is due.

    At the stop nothing new is begun, what was claimed and not begun is given back, and slices
    that run have the grace to end. Returns whether they did: what did not is taken up by another
    worker when its lease runs out.

    Raises:
        Exception: What broke off a drain; without `drain` the worker goes on.
    """
    times = times or LoopTimes()
    pumping = _Pumping(
        pump, Shift(linger=0.0 if drain else None, tick=times.tick), stop, drop_connections
    )
    pumping.is_once = drain
    pumping.start()
    next_beat = next_adoption = time.monotonic()
    while pumping.is_alive() and not stop.is_set():
        now = time.monotonic()
        try:
            if now >= next_beat:
                next_beat = now + times.heartbeat
                beat()
            if now >= next_adoption:
                next_adoption = now + times.adopt
                adopt()
        except Exception as error:
            logger.warning("No heartbeat", exc_info=error)
            drop_connections()
        rest = math.inf if drain else schedules()
        stop.wait(min(0.2 if drain else times.heartbeat, times.heartbeat, rest))
    pump.stop()
    pumping.join(times.grace)
    if pumping.failure is not None:
        raise pumping.failure
    return not pumping.is_alive()


class _Pumping(threading.Thread):
    """The thread that pumps, and begins again when the database was away."""

    def __init__(
        self,
        pump: Pump,
        shift: Shift,
        stop: threading.Event,
        drop_connections: Callable[[], object],
    ) -> None:
        super().__init__(name="durable-pump", daemon=True)
        self._pump = pump
        self._shift = shift
        self._stop_event = stop
        self._drop_connections = drop_connections
        self.is_once = False
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while not self._stop_event.is_set():
                try:
                    self._pump.run(self._shift)
                except Exception as error:
                    if self.is_once:
                        self.failure = error
                        return
                    logger.exception("Pump broke off; it begins again")
                    self._drop_connections()
                    self._stop_event.wait(_REST_AFTER_FAILURE_S)
                else:
                    return
        finally:
            self._drop_connections()
