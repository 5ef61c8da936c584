"""`durable_fire`: have a timer of an execution be over now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.management.acts import ActCommand, shell_user


class Command(ActCommand):
    """Prints the execution's status after the act."""

    help = "Have a sleep, a wait's timeout or the delay before a retry be over now."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("key", help="the call's key, as durable_show tells it")

    def act(self, options: dict[str, Any]) -> None:
        client.fire_timer(options["id"], options["key"], reason=options["reason"], by=shell_user())
        status = client.get(options["id"]).status
        self.say(f"The timer {options['key']} is due now.")
        if options["json"]:
            self.show_json({"id": options["id"], "key": options["key"], "status": status})
        else:
            self.show(str(status))
