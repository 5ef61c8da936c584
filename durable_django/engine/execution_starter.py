"""Insert new executions, and plan those that are inserted with something else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from durable_django.domain.definition import WorkflowDefinition
from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.status import Guarantee
from durable_django.engine.same_start import check_same_start
from durable_django.engine.serialization import Payloads
from durable_django.engine.start_request import StartOptions, StartRequest
from durable_django.engine.starting import bind_input, new_execution
from durable_django.exceptions import DefinitionError
from durable_django.ports.checkpoint_store import CheckpointStore
from durable_django.ports.clock import Clock


class ExecutionStarter:
    """Makes executions out of definitions, inputs and options."""

    def __init__(
        self,
        store: CheckpointStore,
        payloads: Payloads,
        clock: Clock,
        *,
        wake: Callable[[str], object],
        subject_of: Callable[[object], str],
    ) -> None:
        self._store = store
        self._payloads = payloads
        self._clock = clock
        self._wake = wake
        self._subject_of = subject_of

    def start(
        self, definition: WorkflowDefinition, inputs: Iterable[Any], options: StartOptions
    ) -> list[tuple[Execution, bool]]:
        """Insert one execution per bound input, in the caller's transaction; all or none.

        Returns, in the order of the inputs, each with whether it is new: of a key that is taken
        comes the execution that has it.

        Raises:
            DefinitionError: An option is not legal.
            PayloadError: An input is not JSON-storable.
            ExecutionKeyConflictError: See `StartRequest.start`.
        """
        options = replace(options, subject=self._subject_of(options.subject))
        now = self._reckon_from(definition, options)
        new = [new_execution(definition, given, options, self._payloads, now) for given in inputs]
        rows = self._store.insert_executions(new)
        for wanted, (row, is_new) in zip(new, rows, strict=True):
            if not is_new:
                check_same_start(row, wanted, self._payloads)
        if new and new[0].start_at is None and new[0].guarantee is Guarantee.BACKGROUND:
            self._wake(new[0].queue)
        return rows

    def plan_child(
        self, target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> NewExecution:
        """Return what starts a workflow, or one with options, as a child of another execution.

        Raises:
            DefinitionError: The target is no workflow, or an option is not legal.
            PayloadError: An argument is not JSON-storable.
        """
        if not isinstance(target, StartRequest):
            raise DefinitionError(f"A child is a workflow (made by @workflow), not {target!r:.60}.")
        definition, options = target.parts
        options = replace(options, subject=self._subject_of(options.subject))
        given = bind_input(definition, args, kwargs)
        now = self._reckon_from(definition, options)
        planned = new_execution(definition, given, options, self._payloads, now)
        return replace(planned, guarantee=Guarantee.BACKGROUND)

    def _reckon_from(self, definition: WorkflowDefinition, options: StartOptions) -> datetime:
        """Return now; by the store's own clock, which costs a query, if anything is reckoned from it."""
        is_timed = options.delay is not None or (options.ttl or definition.ttl) is not None
        return self._store.now() if is_timed else self._clock.now()
