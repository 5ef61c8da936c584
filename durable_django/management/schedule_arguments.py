"""The options of a schedule at a shell, and its facts for the terminal."""

from __future__ import annotations

import re
from argparse import SUPPRESS, ArgumentTypeError
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandParser

from durable_django import schedules
from durable_django.control.inputs.signatures import InputError, coerce_input
from durable_django.domain.schedule import (
    FoldPolicy,
    GapPolicy,
    MisfirePolicy,
    OverlapPolicy,
    Schedule,
)
from durable_django.exceptions import ScheduleError
from durable_django.management.console import read_json, usage_error
from durable_django.runtime import engine

_SPAN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_RUNS_SHOWN = 5
#: What the parser names otherwise than `ScheduleOptions` does.
_OPTIONS = {
    "cron": "cron",
    "every": "every",
    "anchor": "anchor_at",
    "timezone": "timezone",
    "workflow": "workflow",
    "workflow_version": "version",
    "tick_argument": "tick_argument",
    "description": "description",
    "queue": "queue",
    "priority": "priority",
    "tag": "tags",
    "gap": "gap",
    "fold": "fold",
    "misfire": "misfire",
    "grace": "misfire_grace",
    "overlap": "overlap",
    "disable_after": "disable_after",
}


def add_timing(parser: CommandParser) -> None:
    """Add the options that say when a schedule ticks. What is not given is not there."""
    add = _adder(parser)
    add("--cron", metavar="FIELDS", help="five fields, such as '0 9 * * MON-FRI'")
    add("--every", type=span, metavar="SPAN", help="an interval, such as 90s, 15m or 1d12h")
    add("--anchor", type=instant, metavar="INSTANT", help="what intervals are counted from")
    add("--timezone", help="in whose time the cron expression is meant (default: UTC)")
    add("--gap", choices=_names(GapPolicy), help="a local time that the clocks pass over")
    add("--fold", choices=_names(FoldPolicy), help="a local time that the clocks show twice")


def add_options(parser: CommandParser) -> None:
    """Add all other options of a schedule. What is not given is not there."""
    add = _adder(parser)
    add("--workflow-version", type=int, metavar="N", help="by default the highest registered")
    add("--input", metavar="JSON", help="arguments by name; @file reads a file, - reads stdin")
    add("--tick-argument", metavar="NAME", help="the argument that gets the tick's instant")
    add("--description", metavar="TEXT")
    add("--queue", help="which workers take it; by default the workflow's")
    add("--priority", type=int, metavar="N", help="0 to 1000")
    add("--tag", action="append", help="may be given again")
    add("--misfire", choices=_names(MisfirePolicy), help="ticks that nobody was there for")
    add("--grace", type=span, metavar="SPAN", help="how far back misfires count (default: 1d)")
    add("--overlap", choices=_names(OverlapPolicy), help="while the one before has not ended")
    add("--disable-after", type=int, metavar="N", help="failed starts in a row; 0: never")


def options_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return what was given as `ScheduleOptions`, but for the input."""
    return {name: given[word] for word, name in _OPTIONS.items() if word in given}


def input_of(given: dict[str, Any], workflow: str, version: int | None) -> dict[str, Any]:
    """Return the input as an option, its texts made what the workflow's annotations ask for.

    Raises:
        CommandError: It is no JSON object, or does not fit.
    """
    if "input" not in given:
        return {}
    arguments = read_json(given["input"], "--input")
    if not isinstance(arguments, dict):
        raise usage_error("--input is a JSON object of arguments by name: '{\"order_id\": 5}'.")
    try:
        return {"input": coerce_input(engine().registry.load(workflow, version), arguments)}
    except InputError as error:
        raise usage_error(f"--input does not fit: {error}") from error


def span(text: str) -> timedelta:
    """Return the span of time that an option says: 90s, 15m, 1d12h."""
    found = _SPAN.fullmatch(text)
    if not text or found is None:
        raise ArgumentTypeError(f"{text!r} is no span of time such as 90s, 15m, 2h or 1d12h.")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ArgumentTypeError(f"{text!r} is longer than there is time.") from None


def instant(text: str) -> datetime:
    """Return the instant that an option says; without an offset it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is no instant such as 2026-03-29 or 2026-03-29T01:30:00+01:00."
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def facts_of_schedule(schedule: Schedule) -> dict[str, Any]:
    """Return all facts but the input, for JSON, with its words and its next runs."""
    facts = asdict(schedule)
    del facts["input"]
    return facts | {"explanation": explain(schedule), "next_runs": next_runs(schedule)}


def explain(schedule: Schedule) -> str:
    """Return when it ticks in words, or why it cannot."""
    try:
        return schedules.explain(schedule)
    except ScheduleError as error:
        return str(error)


def next_runs(schedule: Schedule) -> list[datetime]:
    """Return its next ticks; none if it is disabled, or cannot tick."""
    if not schedule.is_enabled or schedule.next_tick_at is None:
        return []
    try:
        return [
            schedule.next_tick_at,
            *schedules.preview(schedule, after=schedule.next_tick_at, count=_RUNS_SHOWN - 1),
        ]
    except ScheduleError:
        return []


def _adder(parser: CommandParser) -> Any:
    def add(*names: str, **options: Any) -> None:
        parser.add_argument(*names, default=SUPPRESS, **options)

    return add


def _names(policies: Any) -> list[str]:
    return [policy.value for policy in policies]
