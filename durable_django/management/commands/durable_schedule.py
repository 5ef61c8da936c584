"""`durable_schedule <verb>`: look at one schedule, make it, change it, have it tick."""

from __future__ import annotations

from argparse import SUPPRESS
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from durable_django import schedules
from durable_django.domain.schedule import Schedule
from durable_django.management.acts import shell_user
from durable_django.management.console import DurableCommand, confirm, count, usage_error
from durable_django.management.schedule_arguments import (
    add_options,
    add_timing,
    explain,
    facts_of_schedule,
    input_of,
    instant,
    next_runs,
    options_of,
)


class Command(DurableCommand):
    """Prints what the schedule is like afterwards, or what was started."""

    help = (
        "Preview, show, create, update, enable, disable, delete, trigger or backfill one schedule."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
        for verb, (_, add_arguments, help_text) in _VERBS.items():
            one = verbs.add_parser(verb, help=help_text, description=help_text)
            one.add_argument(
                "--json", action="store_true", default=SUPPRESS, help="print one JSON document"
            )
            add_arguments(one)

    def act(self, options: dict[str, Any]) -> None:
        act, _, _ = _VERBS[options["verb"]]
        act(self, options)

    def show_schedule(self, schedule: Schedule, options: dict[str, Any]) -> None:
        """Print what a schedule is like."""
        if options["json"]:
            self.show_json(facts_of_schedule(schedule))
            return
        state = "enabled" if schedule.is_enabled else f"disabled: {schedule.disabled_reason}"
        self.show(f"{schedule.name}: {schedule.workflow_name}, {state}")
        self.show(f"  {explain(schedule)}")
        for run in next_runs(schedule):
            self.show(f"  next: {run:%Y-%m-%d %H:%M:%S} UTC")


def _show(command: Command, options: dict[str, Any]) -> None:
    schedule = schedules.get(options["name"])
    ticks = schedules.list_ticks(options["name"], options["ticks"])
    if options["json"]:
        document = facts_of_schedule(schedule)
        command.show_json(document | {"ticks": [asdict(tick) for tick in ticks]})
        return
    command.show_schedule(schedule, options)
    if ticks:
        command.show_table(
            ("tick", "kind", "outcome", "execution", "detail"),
            [(one.tick_at, one.kind, one.outcome, one.execution_id, one.detail) for one in ticks],
        )


def _create(command: Command, options: dict[str, Any]) -> None:
    given = options_of(options)
    workflow = given.pop("workflow")
    given |= input_of(options, workflow, given.get("version"))
    make = schedules.upsert if options["upsert"] else schedules.create
    schedule = make(options["name"], workflow, by=shell_user(), **given)
    command.show_schedule(schedule, options)


def _update(command: Command, options: dict[str, Any]) -> None:
    given = options_of(options)
    if "input" in options:
        former = schedules.get(options["name"])
        workflow = given.get("workflow", former.workflow_name)
        given |= input_of(options, workflow, given.get("version", former.workflow_version))
    if not given:
        raise usage_error("Nothing was changed: say what, such as --cron '0 9 * * *'.")
    schedule = schedules.update(options["name"], by=shell_user(), **given)
    command.show_schedule(schedule, options)


def _enable(command: Command, options: dict[str, Any]) -> None:
    command.show_schedule(schedules.enable(options["name"], by=shell_user()), options)


def _disable(command: Command, options: dict[str, Any]) -> None:
    schedule = schedules.disable(options["name"], reason=options["reason"], by=shell_user())
    command.show_schedule(schedule, options)


def _delete(command: Command, options: dict[str, Any]) -> None:
    schedule = schedules.get(options["name"])
    if not options["yes"]:
        confirm(f"Delete schedule {schedule.name} and the rows of its ticks?")
    schedules.delete(schedule.name, by=shell_user())
    if options["json"]:
        command.show_json({"name": schedule.name, "deleted": True})
    else:
        command.say("It is deleted. What it has started goes on.")


def _trigger(command: Command, options: dict[str, Any]) -> None:
    handle = schedules.trigger(options["name"], reason=options["reason"], by=shell_user())
    if options["json"]:
        command.show_json({"name": options["name"], "id": handle.id, "status": handle.status})
    else:
        command.say(f"Started {handle.execution.workflow_name} {handle.id}")
        command.show(str(handle.id))


def _backfill(command: Command, options: dict[str, Any]) -> None:
    name, start, end = options["name"], options["start"], options["end"]
    done = schedules.backfill(name, start, end, dry_run=True)
    if not options["dry_run"]:
        if done.ticks and not options["yes"]:
            confirm(f"Start {len(done.ticks)} executions for schedule {name}?")
        done = schedules.backfill(name, start, end, reason=options["reason"], by=shell_user())
    if options["json"]:
        command.show_json(asdict(done))
        return
    verb = "would be started" if done.is_dry_run else "were started"
    command.say(f"{len(done.ticks)} ticks {verb}.")
    for place, tick_at in enumerate(done.ticks):
        told = f"  {done.execution_ids[place]}" if done.execution_ids else ""
        command.show(f"{tick_at:%Y-%m-%d %H:%M:%S} UTC{told}")


def _preview(command: Command, options: dict[str, Any]) -> None:
    timing = options_of(options)
    words = schedules.explain(**timing)
    runs = schedules.preview(count=options["count"], **timing)
    if options["json"]:
        command.show_json({"explanation": words, "next_runs": runs})
        return
    command.say(words)
    for run in runs:
        command.show(f"{run:%Y-%m-%d %H:%M:%S} UTC")


def _named(parser: CommandParser) -> None:
    parser.add_argument("name", help="the schedule's name")


def _with_reason(parser: CommandParser) -> None:
    _named(parser)
    parser.add_argument("--reason", default="", help="why")


def _with_ticks(parser: CommandParser) -> None:
    _named(parser)
    parser.add_argument("--ticks", type=count, default=10, help="at most so many (default: 10)")


def _for_preview(parser: CommandParser) -> None:
    parser.add_argument("--count", type=count, default=5, help="so many (default: 5)")
    add_timing(parser)


def _for_new(parser: CommandParser) -> None:
    _named(parser)
    parser.add_argument("workflow", help="its registered name, such as shop.report")
    parser.add_argument(
        "--upsert", action="store_true", help="if it exists, give it these options and no others"
    )
    add_timing(parser)
    add_options(parser)


def _for_changes(parser: CommandParser) -> None:
    _named(parser)
    parser.add_argument("--workflow", default=SUPPRESS, help="another workflow")
    add_timing(parser)
    add_options(parser)


def _for_deletion(parser: CommandParser) -> None:
    _named(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask")


def _for_range(parser: CommandParser) -> None:
    _with_reason(parser)
    parser.add_argument(
        "--from", dest="start", type=instant, required=True, metavar="INSTANT", help="included"
    )
    parser.add_argument(
        "--to", dest="end", type=instant, required=True, metavar="INSTANT", help="not included"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say which ticks")
    parser.add_argument("--yes", action="store_true", help="do not ask")


_Act = Callable[[Command, dict[str, Any]], None]
#: Verb → what it does, the arguments it takes, and its help.
_VERBS: dict[str, tuple[_Act, Callable[[CommandParser], None], str]] = {
    "preview": (_preview, _for_preview, "Say when a schedule with such a timing would tick."),
    "show": (_show, _with_ticks, "Show it, its next runs and its latest ticks."),
    "create": (_create, _for_new, "Start a workflow by the clock from now on."),
    "update": (_update, _for_changes, "Change some of its options."),
    "enable": (_enable, _named, "Let it tick again, from now on."),
    "disable": (_disable, _with_reason, "Let it tick no more."),
    "delete": (_delete, _for_deletion, "Delete it; what it has started goes on."),
    "trigger": (_trigger, _with_reason, "Start its workflow now, enabled or not."),
    "backfill": (_backfill, _for_range, "Start the ticks of a past range that started nothing."),
}
