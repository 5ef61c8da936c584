"""`durable_retry`: let a FAILED or PARKED execution run again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.management.console import DurableCommand


class Command(DurableCommand):
    """Prints the execution's new status."""

    help = "Run a FAILED or PARKED execution again from its checkpoints."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", help="the execution's id")

    def act(self, options: dict[str, Any]) -> None:
        status = client.retry(options["id"])
        self.say("It runs again from its checkpoints, as soon as a worker is free.")
        if options["json"]:
            self.show_json({"id": options["id"], "status": status})
        else:
            self.show(str(status))
