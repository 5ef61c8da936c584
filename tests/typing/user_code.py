"""What a user writes, as mypy must see it: checked by `mypy`, never run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_type
from uuid import UUID

from durable_django import (
    Approval,
    Limit,
    Recurrence,
    RetryPolicy,
    TaskAnswer,
    WorkflowContext,
    queues,
    schedules,
    workflow,
)
from durable_django.domain.schedule import Schedule
from durable_django.domain.work_queue import QueueControl, QueueStanding
from durable_django.engine.execution_handle import ExecutionHandle


def validate(order_id: int) -> float:
    return float(order_id)


async def announce(text: str) -> bool:
    return bool(text)


def refund(total: float) -> None:
    """Give the money back."""


@workflow(name="typing.order", version=2, ttl=timedelta(days=1))
def order(ctx: WorkflowContext, order_id: int, *, gift: bool = False) -> str:
    total = ctx.step("validate", validate, order_id, compensate=refund)
    assert_type(total, float)
    told = ctx.step("announce", announce, "hello", retry=RetryPolicy.fixed(3))
    assert_type(told, bool)
    ctx.step("validate", validate, "not a number")  # type: ignore[arg-type]
    assert_type(ctx.ask("approve", Approval()), TaskAnswer)
    asked = ctx.ask("late", Approval(), timeout=timedelta(days=1), default=None)
    assert_type(asked, TaskAnswer | None)
    ctx.ask("approve", Approval(), due=3)  # type: ignore[call-overload]
    assert_type(ctx.execution_id, UUID)
    return str(total)


@workflow
def bare(ctx: WorkflowContext) -> int:
    return 1


@workflow(schedule=Recurrence("0 9 * * MON-FRI", overlap="queue", tick_argument="day"))
def nightly(ctx: WorkflowContext, day: datetime) -> int:
    return day.day


@workflow(schedule=5)  # type: ignore[call-overload, untyped-decorator]
def never(ctx: WorkflowContext) -> None: ...


def operate() -> None:
    assert_type(schedules.create("a", "shop.report", every=timedelta(hours=1)), Schedule)
    assert_type(schedules.preview(cron="0 9 * * *", count=3), list[datetime])
    schedules.update("a", workflow="shop.other", tags=["x"])
    schedules.create("a", "shop.report", crom="0 9 * * *")  # type: ignore[call-arg]
    schedules.create("a", "shop.report", every=5)  # type: ignore[arg-type]


def use(ctx: WorkflowContext) -> None:
    assert_type(order.start(5, gift=True), ExecutionHandle[str])
    assert_type(order.options(key="k", priority=5).start(5), ExecutionHandle[str])
    assert_type(order.start(5).result(timeout=5), str)
    assert_type(order.run(5), str)
    assert_type(order(ctx, 5), str)
    assert_type(bare.start(), ExecutionHandle[int])
    order.start("5")  # type: ignore[arg-type]
    order.start()  # type: ignore[call-arg]
    order.start(5, price=3)  # type: ignore[call-arg]


def tenant_of(tenant: str, **_: object) -> str:
    return tenant


@workflow(limit=Limit(3, key=tenant_of))
def export(ctx: WorkflowContext, tenant: str) -> int:
    return 1


@workflow(limit=Limit(1, key=lambda tenant, **_: tenant))
def report(ctx: WorkflowContext, tenant: str) -> int:
    return 1


def limit() -> None:
    assert_type(export.options(limit=Limit(1)).start("a"), ExecutionHandle[int])
    latest = export.options(key="k", on_conflict="replace", delay=timedelta(minutes=5))
    assert_type(latest.start("a"), ExecutionHandle[int])
    assert_type(queues.configure("mail", max_running=3, rate="100/min"), QueueControl)
    assert_type(queues.configure("mail", max_running=None, rate=None), QueueControl)
    assert_type(queues.get("mail"), QueueStanding)
    queues.configure("mail", max_running="3")  # type: ignore[arg-type]
    Limit("3")  # type: ignore[arg-type]
    Limit(3, key=7)  # type: ignore[arg-type]
