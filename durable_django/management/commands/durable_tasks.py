"""`durable_tasks`: which human tasks wait for whom, and until when."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django.control.human_tasks.inbox import State, TaskFilter
from durable_django.control.human_tasks.rows import TaskRow, candidates_of, list_rows
from durable_django.control.payloads.redaction import redact_text
from durable_django.management.console import DurableCommand, count


class Command(DurableCommand):
    """Prints tasks, the most urgent first."""

    help = "List human tasks that wait, the most urgent first: who has them and when they are due."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        states = [state.value for state in State]
        parser.add_argument("--state", choices=states, default="active", help="default: active")
        parser.add_argument("--assignee", default="", help="only those that this user has")
        parser.add_argument("--workflow", default="", help="only those of this workflow")
        parser.add_argument("--limit", type=count, default=50, help="at most so many (default: 50)")

    def act(self, options: dict[str, Any]) -> None:
        asked = TaskFilter(
            state=State(options["state"]),
            assignee=options["assignee"],
            workflow=options["workflow"],
        )
        found = list_rows(asked, options["limit"])
        if options["json"]:
            self.show_json({"tasks": [_to_json(row) for row in found]})
            return
        if not found:
            self.say("There are none.")
            return
        self.show_table(
            ("id", "task", "status", "who", "due", "workflow", "key"),
            [
                (
                    row.task.pk,
                    row.title,
                    row.task.status,
                    row.who or "everybody",
                    row.due or None,
                    row.task.execution.workflow_name,
                    row.task.execution.key,
                )
                for row in found
            ],
        )


def _to_json(row: TaskRow) -> dict[str, Any]:
    task = row.task
    return {
        "id": task.pk,
        "name": task.name,
        "title": redact_text(task.title),
        "status": task.status,
        "assignee": task.assignee or None,
        "candidates": [str(one) for one in candidates_of(task)],
        "due_at": task.due_at,
        "expires_at": task.expires_at,
        "created_at": task.created_at,
        "execution": task.execution_id,
        "workflow": task.execution.workflow_name,
        "key": task.execution.key,
    }
