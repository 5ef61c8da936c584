"""`durable_cancel`: end an execution before its time."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.management.acts import ActCommand, shell_user


class Command(ActCommand):
    """Prints the execution's status after the request."""

    help = "Cancel an execution: it notices at its next durable call, undoes its steps, and ends CANCELLED."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--no-compensate", action="store_true", help="do not undo the completed steps"
        )

    def act(self, options: dict[str, Any]) -> None:
        is_new = client.cancel(
            options["id"],
            reason=options["reason"],
            compensate=not options["no_compensate"],
            by=shell_user(),
        )
        status = client.get(options["id"]).status
        self.say("The cancel is requested." if is_new else "A cancel was requested before.")
        if options["json"]:
            self.show_json({"id": options["id"], "is_new": is_new, "status": status})
        else:
            self.show(str(status))
