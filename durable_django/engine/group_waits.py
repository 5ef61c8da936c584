"""What a group waits for: whatever any of its branches does, and the end of its own time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from durable_django.domain.status import WaitKind
from durable_django.domain.wait import Wait, list_waits
from durable_django.engine.records import Call
from durable_django.engine.slice_state import SliceState
from durable_django.engine.task_notices import tell_of_opened


def timeout_of(state: SliceState, call: Call, timeout: timedelta) -> Wait:
    """Return the wait for the end of the group's time, which is fixed when it first waits."""
    timer = state.claim.timers.get(call.key)
    return Wait(
        kind=WaitKind.TIMER,
        name=call.key,
        key=call.key,
        alarm=timer.fire_at if timer is not None else None,
        after=timeout if timer is None else None,
        registers_timer=timer is None,
    )


def opened(state: SliceState, wait: Wait) -> Wait:
    """Return a wait whose children and tasks are written; note them."""
    for checkpoint, _ in (*wait.starting, *wait.asking):
        state.opened(checkpoint)
    for _, child in wait.starting:
        state.needs.wake(child.queue)
    tell_of_opened(state, wait)
    return replace(wait, starting=(), asking=())


def combined(parts: Sequence[Wait]) -> Wait:
    """Return the wait for any of these."""
    if len(parts) == 1:
        return parts[0]
    return Wait(kind=WaitKind.SEVERAL, name=list_waits(parts), parts=tuple(parts))
