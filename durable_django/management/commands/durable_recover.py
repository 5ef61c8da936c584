"""`durable_recover`: set moving what stopped, here and now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.conf import settings
from durable_django.management.console import DurableCommand, count
from durable_django.management.describing import describe_wait, facts_of
from durable_django.stores.orm import health


class Command(DurableCommand):
    """Advances what is due and nobody took, one slice each; says what became of it."""

    help = (
        "Take up executions that are due and nobody took: crashed, woken and FOREGROUND ones "
        "whose process has gone. Safe to run at any time, and several times at once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--queue", action="append", help="only this queue; may be given again (default: all)"
        )
        parser.add_argument("--limit", type=count, default=1000, help="at most so many per queue")
        parser.add_argument(
            "--dry-run", action="store_true", help="list what is overdue and change nothing"
        )

    def act(self, options: dict[str, Any]) -> None:
        if options["dry_run"]:
            self._preview(options)
            return
        report = client.recover(options["queue"], options["limit"])
        if options["json"]:
            self.show_json(report.to_json())
            return
        for name, ids in report.to_json().items():
            self.show(f"{name}: {len(ids)}")
            for execution_id in ids:
                self.show(f"  {execution_id}")

    def _preview(self, options: dict[str, Any]) -> None:
        overdue = health.list_overdue(
            settings().database,
            queues=options["queue"] or client.served_queues(),
            limit=options["limit"],
        )
        if options["json"]:
            self.show_json({"overdue": [facts_of(execution) for execution in overdue]})
            return
        self.say(f"{len(overdue)} overdue. Nothing was changed.")
        if overdue:
            self.show_table(
                ("id", "workflow", "status", "due since", "waited for", "guarantee"),
                [
                    (e.id, e.workflow_name, e.status, e.wake_at, describe_wait(e), e.guarantee)
                    for e in overdue
                ],
            )
