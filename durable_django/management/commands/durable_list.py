"""`durable_list`: which executions there are."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.domain.execution import Execution
from durable_django.domain.status import ExecutionStatus
from durable_django.management.console import DurableCommand, count
from durable_django.management.describing import describe_error, describe_wait, facts_of

_PAGE = 200


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
        parser.add_argument("--parent", metavar="ID", help="only children of it, oldest first")
        parser.add_argument("--limit", type=count, default=50, help="at most so many (default: 50)")

    def act(self, options: dict[str, Any]) -> None:
        found = _list_children(options) if options["parent"] else _list_executions(options)
        if options["json"]:
            self.show_json({"executions": [facts_of(execution) for execution in found]})
            return
        if not found:
            self.say("There are none.")
            return
        self.show_table(
            (
                "id",
                "workflow",
                "status",
                "key",
                "called",
                "waits for",
                "wakes at",
                "created",
                "error",
            ),
            [
                (
                    e.id,
                    f"{e.workflow_name} v{e.workflow_version}",
                    e.status,
                    e.key,
                    # Of a child: the key of the call that started it.
                    e.parent_key or None,
                    describe_wait(e) or None,
                    e.wake_at,
                    e.created_at,
                    describe_error(e.error)[:100] or None,
                )
                for e in found
            ],
        )
        if len(found) == options["limit"]:
            which = "first" if options["parent"] else "newest"
            self.say(f"The {which} {len(found)}; --limit shows more.")


def _list_executions(options: dict[str, Any]) -> list[Execution]:
    return client.list_executions(
        status=[ExecutionStatus(name) for name in options["status"] or ()],
        workflow=options["workflow"],
        queue=options["queue"],
        limit=options["limit"],
    )


def _list_children(options: dict[str, Any]) -> list[Execution]:
    parent = client.get(options["parent"])
    return list(islice(_filter_children(parent.id, options), options["limit"]))


def _filter_children(parent_id: UUID, options: dict[str, Any]) -> Iterator[Execution]:
    page = client.list_children(parent_id, limit=_PAGE)
    while page:
        for child in page:
            if (
                options["workflow"] in (None, child.workflow_name)
                and options["queue"] in (None, child.queue)
                and (not options["status"] or child.status in options["status"])
            ):
                yield child
        page = client.list_children(parent_id, after=page[-1].id, limit=_PAGE)
