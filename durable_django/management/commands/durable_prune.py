"""`durable_prune`: delete what ended long ago."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser

from durable_django.conf import settings
from durable_django.control.pruning import prune_control_plane
from durable_django.domain.status import TERMINAL_STATUSES, ExecutionStatus
from durable_django.management.console import DurableCommand, confirm, count
from durable_django.runtime import engine


class Command(DurableCommand):
    """Prints how many executions were deleted, each with all that is its own."""

    help = "Delete executions that ended long ago with all that is theirs, and old bulk operations."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--older-than",
            type=_days,
            metavar="DAYS",
            help="since its end, such as 30 or 30d; by default DURABLE['RETENTION_DAYS']",
        )
        parser.add_argument(
            "--status",
            action="append",
            choices=sorted(status.value for status in TERMINAL_STATUSES),
            help="only what ended so; may be given again (default: all three)",
        )
        parser.add_argument("--batch", type=count, default=500, help="so many per transaction")
        parser.add_argument("--dry-run", action="store_true", help="only count")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def act(self, options: dict[str, Any]) -> None:
        given = options["older_than"]
        days = settings().retention_days if given is None else given
        before = engine().store.now() - timedelta(days=days)
        statuses = [ExecutionStatus(name) for name in options["status"] or TERMINAL_STATUSES]
        found = engine().store.count_finished(before=before, statuses=statuses)
        if options["dry_run"]:
            self.say(f"{found} ended before {before:%Y-%m-%d %H:%M} UTC. Nothing was deleted.")
            self._answer(options, {"would_delete": found})
            return
        if found and not options["yes"]:
            confirm(f"Delete {found} executions that ended more than {days:g} days ago?")
        deleted = self._delete(before, statuses, options["batch"])
        others = prune_control_plane(before)
        told = [f"{number} {kind.replace('_', ' ')}" for kind, number in others.items() if number]
        if told:
            self.say(f"Also deleted: {', '.join(told)}.")
        self._answer(options, {"deleted": deleted})

    def _delete(self, before: datetime, statuses: Collection[ExecutionStatus], batch: int) -> int:
        """Delete batch by batch, each in its own transaction: interrupted, it is done in part."""
        deleted = 0
        while True:
            done = engine().store.delete_finished(before=before, statuses=statuses, limit=batch)
            deleted += done
            if done == 0:
                return deleted
            if self.stderr.isatty():
                self.say(f"{deleted} deleted")

    def _answer(self, options: dict[str, Any], document: dict[str, int]) -> None:
        if options["json"]:
            self.show_json(document)
            return
        [number] = document.values()
        self.show(str(number))


def _days(text: str) -> float:
    try:
        days = float(text.removesuffix("d"))
        timedelta(days=days)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days.") from None
    if days < 0:
        raise argparse.ArgumentTypeError("Give 0 days or more.")
    return days
