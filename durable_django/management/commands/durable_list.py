"""`durable_list`: which executions there are."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.domain.status import ExecutionStatus
from durable_django.management.console import DurableCommand, count
from durable_django.management.describing import describe_error, describe_wait, facts_of


class Command(DurableCommand):
    """Prints executions, newest first."""

    help = "List executions, newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--status",
            action="append",
            choices=[status.value for status in ExecutionStatus],
            help="only in this status; may be given again",
        )
        parser.add_argument("--workflow", help="only of this workflow")
        parser.add_argument("--queue", help="only of this queue")
        parser.add_argument("--limit", type=count, default=50, help="at most so many (default: 50)")

    def act(self, options: dict[str, Any]) -> None:
        found = client.list_executions(
            status=[ExecutionStatus(name) for name in options["status"] or ()],
            workflow=options["workflow"],
            queue=options["queue"],
            limit=options["limit"],
        )
        if options["json"]:
            self.show_json({"executions": [facts_of(execution) for execution in found]})
            return
        if not found:
            self.say("There are none.")
            return
        self.show_table(
            ("id", "workflow", "status", "key", "waits for", "wakes at", "created", "error"),
            [
                (
                    e.id,
                    f"{e.workflow_name} v{e.workflow_version}",
                    e.status,
                    e.key,
                    describe_wait(e) or None,
                    e.wake_at,
                    e.created_at,
                    describe_error(e.error)[:100] or None,
                )
                for e in found
            ],
        )
        if len(found) == options["limit"]:
            self.say(f"The newest {len(found)}; --limit shows more.")
