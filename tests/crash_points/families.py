"""The stories of executions with children, branches, maps, races and people."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from durable_django import (
    Approval,
    Child,
    Signal,
    Terminal,
    Timer,
    WorkflowContext,
    workflow,
)
from durable_django.domain.event import Actor, ActorKind
from durable_django.domain.status import ExecutionStatus
from durable_django.engine.durable_engine import DurableEngine
from durable_django.engine.task_answers import encode_data
from tests.crash_points.life import act_outside, scene
from tests.crash_points.snapshot import Row
from tests.crash_points.story import Story

BOB = Actor(kind=ActorKind.USER, id="bob", name="bob")


@workflow(name="crash.leaf")
def leaf(ctx: WorkflowContext, name: str) -> str:
    return ctx.step(name, act_outside)


@workflow(name="crash.stuck")
def stuck(ctx: WorkflowContext) -> None:
    ctx.wait_signal("never")


def _leaf() -> Any:
    return leaf.options(queue=scene())


def _on_item(_item: str) -> str:
    return act_outside()


def _undo(_result: object) -> None:
    act_outside()


def _fail_for_good() -> None:
    act_outside()
    raise Terminal("out of stock")


def _race(ctx: WorkflowContext) -> str:
    return ctx.race(
        go=Signal("go"), late=Timer(hours=1), other=Child(stuck.options(queue=scene()))
    )[0]


# --- what goes well ---


@workflow(name="crash.family")
def family(ctx: WorkflowContext) -> list[Any]:
    with ctx.parallel("prepare") as p:
        stock = p.step("stock", act_outside)
        bill = p.child("bill", _leaf(), "bill_work")
        asked = p.ask("approve", Approval())
        raced = p.branch("pick", _race)
    items = ctx.map("items", _on_item, ["i1", "i2"])
    leaves = ctx.map("leaves", _leaf(), ["l1", "l2"])
    return [stock.result, bill.result, bool(asked.result), raced.result, [*items], [*leaves]]


def _answer(engine: DurableEngine, execution_id: UUID) -> None:
    task = engine.store.list_tasks(execution_id)[-1]
    text = encode_data(engine.payloads, task.name, {"approved": True})
    engine.store.complete_task(task.id, "bob", text, "", BOB)


def _go(engine: DurableEngine, execution_id: UUID) -> None:
    engine.send_signal(execution_id, "go", dedupe_key="go")


def _next_act_of_family(row: Row) -> str | None:
    if "|task:prepare/approve|" in row["waiting_for"]:
        return "answer"
    return "go" if "|signal:go|" in row["waiting_for"] else None


FAMILY = Story(
    workflow="crash.family",
    status=ExecutionStatus.COMPLETED,
    script=("prepare/stock", "bill_work", "items/i1", "items/i2", "l1", "l2"),
    output=('["prepare/stock","bill_work",true,"go",["items/i1","items/i2"],["l1","l2"]]'),
    acts={"answer": _answer, "go": _go},
    next_act=_next_act_of_family,
    is_ordered=False,
    min_points=250,
    stride_factor=3,
)


# --- what is undone ---


def _reserve_and_race(ctx: WorkflowContext) -> str:
    ctx.step("reserve", act_outside, compensate=_undo)
    return ctx.race(go=Signal("go"), late=Timer(hours=1))[0]


@workflow(name="crash.family_saga")
def family_saga(ctx: WorkflowContext) -> None:
    with ctx.parallel("prepare") as p:
        p.step("stock", act_outside, compensate=_undo)
        p.child("bill", _leaf(), "bill_work", compensate=_undo)
        p.branch("pick", _reserve_and_race)
    ctx.map("items", _on_item, ["i1", "i2"], compensate=_undo)
    ctx.step("ship", _fail_for_good)


FAMILY_SAGA = Story(
    workflow="crash.family_saga",
    status=ExecutionStatus.FAILED,
    script=(
        "prepare/stock",
        "prepare/pick/reserve",
        "bill_work",
        "items/i1",
        "items/i2",
        "ship",
        "~undo/items/i2",
        "~undo/items/i1",
        "~undo/prepare/pick/reserve",
        "~undo/prepare/bill",
        "~undo/prepare/stock",
    ),
    undone=("items/i2", "items/i1", "prepare/pick/reserve", "prepare/bill", "prepare/stock"),
    is_ordered=False,
    min_points=200,
    stride_factor=3,
)


@workflow(name="crash.family_cancelled")
def family_cancelled(ctx: WorkflowContext) -> None:
    with ctx.parallel("prepare") as p:
        p.step("stock", act_outside, compensate=_undo)
        p.child("stuck", stuck.options(queue=scene()))
        p.ask("approve", Approval())
        p.branch("pick", _race)


FAMILY_CANCELLED = Story(
    workflow="crash.family_cancelled",
    status=ExecutionStatus.CANCELLED,
    script=("prepare/stock", "~undo/prepare/stock"),
    acts={"cancel": lambda engine, execution_id: engine.cancel(execution_id, reason="customer")},
    next_act=lambda row: "cancel" if row["waiting_kind"] == "several" else None,
    min_points=120,
    stride_factor=2,
)

# --- in branches that are dropped ---


@workflow(name="crash.family_hasty")
def family_hasty(ctx: WorkflowContext) -> str:
    """The first branch that succeeds drops a child, a task and a branch that has done something."""
    with ctx.parallel("prepare", policy="first_success") as p:
        p.child("stuck", stuck.options(queue=scene()))
        p.ask("approve", Approval())
        p.branch("pick", _reserve_and_race)
        p.wait("soon", Timer(timedelta(minutes=5)))
    return p.winner


FAMILY_HASTY = Story(
    workflow="crash.family_hasty",
    status=ExecutionStatus.COMPLETED,
    script=("prepare/pick/reserve",),
    output='"soon"',
    min_points=80,
)

FAMILIES = (FAMILY, FAMILY_SAGA, FAMILY_CANCELLED, FAMILY_HASTY)
