"""What a schedule must be like before it is written: every fault is named, with its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.identifiers import MAX_NAME_LENGTH, check_name, check_queue
from durable_django.domain.recurrence import (
    check_disable_after,
    check_grace,
    check_instant,
    check_interval,
    check_timezone,
)
from durable_django.domain.schedule import OverlapPolicy, Schedule
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.starting import check_options
from durable_django.exceptions import DefinitionError, PayloadError, ScheduleError
from durable_django.scheduling.tick_starter import options_for
from durable_django.scheduling.ticks import Ticks, ticks_of

LONGEST_TEXT = 10_000


def check_schedule(schedule: Schedule, now: datetime) -> Ticks:
    """Return when the schedule ticks, if it is legal in every respect but its input.

    Raises:
        ScheduleError: It is not; `field` says what.
    """
    try:
        check_name("schedule", schedule.name)
    except DefinitionError as error:
        raise ScheduleError("name", str(error)) from None
    if schedule.every is not None:
        check_interval(schedule.every)
    check_timezone(schedule.timezone)
    if schedule.anchor_at is not None:
        check_instant("anchor_at", schedule.anchor_at)
    check_grace(schedule.misfire_grace)
    check_disable_after(schedule.disable_after)
    check_text("description", schedule.description)
    _check_start(schedule, now)
    ticks = ticks_of(schedule)
    if ticks.next_after(now) is None:
        raise ScheduleError("cron", f"Schedule {schedule.name!r} would never tick.")
    return ticks


def check_text(field: str, text: object) -> str:
    """Return `text` if any database can store it.

    Raises:
        ScheduleError: It cannot, or it is longer than 10,000 characters.
    """
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        raise ScheduleError(field, f"{field} is a text of up to {LONGEST_TEXT} characters.")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ScheduleError(field, f"{field} holds a NUL or half a character: leave it out.")
    return text


def encoded_input(
    engine: DurableEngine, schedule: Schedule, given: Mapping[str, Any] | None, now: datetime
) -> str:
    """Return the arguments by name as they are stored, if the workflow can be started with them.

    Raises:
        UnknownWorkflowError: This process does not know the workflow or the version.
        ScheduleError: They do not fit it, or cannot be stored.
    """
    definition = engine.registry.load(schedule.workflow_name, schedule.workflow_version)
    arguments = _to_arguments(given)
    try:
        # As text and back, so that what is checked is what a tick will find.
        text, arguments = engine.payloads.round_trip(
            arguments, f"Input of schedule {schedule.name!r}"
        )
    except PayloadError as error:
        raise ScheduleError("input", str(error)) from error
    check_fit(definition, schedule, arguments, now)
    return text


def check_stored_input(engine: DurableEngine, schedule: Schedule, now: datetime) -> None:
    """Refuse a schedule whose input, as it is stored, does not fit its workflow.

    Raises:
        UnknownWorkflowError: This process does not know the workflow or the version.
        ScheduleError: It does not fit, or cannot be read.
    """
    definition = engine.registry.load(schedule.workflow_name, schedule.workflow_version)
    try:
        arguments = engine.payloads.decode(schedule.input, f"Input of schedule {schedule.name!r}")
    except PayloadError as error:
        raise ScheduleError("input", str(error)) from error
    check_fit(definition, schedule, arguments, now)


def check_fit(
    definition: WorkflowDefinition, schedule: Schedule, arguments: Mapping[str, Any], now: datetime
) -> None:
    """Refuse a schedule that would start a workflow with other arguments than it takes.

    Raises:
        ScheduleError: It would.
    """
    if schedule.overlap is OverlapPolicy.QUEUE and definition.limit is not None:
        raise ScheduleError(
            "overlap",
            f"Workflow {definition.name!r} has a limit of its own, and one execution is not put in "
            f"two lines: with overlap='allow' they queue for that limit.",
        )
    tick = {schedule.tick_argument: now} if schedule.tick_argument else {}
    if tick.keys() & arguments.keys():
        raise ScheduleError(
            "tick_argument",
            f"{schedule.tick_argument!r} gets the instant of the tick: leave it out of the input.",
        )
    try:
        definition.bind((), {**arguments, **tick})
    except TypeError as error:
        raise ScheduleError("input", f"The input does not fit the workflow: {error}.") from None


def _to_arguments(given: object) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise ScheduleError("input", "The input is an object of arguments by name.")
    return dict(given)


def _check_start(schedule: Schedule, now: datetime) -> None:
    argument: object = schedule.tick_argument
    is_name = isinstance(argument, str) and argument.isidentifier()
    if argument != "" and not (is_name and len(str(argument)) <= MAX_NAME_LENGTH):
        raise ScheduleError("tick_argument", f"{argument!r:.60} cannot be the name of an argument.")
    if schedule.queue:
        _named("queue", lambda: check_queue(schedule.queue))
    plain = replace(schedule, tags=())
    _named("priority", lambda: check_options(options_for(plain, now)))
    _named("tags", lambda: check_options(options_for(schedule, now)))


def _named(field: str, check: Any) -> None:
    try:
        check()
    except DefinitionError as error:
        raise ScheduleError(field, str(error)) from None
