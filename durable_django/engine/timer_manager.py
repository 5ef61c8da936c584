"""Durable timers: arm one, and pass it once it has fired.

`fire_at` is fixed, in the store's time, when the timer is first registered. Replay and recovery
never move it; it fires once and never early.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from durable_django.domain.checkpoint import Checkpoint
from durable_django.domain.status import CheckpointKind, CheckpointStatus, WaitKind
from durable_django.domain.wait import Wait, check_wait
from durable_django.engine.slice_state import SliceState
from durable_django.engine.suspension import WorkflowSuspended
from durable_django.exceptions import DefinitionError


class TimerManager:
    """Arms and passes the sleeps of one slice."""

    def __init__(self, state: SliceState) -> None:
        self._state = state

    def sleep(self, name: str, duration: timedelta) -> None:
        """Pass once `duration` has gone by since the first time; see `WorkflowContext.sleep`."""
        check_wait(f"Sleep {name!r}", duration)
        self._pass_or_wait(name, after=duration)

    def sleep_until(self, name: str, instant: datetime) -> None:
        """Pass once `instant` has come; see `WorkflowContext.sleep_until`."""
        if instant.tzinfo is None:
            raise DefinitionError(f"Sleep {name!r} until {instant}: the instant must be aware.")
        self._pass_or_wait(name, alarm=instant)

    def _pass_or_wait(
        self, name: str, *, after: timedelta | None = None, alarm: datetime | None = None
    ) -> None:
        state = self._state
        call = state.replay.enter(CheckpointKind.SLEEP, name)
        if call.settled is not None:
            state.passed(call, call.settled)
            return
        state.check_may_begin()
        timer = state.claim.timers.get(call.key)
        if timer is None:
            wait = Wait(
                kind=WaitKind.TIMER,
                name=name,
                key=call.key,
                alarm=alarm,
                after=after,
                registers_timer=True,
            )
            state.stop(WorkflowSuspended(wait))
        if timer.fire_at > state.claim.now:
            wait = Wait(kind=WaitKind.TIMER, name=name, key=call.key, alarm=timer.fire_at)
            state.stop(WorkflowSuspended(wait))
        checkpoint = Checkpoint(
            execution_id=state.execution_id,
            key=call.key,
            name=name,
            position=call.position,
            branch_position=call.branch_position,
            kind=CheckpointKind.SLEEP,
            attempt=call.next_attempt,
            epoch=state.execution.epoch,
            status=CheckpointStatus.COMPLETED,
            output="null",
            started_at=timer.fire_at,
            completed_at=max(state.now(), timer.fire_at),
        )
        state.heed(state.write(state.needs.store.fire_timer, state.claim, checkpoint))
        del state.claim.timers[call.key]
        state.wrote(checkpoint)
        state.passed(call, checkpoint)
        state.tell(lambda o: o.step_completed(state.execution, checkpoint))
