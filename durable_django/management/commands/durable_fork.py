"""`durable_fork`: run an execution again from one of its steps, as another execution."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import client
from durable_django.engine.acting import UNCHANGED
from durable_django.engine.forking import ForkPlan
from durable_django.exceptions import PayloadError
from durable_django.management.acts import ActCommand, shell_user
from durable_django.management.console import read_json, usage_error


class Command(ActCommand):
    """Prints the new execution's id, or with --dry-run what it would reuse and do again."""

    help = "Start an execution that begins with another one's outcomes and makes a step again."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--from-step", metavar="KEY", help="the first call made again; by default the first"
        )
        parser.add_argument(
            "--input", metavar="JSON", help="other arguments by name: JSON, @file, - for stdin"
        )
        parser.add_argument("--workflow-version", type=int, metavar="N", help="another version")
        parser.add_argument("--dry-run", action="store_true", help="only say what would happen")

    def act(self, options: dict[str, Any]) -> None:
        plan = client.plan_fork(
            options["id"], options["from_step"], version=options["workflow_version"]
        )
        if plan.group:
            self.say(f"{plan.from_step} stands in {plan.group}, which is made again as a whole.")
        if options["dry_run"]:
            self._show_plan(plan, options)
            return
        try:
            fork = client.fork(
                options["id"],
                options["from_step"],
                input=_read_input(options["input"]),
                version=options["workflow_version"],
                reason=options["reason"],
                by=shell_user(),
            )
        except (TypeError, PayloadError) as error:
            raise usage_error(f"--input does not fit: {error}") from error
        self.say(f"Forked: {len(plan.reused)} outcomes reused, {len(plan.again)} calls again.")
        if options["json"]:
            self.show_json({"id": fork.id, "origin": options["id"], "status": fork.status})
        else:
            self.show(str(fork.id))

    def _show_plan(self, plan: ForkPlan, options: dict[str, Any]) -> None:
        self.say("Nothing was changed.")
        if options["json"]:
            self.show_json({"reused": plan.reused, "again": plan.again, "version": plan.version})
            return
        rows = [(key, "reused") for key in plan.reused] + [(key, "again") for key in plan.again]
        self.show_table(("call", "fork"), rows)


def _read_input(text: str | None) -> Any:
    if text is None:
        return UNCHANGED
    given = read_json(text, "--input")
    if not isinstance(given, dict):
        raise usage_error("--input is a JSON object of arguments by name: '{\"order_id\": 5}'.")
    return given
