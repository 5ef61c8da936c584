"""`durable_start`: start a workflow by its name."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from durable_django import client
from durable_django.control.inputs.signatures import InputError, coerce_input
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import PayloadError, WorkflowCancelledError, WorkflowFailedError
from durable_django.management.acts import shell_user
from durable_django.management.console import (
    EXIT_ERROR,
    DurableCommand,
    clean,
    read_json,
    to_text,
    usage_error,
)
from durable_django.runtime import engine


class Command(DurableCommand):
    """Prints the execution's id, or its result if it waited for that."""

    help = "Start a workflow by its name; print the execution's id, or its result with --wait."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("workflow", help="its registered name, such as shop.order")
        parser.add_argument(
            "--workflow-version", type=int, metavar="N", help="by default the highest registered"
        )
        parser.add_argument(
            "--input",
            default="{}",
            metavar="JSON",
            help="its arguments by name, as a JSON object; @file reads a file, - reads stdin",
        )
        parser.add_argument("--key", help="start at most one execution of the workflow by this key")
        parser.add_argument("--queue", help="which workers take it; by default the workflow's")
        parser.add_argument("--priority", type=int, default=0, help="0 to 1000")
        parser.add_argument(
            "--wait", type=float, metavar="SECONDS", help="wait so long for its end (exit code 5)"
        )

    def act(self, options: dict[str, Any]) -> None:
        handle = _start(options)
        how = "Started" if handle.is_new else "Exists already, by its key:"
        self.say(f"{how} {handle.execution.workflow_name} {handle.id}")
        document: dict[str, Any] = {
            "id": handle.id,
            "workflow": handle.execution.workflow_name,
            "version": handle.execution.workflow_version,
            "is_new": handle.is_new,
        }
        if options["wait"] is not None:
            self._wait(handle, document, options)
        elif options["json"]:
            self.show_json(document | {"status": handle.status})
        else:
            self.show(str(handle.id))

    def _wait(
        self, handle: ExecutionHandle[Any], document: dict[str, Any], options: dict[str, Any]
    ) -> None:
        try:
            result = handle.result(timeout=options["wait"])
        except (WorkflowFailedError, WorkflowCancelledError) as error:
            if options["json"]:
                self.show_json(document | {"status": handle.status, "error": str(error)})
            raise CommandError(clean(str(error)), returncode=EXIT_ERROR) from error
        if options["json"]:
            self.show_json(document | {"status": handle.status, "result": result})
        else:
            self.show(to_text(result))


def _start(options: dict[str, Any]) -> ExecutionHandle[Any]:
    given = read_json(options["input"], "--input")
    if not isinstance(given, dict):
        raise usage_error("--input is a JSON object of arguments by name: '{\"order_id\": 5}'.")
    start_options = StartOptions(
        key=options["key"], queue=options["queue"], priority=options["priority"]
    )
    # A date is a text in JSON: what the workflow's annotations ask for is made of it here.
    definition = engine().registry.load(options["workflow"], options["workflow_version"])
    try:
        return client.start(
            definition.name,
            coerce_input(definition, given),
            version=definition.version,
            options=start_options,
            by=shell_user(),
        )
    except (InputError, TypeError, PayloadError) as error:
        raise usage_error(f"--input does not fit: {error}") from error
