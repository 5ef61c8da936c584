"""Tell the observers of human tasks that were just opened."""

from __future__ import annotations

from uuid import UUID

from durable_django.domain.wait import Wait
from durable_django.engine.slice_state import SliceState


def tell_of_opened(state: SliceState, wait: Wait) -> None:
    """Tell of the tasks that a wait has opened; call it once that is committed."""
    for part in wait.parts or (wait,):
        for _, new in part.asking:
            _tell(state, new.id)


def _tell(state: SliceState, task_id: UUID) -> None:
    # Read only if somebody listens.
    state.tell(lambda o: o.task_opened(state.execution, state.needs.store.load_task(task_id)))
