"""`durable_worker`: advance executions in one plain process, without a django-q2 cluster."""

from __future__ import annotations

import logging
import signal
import socket
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from durable_django import client, runtime

_STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Command(BaseCommand):
    """Serves queues until SIGTERM or SIGINT; then lets what runs end, and exits with 0."""

    help = (
        "Advance due executions until told to stop (SIGTERM or Ctrl-C: slices that run may end, "
        "the rest is given back; a second time: at once). Start as many as you like."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--queue", action="append", help="serve this queue; may be given again (default: all)"
        )
        parser.add_argument(
            "--threads", type=int, help="how many slices run at once (default: PUMP_THREADS)"
        )
        parser.add_argument("--drain", action="store_true", help="end as soon as nothing is due")
        parser.add_argument(
            "--grace", type=float, default=10.0, help="seconds that slices have to end at the stop"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if options["threads"] is not None and options["threads"] < 1:
            raise CommandError("--threads must be 1 or more.")
        _show_log(options["verbosity"])
        queues = tuple(dict.fromkeys(options["queue"] or client.served_queues()))
        stop = threading.Event()
        if options["verbosity"] > 0:
            self.stdout.write(f"durable_worker serves {', '.join(queues)}.")
        with _StopOnSignal(stop):
            has_ended = runtime.run_loop(
                queues,
                stop,
                threads=options["threads"],
                drain=options["drain"],
                grace=options["grace"],
            )
        if options["verbosity"] > 0:
            self.stdout.write(
                "durable_worker ended."
                if has_ended
                else "durable_worker ended before its slices did; another worker resumes them."
            )


class _StopOnSignal:
    """Sets an event when the process is asked to stop; the next signal ends it at once.

    The handler only writes a byte. It may run in the midst of the event's own code, where setting
    the event could wait for itself.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._reader, self._writer = socket.socketpair()
        self._former: dict[int, Any] = {}

    def __enter__(self) -> None:
        threading.Thread(target=self._listen, name="durable-signals", daemon=True).start()
        # Commands may be called from a thread, which gets no signals.
        if threading.current_thread() is threading.main_thread():
            self._former = {
                number: signal.signal(number, self._hear) for number in _STOPPING_SIGNALS
            }

    def __exit__(self, *_: object) -> None:
        self._restore()
        self._writer.close()

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._restore()
        with suppress(OSError):
            self._writer.send(b"\0")

    def _restore(self) -> None:
        former, self._former = self._former, {}
        for number, handler in former.items():
            signal.signal(number, handler)

    def _listen(self) -> None:
        with self._reader:
            if self._reader.recv(1):
                self._stop.set()


def _show_log(verbosity: int) -> None:
    """Show the package's log on the terminal if the project's settings send it nowhere."""
    log = logging.getLogger("durable_django")
    if log.hasHandlers():
        return
    levels = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO}
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    log.setLevel(levels.get(verbosity, logging.DEBUG))
