"""Turn a call's arguments and options into the execution that a store inserts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.execution import NewExecution
from durable_django.domain.identifiers import check_key, check_queue, new_id
from durable_django.domain.limit import Limit, line_key
from durable_django.domain.status import OnConflict
from durable_django.engine.serialization import Payloads
from durable_django.engine.start_request import StartOptions
from durable_django.exceptions import DefinitionError

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
    limit_key, limit_max = _limit_of(definition, workflow_input, options)
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
        limit_key=limit_key,
        limit_max=limit_max,
        on_conflict=OnConflict(options.on_conflict),
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
    _check_conflict(options)


def _check_conflict(options: StartOptions) -> None:
    known = [str(one) for one in OnConflict]
    if options.on_conflict not in known:
        raise DefinitionError(
            f"on_conflict is one of {', '.join(known)}; not {options.on_conflict!r:.80}."
        )
    if options.key is None and OnConflict(options.on_conflict) is not OnConflict.RETURN:
        raise DefinitionError(
            f"on_conflict={str(options.on_conflict)!r} says what becomes of a start whose key is "
            f"taken, and this one has none. Give it a key."
        )
    if options.limit is not None and not isinstance(options.limit, Limit):
        raise DefinitionError(
            f"A limit is a Limit, such as Limit(3), not {type(options.limit).__name__}."
        )


def _limit_of(
    definition: WorkflowDefinition, workflow_input: Any, options: StartOptions
) -> tuple[str, int]:
    """Return the key and the number of the start's limit; an empty key if it has none."""
    limit = options.limit if options.limit is not None else definition.limit
    is_queued = OnConflict(options.on_conflict) is OnConflict.QUEUE
    if sum((limit is not None, is_queued, bool(options.limit_key))) > 1:
        raise DefinitionError(
            f"A start of workflow {definition.name!r} would be under two limits"
            f"{' (on_conflict=' + repr('queue') + ' is one)' if is_queued else ''}: an execution is "
            f"under one at most. Leave one of them out."
        )
    if limit is not None:
        arguments = workflow_input if isinstance(workflow_input, Mapping) else {}
        return limit.key_for(definition.name, arguments), limit.max
    if is_queued:
        return line_key(definition.name, options.key or ""), 1
    return options.limit_key, options.limit_max


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


def bind_input(
    definition: WorkflowDefinition, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Return the input that is stored for a call."""
    return definition.bind(args, kwargs)
