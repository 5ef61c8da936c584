"""`durable_resume`: let a paused execution go on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.management.console import DurableCommand


class Command(DurableCommand):
    """Prints the execution's status after the request."""

    help = "Let a paused execution go on."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", help="the execution's id")

    def act(self, options: dict[str, Any]) -> None:
        is_new = client.resume(options["id"])
        status = client.get(options["id"]).status
        self.say("It goes on." if is_new else "Nothing to resume.")
        if options["json"]:
            self.show_json({"id": options["id"], "is_new": is_new, "status": status})
        else:
            self.show(str(status))
