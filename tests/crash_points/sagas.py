"""The stories that undo what they did: failed, cancelled, out of time."""

from __future__ import annotations

from datetime import timedelta

from durable_django import Terminal, WorkflowContext, workflow
from durable_django.domain.status import ExecutionStatus, WaitKind
from durable_django.engine.current_step import current_step
from tests.crash_points.life import act_inside, act_outside
from tests.crash_points.story import Story

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def _undo_outside(result: str) -> None:
    act_outside()


def _undo_outside_at_second_attempt(result: str) -> None:
    act_outside()
    if current_step().attempt < 2:
        raise ConnectionError("not yet")


def _undo_inside(result: str) -> None:
    act_inside()


def _fail_for_good() -> None:
    act_outside()
    raise Terminal("out of stock")


def _prepare(ctx: WorkflowContext) -> None:
    ctx.step("book", act_outside, compensate=_undo_outside)
    ctx.step("reserve", act_inside, atomic=True, compensate=_undo_inside)
    ctx.step("charge", act_outside, compensate=_undo_outside_at_second_attempt)


PREPARED = ("book", "reserve", "charge")
UNDONE = ("~undo/charge", "~undo/reserve", "~undo/book")


@workflow(name="crash.saga")
def saga(ctx: WorkflowContext) -> None:
    _prepare(ctx)
    ctx.step("ship", _fail_for_good)


SAGA = Story(
    workflow="crash.saga",
    status=ExecutionStatus.FAILED,
    script=(*PREPARED, "ship", *UNDONE),
    min_points=80,
)


@workflow(name="crash.cancelled")
def cancelled(ctx: WorkflowContext) -> None:
    _prepare(ctx)
    ctx.sleep("cooling_off", DAY)
    ctx.step("ship", act_outside)


CANCELLED = Story(
    workflow="crash.cancelled",
    status=ExecutionStatus.CANCELLED,
    script=(*PREPARED, *UNDONE),
    acts={"cancel": lambda engine, execution_id: engine.cancel(execution_id, reason="customer")},
    next_act=lambda row: "cancel" if row["waiting_kind"] == WaitKind.TIMER else None,
    min_points=80,
)


@workflow(name="crash.expired", ttl=HOUR)
def expired(ctx: WorkflowContext) -> None:
    ctx.step("book", act_outside, compensate=_undo_outside)
    ctx.wait_signal("never")


EXPIRED = Story(
    workflow="crash.expired",
    status=ExecutionStatus.FAILED,
    script=("book", "~undo/book"),
)


@workflow(name="crash.abandoned")
def abandoned(ctx: WorkflowContext) -> None:
    _prepare(ctx)
    ctx.step("ship", act_outside)


# Cancelled wherever a crash has left it, by somebody who is tired of waiting for it.
ABANDONED = Story(
    workflow="crash.abandoned",
    status=ExecutionStatus.COMPLETED,
    script=(*PREPARED, "ship"),
    output="null",
    acts={"cancel": lambda engine, execution_id: engine.cancel(execution_id)},
    next_act=lambda row: "cancel" if row["status"] == ExecutionStatus.RUNNING else None,
    other_ends=((ExecutionStatus.CANCELLED, None),),
)
