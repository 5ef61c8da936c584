"""All that a process has for advancing executions: crew, pumps, ticker, heartbeat.

One per process. It chooses nothing: the composition root hands in every need.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta

from durable_django.conf import DurableSettings
from durable_django.domain.heartbeat import Heartbeat
from durable_django.engine.durable_engine import DurableEngine
from durable_django.ports.dispatcher import Dispatcher
from durable_django.ports.doorbell import Doorbell, queue_of
from durable_django.ports.heartbeats import Heartbeats
from durable_django.scheduling.schedule_keeper import ScheduleKeeper
from durable_django.worker.crew import Crew, InlineCrew, ThreadCrew
from durable_django.worker.election import Election
from durable_django.worker.loop import LoopTimes, run_worker
from durable_django.worker.pace import Pace
from durable_django.worker.pump import Pump, Shift
from durable_django.worker.rescuer import Rescuer
from durable_django.worker.schedule_watch import ScheduleWatch
from durable_django.worker.store_time import StoreTime
from durable_django.worker.tally import Tally
from durable_django.worker.ticker import Ticker, TickerTimes

logger = logging.getLogger(__name__)

_BACKSTOP_EVERY_S = 60.0
_MOST_ADOPTED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkforceNeeds:
    """The outside world of a workforce."""

    engine: DurableEngine
    conf: DurableSettings
    doorbell: Doorbell
    heartbeats: Heartbeats
    dispatcher: Dispatcher
    #: The queues that are served, asked for anew each time: workflows may register late.
    queues: Callable[[], Collection[str]]
    #: How many threads run slices; 0 means the thread that pumps.
    threads: int
    #: The most pumps that are rung at once.
    slots: int
    #: What is elected in: processes with the same name have one ticker between them.
    cluster: str
    #: Drops the calling thread's connections that went bad; True: ask those that look well.
    tidy: Callable[[bool], object]
    #: Closes the calling thread's connections.
    drop_connections: Callable[[], object]
    #: Has schedules tick; None: this process leaves that to others.
    schedules: ScheduleKeeper | None = None
    #: Makes sure that `recover` is called now and then.
    ensure_backstop: Callable[[], object] = field(default=lambda: None)


class Workforce:
    """Advances executions in this process, whoever asks for it."""

    def __init__(self, needs: WorkforceNeeds) -> None:
        self._needs = needs
        self._tally = Tally()
        self._pace = Pace(needs.conf.pump_batch)
        self._crew = self._new_crew(needs.threads)
        self._election = Election(needs.cluster)
        self._stop = threading.Event()
        self._ticking: threading.Thread | None = None
        self._saw_to_backstop_at = -math.inf

    # --- what a cluster's tasks do ---

    def pump(self, slot: str) -> None:
        """Advance the slot's queue for a while, and ring again if work is left."""
        needs, queue = self._needs, queue_of(slot)
        # Before looking: what comes in after the look rings anew.
        needs.doorbell.answer(slot)
        if self._new_pump([queue], self._crew, needs.doorbell).run(self._shift()):
            needs.dispatcher.wake(queue)

    def recover(self) -> None:
        """Have schedules tick, adopt what a vanished process would have advanced, pump every queue."""
        if (watch := self._new_watch()) is not None:
            watch.tick()
        self._adopt_orphans()
        queues = tuple(self._needs.queues())
        if self._new_pump(queues, self._crew, self._needs.doorbell).run(self._shift(linger=0.0)):
            for queue in queues:
                self._needs.dispatcher.wake(queue)

    def _adopt_orphans(self) -> None:
        # Whoever started one a moment ago is about to begin it.
        grace = timedelta(seconds=self._needs.conf.lease_seconds)
        self._needs.engine.store.adopt_orphans(_MOST_ADOPTED, grace=grace)

    def _shift(self, linger: float | None = None) -> Shift:
        conf = self._needs.conf
        return Shift(
            budget=conf.pump_budget_seconds,
            linger=conf.pump_linger_seconds if linger is None else linger,
            tick=conf.tick_seconds,
        )

    # --- what every worker of a cluster does beside its tasks ---

    def start_ticker(self, kind: str) -> None:
        """Tick in a thread until `close`; a second call does nothing."""
        if self._ticking is not None and self._ticking.is_alive():
            return
        ticker = self._new_ticker(kind)
        self._ticking = threading.Thread(
            target=ticker.run, args=(self._stop,), name="durable-ticker", daemon=True
        )
        self._ticking.start()

    def close(self) -> None:
        """End the threads, and let another process be elected. What they run is left to its lease."""
        self._stop.set()
        self._crew.close()
        if self._ticking is not None:
            self._ticking.join(timeout=5)
        self._election.resign()

    def leave(self) -> None:
        """Close, and take back this process's sign of life: it ends as it should, and is not lost."""
        self.close()
        self._take_back_heartbeat()

    def _take_back_heartbeat(self) -> None:
        try:
            self._needs.heartbeats.forget(self._needs.engine.owner)
        except Exception as error:
            # It is deleted when it has been silent for long enough.
            logger.warning("Heartbeat not taken back", exc_info=error)

    def _new_watch(self) -> ScheduleWatch | None:
        needs = self._needs
        if needs.schedules is None:
            return None
        return ScheduleWatch(
            needs.schedules,
            StoreTime(needs.engine.store),
            drop_connections=needs.drop_connections,
        )

    def _new_ticker(self, kind: str) -> Ticker:
        needs, conf = self._needs, self._needs.conf
        watch = self._new_watch()
        return Ticker(
            needs.engine.store,
            needs.queues,
            needs.dispatcher,
            needs.doorbell,
            election=self._election,
            rescue=Rescuer(self._rescue, needs.drop_connections),
            housekeeping=lambda is_elected: self._keep_house(kind, is_elected=is_elected),
            schedules=_never if watch is None else watch.tick,
            drop_connections=needs.drop_connections,
            times=TickerTimes(
                tick=conf.tick_seconds,
                stand_by=max(conf.wedged_after_seconds, 10 * conf.tick_seconds),
                wedged_after=conf.wedged_after_seconds,
                housekeeping=conf.heartbeat_seconds,
                batch=conf.pump_batch,
                most_slots=needs.slots,
            ),
        )

    def _rescue(self, queue: str) -> None:
        # Neither answers the doorbell nor attends: it would look as if the cluster had come.
        crew = self._new_crew(self._rescue_threads())
        try:
            self._new_pump([queue], crew, None).run(self._shift(linger=0.0))
        finally:
            crew.close()

    def _rescue_threads(self) -> int:
        """Return a queue's share of the threads: all queues may have to be rescued at once."""
        threads = self._needs.threads
        return max(1, threads // max(1, len(self._needs.queues()))) if threads else 0

    def _keep_house(self, kind: str, *, is_elected: bool) -> None:
        needs, now = self._needs, time.monotonic()
        self.beat(kind, tuple(needs.queues()))
        if is_elected:
            needs.heartbeats.delete_stale(
                timedelta(seconds=max(60.0, 10 * needs.conf.heartbeat_seconds))
            )
        if is_elected and now - self._saw_to_backstop_at >= _BACKSTOP_EVERY_S:
            self._saw_to_backstop_at = now
            needs.ensure_backstop()

    # --- a worker that is a process of its own ---

    def run_loop(
        self,
        pump: Pump,
        stop: threading.Event,
        *,
        queues: Collection[str],
        drain: bool,
        grace: float,
    ) -> bool:
        """Pump until told to stop, or until nothing is due; see `run_worker`."""
        needs, conf = self._needs, self._needs.conf
        watch = self._new_watch()
        try:
            if drain and watch is not None:
                watch.drain()
            return run_worker(
                pump,
                stop,
                drain=drain,
                times=LoopTimes(
                    tick=conf.tick_seconds, heartbeat=conf.heartbeat_seconds, grace=grace
                ),
                beat=lambda: self.beat("durable_worker", tuple(queues)),
                adopt=self._adopt_orphans,
                schedules=_never if watch is None else watch.tick,
                drop_connections=needs.drop_connections,
            )
        finally:
            self._crew.close()
            self._take_back_heartbeat()

    def new_loop_pump(self, queues: Collection[str]) -> Pump:
        """Return a pump of these queues on this process's crew."""
        return self._new_pump(queues, self._crew, self._needs.doorbell)

    def beat(self, kind: str, queues: tuple[str, ...]) -> None:
        """Say that this process is alive."""
        self._needs.heartbeats.beat(
            Heartbeat(
                id=self._needs.engine.owner,
                host=socket.gethostname(),
                pid=os.getpid(),
                kind=kind,
                queues=queues,
                claimed=self._tally.claimed,
                finished=self._tally.finished,
            )
        )

    def _new_pump(self, queues: Collection[str], crew: Crew, doorbell: Doorbell | None) -> Pump:
        return Pump(
            self._needs.engine,
            queues,
            crew,
            pace=self._pace,
            tally=self._tally,
            doorbell=doorbell,
        )

    def _new_crew(self, threads: int) -> Crew:
        needs = self._needs
        if threads == 0:
            return InlineCrew(needs.engine.run_claim, pace=self._pace, tally=self._tally)
        return ThreadCrew(
            needs.engine.run_claim,
            threads,
            pace=self._pace,
            tally=self._tally,
            tidy=needs.tidy,
            on_thread_exit=needs.drop_connections,
        )


def _never() -> float:
    """Ask for no call at all."""
    return math.inf
