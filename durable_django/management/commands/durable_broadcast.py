"""`durable_broadcast`: tell every execution that waits for an event."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.domain.event import MAX_REASON_LENGTH
from durable_django.exceptions import PayloadError
from durable_django.management.acts import shell_user
from durable_django.management.console import DurableCommand, read_json, usage_error


class Command(DurableCommand):
    """Prints how many executions were told."""

    help = "Broadcast an event to every execution that waits for it now; nobody later hears of it."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help="the name that the workflows wait for")
        parser.add_argument("--key", default="", help="only to those that wait with this key")
        parser.add_argument(
            "--payload", default="null", metavar="JSON", help="JSON, @file, or - for stdin"
        )
        parser.add_argument(
            "--reason", default="", help=f"why, for the audit; up to {MAX_REASON_LENGTH} characters"
        )

    def act(self, options: dict[str, Any]) -> None:
        payload = read_json(options["payload"], "--payload")
        try:
            reached = client.broadcast(
                options["name"],
                payload,
                key=options["key"],
                reason=options["reason"],
                by=shell_user(),
            )
        except PayloadError as error:
            raise usage_error(f"--payload cannot be stored: {error}") from error
        if not reached:
            self.say("Nobody waits for it with this key; it is not kept.")
        if options["json"]:
            self.show_json({"name": options["name"], "key": options["key"], "reached": reached})
        else:
            self.show(str(reached))
