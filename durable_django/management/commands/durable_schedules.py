"""`durable_schedules`: what is started by the clock, and when next."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from durable_django import schedules
from durable_django.domain.schedule import Schedule, ScheduleSource
from durable_django.management.console import DurableCommand
from durable_django.management.schedule_arguments import (
    explain,
    facts_of_schedule,
    next_runs,
)


class Command(DurableCommand):
    """Prints schedules, by name; `--json` tells five next runs of each."""

    help = "List the schedules and their next runs."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--source",
            choices=[source.value for source in ScheduleSource],
            help="only those that the code defines, or only people's",
        )

    def act(self, options: dict[str, Any]) -> None:
        source = ScheduleSource(options["source"]) if options["source"] else None
        found = schedules.list_schedules(source)
        if options["json"]:
            self.show_json({"schedules": [facts_of_schedule(one) for one in found]})
            return
        if not found:
            self.say("There are none.")
            return
        self.show_table(
            ("name", "workflow", "when", "next run", "last tick", "failures", "disabled"),
            [_row(schedule) for schedule in found],
        )


def _row(schedule: Schedule) -> tuple[object, ...]:
    version = schedule.workflow_version
    return (
        schedule.name,
        schedule.workflow_name + (f" v{version}" if version else ""),
        explain(schedule),
        next(iter(next_runs(schedule)), None),
        schedule.last_tick_at,
        schedule.consecutive_failures or None,
        None if schedule.is_enabled else schedule.disabled_reason or "yes",
    )
