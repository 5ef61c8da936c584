"""Run the demo from beginning to end: prepare, start, interfere, watch, report, stay.

Every wait has an end, and the processes it started end with it, however it ends.
"""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from example_project.simulation.actors import Saboteur, Visitors
from example_project.simulation.audit import audit
from example_project.simulation.board import Line, read_lines
from example_project.simulation.live_table import View, make_view
from example_project.simulation.options import DEFAULT_PORT
from example_project.simulation.people import READER, let_in
from example_project.simulation.processes import (
    Child,
    Children,
    find_free_port,
    kill_worker,
    listens,
)
from example_project.simulation.report import Report
from example_project.simulation.scenario import Scenario
from example_project.simulation.scenarios import start_scenarios
from example_project.simulation.stage import Stage, make_superuser, set_stage

READY_SECONDS = 60.0
LOOK_SECONDS = 0.2
FIRST_PAGE = "admin:durable_django_workflowexecution_changelist"
INBOX = "admin:durable_django_humantask_changelist"
API = "durable-api:root"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOptions:
    """What the command line says."""

    exits: bool
    port: int | None
    count: int
    timeout_seconds: float
    is_fresh: bool


@dataclass(slots=True)
class Show:
    """One start of the demo."""

    options: ShowOptions
    timings: dict[str, float] = field(default_factory=dict)

    def run(self) -> bool:
        """Run it; return whether everything ended as it should.

        Raises:
            CommandError: It could not begin, or a process of it ended early.
        """
        # Each task that a start sends would be a line of its own, between those of the demo.
        logging.getLogger("django-q").setLevel(logging.WARNING)
        with _only_one(settings.VAR / "demo.lock"), Children(settings.VAR / "log") as children:  # type: ignore[misc]  # ours, not the tests'
            with self._timed("prepare the database"):
                self._prepare()
            stage = set_stage(stock=max(self.options.count, 100))
            login = make_superuser()
            let_in(login[1])
            with self._timed("start cluster and web server"):
                cluster, address = self._start(children)
            _print_doors(address, login)
            report = self._play(stage, children, cluster)
            print(f"\n{report.write()}\n", flush=True)
            if not report.is_good:
                print(f"Last lines of {cluster.log}:\n{cluster.tail()}\n", flush=True)
            if not self.options.exits:
                self._stay(children, address, login)
            return report.is_good

    def _prepare(self) -> None:
        database = settings.DATABASES["default"]
        print(f"Database: {database['NAME']}", flush=True)
        if self.options.is_fresh and connection.vendor == "sqlite":
            connection.close()
            for suffix in ("", "-wal", "-shm"):
                Path(f"{database['NAME']}{suffix}").unlink(missing_ok=True)
        call_command("migrate", verbosity=0, interactive=False)

    def _start(self, children: Children) -> tuple[Child, str]:
        port = self.options.port or find_free_port(DEFAULT_PORT)
        if listens(port):
            raise CommandError(f"Port {port} is taken; choose another one with --port.")
        cluster = children.start("qcluster", "qcluster", environ={"EXAMPLE_DEBUG": "0"})
        children.start("runserver", "runserver", f"127.0.0.1:{port}", "--noreload")
        _await(children, lambda: listens(port))
        return cluster, f"http://127.0.0.1:{port}{reverse(FIRST_PAGE)}"

    def _play(self, stage: Stage, children: Children, cluster: Child) -> Report:
        with make_view() as view:
            with self._timed("start the executions"):
                scenarios = start_scenarios(stage, self.options.count)
            view.tell(f"{len(scenarios)} executions are started.")
            victim = next(scenario for scenario in scenarios if scenario.is_victim)
            saboteur = Saboteur(victim, lambda pid: kill_worker(cluster, pid), view.tell)
            with self._timed("all executions ended after"):
                lines = self._watch(scenarios, children, saboteur, view)
        return Report(
            scenarios=scenarios,
            lines=lines,
            checks=list(audit(stage)),
            saboteur=saboteur,
            timings=self.timings,
        )

    def _watch(
        self, scenarios: Sequence[Scenario], children: Children, saboteur: Saboteur, view: View
    ) -> Mapping[UUID, Line]:
        """Let the actors act until all has settled or the time is up."""
        ids = [scenario.id for scenario in scenarios]
        visitors = Visitors(scenarios, view.tell)
        deadline = time.monotonic() + self.options.timeout_seconds
        while True:
            lines = read_lines(ids)
            view.show(scenarios, lines)
            saboteur.act()
            visitors.act(lines)
            if all(s.id in lines and s.is_over(lines[s.id]) for s in scenarios):
                return lines
            if time.monotonic() > deadline:
                view.tell(f"The {self.options.timeout_seconds:g} s are over.")
                return lines
            _check(children)
            time.sleep(LOOK_SECONDS)

    def _stay(self, children: Children, address: str, login: tuple[str, str]) -> None:
        print(f"The cluster and the admin go on: {address} ({login[0]} / {login[1]})")
        print(f"A claim waits in the inbox of {READER}, who has the same password.")
        print("Ctrl-C ends them.", flush=True)
        while True:
            _check(children)
            time.sleep(1)

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.timings[what] = time.monotonic() - began


def _print_doors(address: str, login: tuple[str, str]) -> None:
    site = address.removesuffix(reverse(FIRST_PAGE))
    print(f"\n  Admin: {address}\n  API:   {site}{reverse(API)}")
    print(f"  Login: {login[0]} / {login[1]}")
    print(
        f"  Inbox: {site}{reverse(INBOX)} waits for a manager: {READER} / {login[1]}\n", flush=True
    )


def _await(children: Children, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not is_ready():
        _check(children)
        if time.monotonic() > deadline:
            raise CommandError(f"The web server does not answer after {READY_SECONDS:g} s.")
        time.sleep(0.1)


def _check(children: Children) -> None:
    ended = children.find_ended()
    if ended is not None:
        raise CommandError(
            f"{ended.name} ended by itself, with {ended.process.returncode}. "
            f"Last lines of {ended.log}:\n{ended.tail()}"
        )


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a lock that the system lets go of when this process ends, however it ends."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError("Another demo is running in this checkout.") from None
        yield
