"""The workflows that are crashed everywhere, and what their clients do meanwhile.

Between them they make every write that a slice or a client can make.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django import RetryPolicy, Terminal, WorkflowContext, workflow
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.engine.current_step import current_step
from durable_django.engine.durable_engine import DurableEngine
from durable_django.exceptions import SignalTimeoutError, StepFailedError, UnknownOutcomeError
from tests.crash_points.life import act_inside, act_outside, is_noted
from tests.crash_points.sagas import ABANDONED, CANCELLED, EXPIRED, SAGA
from tests.crash_points.snapshot import Row
from tests.crash_points.story import Act, Story

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

# --- what goes well ---


@workflow(name="crash.order")
def order(ctx: WorkflowContext) -> list[Any]:
    ctx.step("charge", act_outside)
    ctx.step("reserve", act_inside, atomic=True)
    ctx.sleep("cooling_off", DAY)
    note = ctx.wait_signal("note")
    packed = ctx.wait_signal("packed", timeout=3 * DAY)
    ctx.step("ship", act_outside)
    return [note, packed]


def _send(name: str, payload: Any) -> Act:
    def send(engine: DurableEngine, execution_id: UUID) -> None:
        engine.send_signal(execution_id, name, payload, dedupe_key=f"{name}-1")

    return send


def _next_act_of_order(row: Row) -> str | None:
    if row["waiting_kind"] == WaitKind.TIMER:
        return "send an early note"
    if row["waiting_kind"] == WaitKind.SIGNAL:
        return "say that it is packed"
    return None


ORDER = Story(
    workflow="crash.order",
    status=ExecutionStatus.COMPLETED,
    script=("charge", "reserve", "ship"),
    output='["ring twice",{"boxes":2}]',
    acts={
        "send an early note": _send("note", "ring twice"),
        "say that it is packed": _send("packed", {"boxes": 2}),
    },
    next_act=_next_act_of_order,
    min_points=80,
)


@workflow(name="crash.books")
def books(ctx: WorkflowContext) -> str:
    for name in ("debit", "credit", "post"):
        ctx.step(name, act_inside, atomic=True)
    return "balanced"


BOOKS = Story(
    workflow="crash.books",
    status=ExecutionStatus.COMPLETED,
    script=("debit", "credit", "post"),
    output='"balanced"',
)


@workflow(name="crash.retried")
def retried(ctx: WorkflowContext) -> int:
    patient = RetryPolicy.fixed(3, timedelta(seconds=10))
    ctx.step("outside", _act_outside_from_third_attempt, retry=patient)
    ctx.step(
        "inside",
        _act_inside_from_third_attempt,
        atomic=True,
        retry=RetryPolicy.fixed(3, timedelta(0)),
    )
    return 3


def _act_outside_from_third_attempt() -> None:
    act_outside()
    _fail_before_third_attempt()


def _act_inside_from_third_attempt() -> None:
    act_inside()
    _fail_before_third_attempt()


def _fail_before_third_attempt() -> None:
    if current_step().attempt < 3:
        raise ConnectionError("not yet")


RETRIED = Story(
    workflow="crash.retried",
    status=ExecutionStatus.COMPLETED,
    script=("outside", "inside"),
    output="3",
)


# --- waits that end otherwise ---


@workflow(name="crash.reminded")
def reminded(ctx: WorkflowContext) -> Any:
    try:
        return ctx.wait_signal("answer", timeout=HOUR)
    except SignalTimeoutError:
        ctx.step("remind", act_outside)
    answer = ctx.wait_signal("answer", timeout=HOUR)
    return [answer, ctx.wait_signal("thanks", timeout=HOUR, default="none")]


def _next_act_of_reminded(row: Row) -> str | None:
    if row["waiting_kind"] == WaitKind.SIGNAL and is_noted("effect"):
        return "answer late"
    return None


REMINDED = Story(
    workflow="crash.reminded",
    status=ExecutionStatus.COMPLETED,
    script=("remind",),
    output='["yes","none"]',
    acts={"answer late": _send("answer", "yes")},
    next_act=_next_act_of_reminded,
)


@workflow(name="crash.paused")
def paused(ctx: WorkflowContext) -> str:
    ctx.step("before", act_outside)
    ctx.sleep("night", DAY)
    ctx.step("after", act_outside)
    return "rested"


def _next_act_of_paused(row: Row) -> str | None:
    if row["status"] == ExecutionStatus.PAUSED:
        return "resume"
    return "pause" if row["waiting_kind"] == WaitKind.TIMER else None


PAUSED = Story(
    workflow="crash.paused",
    status=ExecutionStatus.COMPLETED,
    script=("before", "after"),
    output='"rested"',
    acts={
        "pause": lambda engine, execution_id: engine.pause(execution_id),
        "resume": lambda engine, execution_id: engine.resume(execution_id),
    },
    next_act=_next_act_of_paused,
)


@workflow(name="crash.hastened")
def hastened(ctx: WorkflowContext) -> str:
    ctx.sleep("winter", 90 * DAY)
    return ctx.step("wake", act_outside)


HASTENED = Story(
    workflow="crash.hastened",
    status=ExecutionStatus.COMPLETED,
    script=("wake",),
    output='"wake"',
    acts={"fire": lambda engine, execution_id: engine.acts.fire_timer(execution_id, "winter")},
    next_act=lambda row: "fire" if row["waiting_kind"] == WaitKind.TIMER else None,
    min_points=20,
    moved_timers=frozenset({"winter"}),
)


# --- what a person decides ---


@workflow(name="crash.parked", on_failure="park")
def parked(ctx: WorkflowContext) -> str:
    ctx.step("first", act_outside)
    ctx.step("second", _act_outside_once_repaired)
    return "repaired"


def _act_outside_once_repaired() -> None:
    act_outside()
    if not is_noted("asking"):
        raise Terminal("broken")


PARKED = Story(
    workflow="crash.parked",
    status=ExecutionStatus.COMPLETED,
    script=("first", "second"),
    output='"repaired"',
    acts={"retry": lambda engine, execution_id: engine.retry(execution_id)},
    next_act=lambda row: "retry" if row["status"] == ExecutionStatus.PARKED else None,
)


@workflow(name="crash.once")
def once(ctx: WorkflowContext) -> str:
    try:
        ctx.step("launch", act_outside, at_most_once=True)
    except UnknownOutcomeError:
        return "unknown"
    except StepFailedError:
        return "failed"
    return "launched"


ONCE = Story(
    workflow="crash.once",
    status=ExecutionStatus.COMPLETED,
    script=("launch",),
    output='"launched"',
    min_points=15,
    other_ends=((ExecutionStatus.COMPLETED, '"unknown"'),),
    at_most_once=frozenset({"launch"}),
)

STORIES = (
    ORDER,
    BOOKS,
    RETRIED,
    REMINDED,
    PAUSED,
    HASTENED,
    SAGA,
    CANCELLED,
    EXPIRED,
    ABANDONED,
    PARKED,
    ONCE,
)
