"""`manage.py demo`: what `python3 -m example_project` starts."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from example_project.simulation.options import add_options
from example_project.simulation.show import Show, ShowOptions

INTERRUPTED = 130


class Command(BaseCommand):
    help = "Start a cluster, a web server and some thirty executions; kill a worker; report."
    requires_system_checks: list[str] = []  # noqa: RUF012 - as Django declares it

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def handle(self, **options: Any) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        show = Show(
            ShowOptions(
                exits=options["exit"],
                port=options["port"],
                count=options["count"],
                timeout_seconds=options["timeout"],
                is_fresh=options["fresh"],
            )
        )
        try:
            is_good = show.run()
        except KeyboardInterrupt:
            self.stdout.write("\nStopped; what has not ended goes on with the next start.")
            raise SystemExit(INTERRUPTED) from None
        except DatabaseError as error:
            raise CommandError(
                f"{type(error).__name__}: {error}\nIf the database is of another version of this "
                "checkout, start with --fresh."
            ) from error
        raise SystemExit(0 if is_good else 1)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
