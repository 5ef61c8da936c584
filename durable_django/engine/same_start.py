"""Whether a start whose key is taken may have the execution that took it."""

from __future__ import annotations

from durable_django.domain.execution import Execution, NewExecution
from durable_django.domain.status import OnConflict
from durable_django.engine.serialization import Payloads
from durable_django.exceptions import ExecutionKeyConflictError


def check_same_start(existing: Execution, new: NewExecution, payloads: Payloads) -> None:
    """Refuse a key that was used with another input or, if the start says so, at all.

    Raises:
        ExecutionKeyConflictError: It was.
    """
    if new.on_conflict is OnConflict.RAISE:
        raise ExecutionKeyConflictError(
            new.workflow_name, new.key or "", existing.id, wants_new=True
        )
    if existing.input == new.input:
        return
    # An encrypting codec never writes the same text twice: compare what it says.
    before, now = (payloads.decode(text, "Input") for text in (existing.input, new.input))
    if before != now:
        raise ExecutionKeyConflictError(new.workflow_name, new.key or "", existing.id)
