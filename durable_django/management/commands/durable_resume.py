"""`durable_resume`: let a paused execution go on."""

from __future__ import annotations

from typing import Any

from durable_django import client
from durable_django.management.acts import ActCommand, shell_user


class Command(ActCommand):
    """Prints the execution's status after the request."""

    help = "Let a paused execution go on."

    def act(self, options: dict[str, Any]) -> None:
        is_new = client.resume(options["id"], reason=options["reason"], by=shell_user())
        status = client.get(options["id"]).status
        self.say("It goes on." if is_new else "Nothing to resume.")
        if options["json"]:
            self.show_json({"id": options["id"], "is_new": is_new, "status": status})
        else:
            self.show(str(status))
