"""`durable_retry`: let a FAILED or PARKED execution run again."""

from __future__ import annotations

from typing import Any

from durable_django import client
from durable_django.management.acts import ActCommand, shell_user


class Command(ActCommand):
    """Prints the execution's new status."""

    help = "Run a FAILED or PARKED execution again from its checkpoints."

    def act(self, options: dict[str, Any]) -> None:
        status = client.retry(options["id"], reason=options["reason"], by=shell_user())
        self.say("It runs again from its checkpoints, as soon as a worker is free.")
        if options["json"]:
            self.show_json({"id": options["id"], "status": status})
        else:
            self.show(str(status))
