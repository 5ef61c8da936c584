"""Turn a call's arguments and options into the execution that a store inserts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.identifiers import check_key, check_queue, new_id
from durable_django.engine.serialization import Payloads
from durable_django.engine.workflow_function import StartOptions
from durable_django.exceptions import DefinitionError, ExecutionKeyConflictError

MAX_PRIORITY = 1000
MAX_TAGS = 50


def new_execution(
    definition: WorkflowDefinition,
    workflow_input: Any,
    options: StartOptions,
    payloads: Payloads,
    now: datetime,
) -> NewExecution:
    """Return what to insert.

    Raises:
        DefinitionError: An option is not legal.
        PayloadError: The input is not JSON-storable.
    """
    check_options(options)
    start_at = now + options.delay if options.delay is not None else options.start_at
    ttl = options.ttl if options.ttl is not None else definition.ttl
    return NewExecution(
        id=new_id(),
        workflow_name=definition.name,
        workflow_version=definition.version,
        input=payloads.encode(workflow_input, f"Input of workflow {definition.name!r}"),
        queue=options.queue if options.queue is not None else definition.queue,
        priority=options.priority,
        key=options.key,
        guarantee=options.guarantee or definition.guarantee,
        correlation_id=options.correlation_id,
        tags=tuple(dict.fromkeys((*definition.tags, *options.tags))),
        subject=plain_subject(options.subject),
        start_at=start_at,
        expires_at=(start_at or now) + ttl if ttl is not None else None,
    )


def check_options(options: StartOptions) -> None:
    """Refuse options that could not work.

    Raises:
        DefinitionError: The message names the option and what is legal.
    """
    for kind, word in (
        ("execution key", options.key),
        ("correlation id", options.correlation_id or None),
        ("subject", options.subject or None),
        *(("tag", tag) for tag in options.tags),
    ):
        if word is not None:
            check_key(kind, word)
    if options.queue is not None:
        check_queue(options.queue)
    if len(options.tags) > MAX_TAGS:
        raise DefinitionError(f"An execution has at most {MAX_TAGS} tags, not {len(options.tags)}.")
    if type(options.priority) is not int or not 0 <= options.priority <= MAX_PRIORITY:
        raise DefinitionError(
            f"Priority is a whole number from 0 to {MAX_PRIORITY}, not {options.priority!r}."
        )
    _check_times(options)


def plain_subject(subject: object) -> str:
    """Return a subject that is text already.

    Raises:
        DefinitionError: It is something else.
    """
    if isinstance(subject, str):
        return subject
    raise DefinitionError(
        f"A subject is a saved model instance or a text such as 'shop.order:991', not "
        f"{type(subject).__name__}."
    )


def _check_times(options: StartOptions) -> None:
    if options.start_at is not None and options.delay is not None:
        raise DefinitionError("Give start_at or delay, not both.")
    if options.start_at is not None and options.start_at.tzinfo is None:
        raise DefinitionError("start_at must be aware: give it a time zone.")
    if options.delay is not None and options.delay < timedelta(0):
        raise DefinitionError(f"A delay is 0 or longer, not {options.delay}.")
    if options.ttl is not None and options.ttl <= timedelta(0):
        raise DefinitionError(f"A ttl is longer than 0, not {options.ttl}.")


def check_same_start(existing: Execution, new: NewExecution, payloads: Payloads) -> None:
    """Refuse a key that was used with another input.

    Raises:
        ExecutionKeyConflictError: It was.
    """
    if existing.input == new.input:
        return
    # An encrypting codec never writes the same text twice: compare what it says.
    before, now = (payloads.decode(text, "Input") for text in (existing.input, new.input))
    if before != now:
        raise ExecutionKeyConflictError(new.workflow_name, new.key or "", existing.id)


def bind_input(
    definition: WorkflowDefinition, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Return the input that is stored for a call."""
    return definition.bind(args, kwargs)
