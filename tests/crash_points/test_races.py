"""Acts that meet a slice in progress, through the engine: whatever the order, nothing is lost.

Each race is run in every stagger: one side certainly first, both at once, one let go in the
middle of the other, and the other certainly first. So both orders are seen, and what lies between.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest

from durable_django import WorkflowContext, runtime, workflow
from durable_django.domain.status import ExecutionStatus, SignalStatus
from durable_django.engine.action_runner import InlineActionRunner
from durable_django.engine.durable_engine import DurableEngine, EngineOptions
from durable_django.engine.execution_handle import ExecutionHandle
from durable_django.engine.slice_outcome import SliceOutcome
from durable_django.exceptions import InvalidTransitionError
from durable_django.stores.orm.store import OrmCheckpointStore
from durable_django.testing.clock import ManualClock
from durable_django.testing.driver import LEASE
from tests.crash_points.models import Effect
from tests.stores.orm.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)
ROUNDS = 6
_is_midway = threading.Event()


class Stagger(StrEnum):
    ACT_FIRST = "act first"
    AT_ONCE = "at once"
    MIDWAY = "midway"
    SLICE_FIRST = "slice first"


@pytest.fixture
def engine() -> DurableEngine:
    clock = ManualClock()
    return runtime.build_engine(
        store=OrmCheckpointStore(alias="default", clock=clock),
        clock=clock,
        dispatcher=None,
        actions=InlineActionRunner(clock),
        options=EngineOptions(lease=LEASE, renews_leases=False),
    )


@workflow(name="race.short", queue="races")
def short(ctx: WorkflowContext) -> str:
    ctx.step("work", _work, str(ctx.execution_id), atomic=True)
    _is_midway.set()
    return "done"


def _work(execution_id: str) -> None:
    Effect.objects.create(execution_id=execution_id, step="work")


@workflow(name="race.waiting", queue="races")
def waiting(ctx: WorkflowContext) -> Any:
    _is_midway.set()
    return ctx.wait_signal("go")


@workflow(name="race.hasty", queue="races")
def hasty(ctx: WorkflowContext) -> Any:
    _is_midway.set()
    return ctx.wait_signal("go", timeout=HOUR, default="too late")


def test_of_two_recoverers_one_runs_the_slice(engine: DurableEngine) -> None:
    for _ in range(ROUNDS):
        handle = _start(engine, short)
        engine.claim("races")  # by a process that is never heard of again
        engine.clock.sleep(LEASE)

        reports = at_once(*[lambda: engine.recover(["races"])] * 2)

        assert [id_ for report in reports for id_ in report.resumed] == [handle.id]
        assert handle.refresh().status is ExecutionStatus.COMPLETED
        assert Effect.objects.filter(execution_id=handle.id).count() == 1
        assert handle.execution.fence == 2


def test_a_cancel_is_kept_or_refused(engine: DurableEngine) -> None:
    def cancel(handle: ExecutionHandle[Any]) -> bool:
        return engine.cancel(handle.id)

    seen = set()
    for handle, outcome, accepted in _races(engine, short, cancel):
        engine.drain(["races"])
        was_refused = isinstance(accepted, InvalidTransitionError)
        assert was_refused or accepted is True, accepted
        expected = ExecutionStatus.COMPLETED if was_refused else ExecutionStatus.CANCELLED
        assert handle.refresh().status is expected, outcome
        seen.add(expected)

    assert seen == {ExecutionStatus.COMPLETED, ExecutionStatus.CANCELLED}


def test_a_signal_wakes_or_is_found(engine: DurableEngine) -> None:
    def send(handle: ExecutionHandle[Any]) -> Any:
        return engine.send_signal(handle.id, "go", 7)

    seen = set()
    for handle, outcome, _ in _races(engine, waiting, send):
        engine.drain(["races"])
        assert handle.refresh().result(timeout=timedelta(0)) == 7
        seen.add(outcome.status)

    assert seen == {ExecutionStatus.COMPLETED, ExecutionStatus.SUSPENDED}


def test_a_signal_beats_the_timeout_or_is_left_over(engine: DurableEngine) -> None:
    def send(handle: ExecutionHandle[Any]) -> Any:
        return engine.send_signal(handle.id, "go", "in time")

    def let_time_run_out() -> None:
        engine.drain(["races"])
        engine.clock.sleep(HOUR)

    seen = set()
    for handle, _, answer in _races(engine, hasty, send, let_time_run_out):
        result = handle.refresh().result(timeout=timedelta(0))
        statuses = [signal.status for signal in engine.store.list_signals(handle.id)]
        if isinstance(answer, InvalidTransitionError):
            assert (result, statuses) == ("too late", [])
        else:
            left = SignalStatus.DELIVERED if result == "in time" else SignalStatus.DEAD
            assert statuses == [left]
        seen.add(result)

    assert seen == {"in time", "too late"}


def _races(
    engine: DurableEngine,
    start: Any,
    act: Callable[[ExecutionHandle[Any]], Any],
    prepare: Callable[[], object] = lambda: None,
) -> Any:
    """Yield the handle, the slice's outcome and the act's answer or error, for every race."""
    for stagger in list(Stagger) * ROUNDS:
        handle = _start(engine, start)
        prepare()
        [claim] = engine.claim("races")
        _is_midway.clear()
        is_first_over = threading.Event()

        def run(claim: Any = claim, over: Any = is_first_over, how: Stagger = stagger) -> Any:
            if how is Stagger.ACT_FIRST:
                assert over.wait(20)
            try:
                return engine.run_claim(claim)
            finally:
                over.set()

        def meet(of: Any = handle, over: Any = is_first_over, how: Stagger = stagger) -> Any:
            before = {Stagger.MIDWAY: _is_midway, Stagger.SLICE_FIRST: over}.get(how)
            assert before is None or before.wait(20)
            try:
                return act(of)
            finally:
                over.set()

        outcome, answer = at_once(run, meet)
        assert isinstance(outcome, SliceOutcome), outcome
        yield handle, outcome, answer


def _start(engine: DurableEngine, start: Any) -> ExecutionHandle[Any]:
    return engine.start_by_name(start.name, {})
