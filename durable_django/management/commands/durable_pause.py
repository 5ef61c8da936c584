"""`durable_pause`: hold an execution until it is resumed."""

from __future__ import annotations

from typing import Any

from durable_django import client
from durable_django.management.acts import ActCommand, shell_user


class Command(ActCommand):
    """Prints the execution's status after the request."""

    help = "Pause an execution at its next durable call, until durable_resume."

    def act(self, options: dict[str, Any]) -> None:
        is_new = client.pause(options["id"], reason=options["reason"], by=shell_user())
        status = client.get(options["id"]).status
        self.say("The pause is requested." if is_new else "It is paused, or about to be, already.")
        if options["json"]:
            self.show_json({"id": options["id"], "is_new": is_new, "status": status})
        else:
            self.show(str(status))
