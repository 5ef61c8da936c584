"""`durable_signal`: send an execution a signal."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.exceptions import PayloadError
from durable_django.management.acts import shell_user
from durable_django.management.console import DurableCommand, read_json, usage_error


class Command(DurableCommand):
    """Prints the signal's id once it is accepted."""

    help = "Send an execution a signal; it waits in the mailbox until the workflow asks for it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("id", help="the execution's id")
        parser.add_argument("name", help="the name that the workflow waits for")
        parser.add_argument(
            "--payload", default="null", metavar="JSON", help="JSON, @file, or - for stdin"
        )
        parser.add_argument("--dedupe-key", help="sending again with the same key changes nothing")

    def act(self, options: dict[str, Any]) -> None:
        payload = read_json(options["payload"], "--payload")
        try:
            signal = client.signal(
                options["id"],
                options["name"],
                payload,
                dedupe_key=options["dedupe_key"],
                by=shell_user(),
            )
        except PayloadError as error:
            raise usage_error(f"--payload cannot be stored: {error}") from error
        self.say(f"Accepted {signal.name} as number {signal.position} of its execution.")
        if options["json"]:
            self.show_json({"id": signal.id, "position": signal.position, "status": signal.status})
        else:
            self.show(str(signal.id))
